/** Tiled variants on rows that reach their branches; conv2d-tiled.slow.test.ts has more of both. */
import { describe } from "vitest";
import { testDevice } from "../harness.js";
import {
  alignedRows,
  convRows,
  testConv2d,
  tiledTarget,
} from "./conv2d-rows.js";

const { target } = await testDevice();

// Two buffers, a round that loads parts of both tiles, whole steps of K.
describe("conv2d, t32x32x8/4x4/db", () => {
  testConv2d(
    tiledTarget(target, "t32x32x8/4x4/db", "t32x32x8/4x4/db/s3"),
    alignedRows.slice(0, 3),
  );
});

// Tails everywhere, invocations without a task, an inner loop unrolled in part, more splits than there are steps.
describe("conv2d, t32x64x8/4x8/u2", () => {
  testConv2d(tiledTarget(target, "t32x64x8/4x8/u2", "t64x32x8/8x4/u4/s19"), [
    convRows[2]!,
    convRows[3]!,
  ]);
});

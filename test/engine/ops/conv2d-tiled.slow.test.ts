/**
 * Every block shape, depth and buffering of the tiled family: the smallest on the whole table, the others, which compile
 * for tens of seconds each on software adapters, on rows that reach their full tiles, their edges and their strides.
 */
import { describe } from "vitest";
import { testDevice } from "../harness.js";
import {
  alignedRows,
  convRows,
  testConv2d,
  testConv2dFusion,
  tiledTarget,
  wideRow,
} from "./conv2d-rows.js";

const { target } = await testDevice();
const variants = [
  ["t32x32x8/4x4", "t32x32x8/4x4/s1"],
  ["t32x64x12/4x8/db", "t64x32x12/8x4/db/s4"],
  ["t64x64x16/8x4/u4", "t64x64x16/8x4/u4/s2"],
  ["t64x64x16/8x8/db", "t64x64x16/8x8/db/s3"],
  ["t128x64x8/16x8", "t128x64x8/16x8/s5"],
  ["t128x128x8/8x8/db/u8", "t128x128x8/8x8/db/u8/s2"],
] as const;

describe.each(variants)("conv2d (%s, %s)", (gather, gradWeight) => {
  const tiled = tiledTarget(target, gather, gradWeight);
  const smallest = gather === variants[0][0];
  testConv2d(
    tiled,
    smallest
      ? [...alignedRows, ...convRows, wideRow]
      : [alignedRows[0]!, convRows[3]!, wideRow],
  );
  if (smallest) testConv2dFusion(tiled);
});

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

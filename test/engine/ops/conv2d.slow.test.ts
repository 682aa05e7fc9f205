import { describe } from "vitest";
import { targets } from "../harness.js";
import {
  type ConvRow,
  convRows,
  testConv2d,
  testConv2dFusion,
  wideRow,
} from "./conv2d-rows.js";

// The tiled family has a file of its own.
const registers = (await targets()).filter(({ family }) => family === "register"); // prettier-ignore

/** Its input gradient takes more workgroups than one dimension of a dispatch holds. */
const largeRow: ConvRow = {
  x: [1, 1500, 1500, 1],
  cout: 1,
  kernel: 3,
  stride: 2,
  padding: 1,
  bias: false,
};

describe.each(registers)("conv2d, every row ($name)", (target) => {
  testConv2d(target, [...convRows, wideRow, largeRow]);
  testConv2dFusion(target);
});

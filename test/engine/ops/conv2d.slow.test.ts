import { describe } from "vitest";
import { targets } from "../harness.js";
import {
  convRows,
  testConv2d,
  testConv2dFusion,
  wideRow,
} from "./conv2d-rows.js";

// The tiled family has a file of its own.
const registers = (await targets()).filter(({ family }) => family === "register"); // prettier-ignore

describe.each(registers)("conv2d, every row ($name)", (target) => {
  testConv2d(target, [...convRows, wideRow]);
  testConv2dFusion(target);
});

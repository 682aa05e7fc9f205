import { describe } from "vitest";
import { targets } from "../harness.js";
import { convRows, testConv2d, wideRow } from "./conv2d-rows.js";

describe.each(await targets())("conv2d, every row ($name)", (target) => {
  testConv2d(target, [...convRows, wideRow]);
});

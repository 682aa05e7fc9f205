import { describe } from "vitest";
import { targets } from "../harness.js";
import { convRows, testConv2d, testConv2dFusion } from "./conv2d-rows.js";

// Compiling is what takes time on software adapters: the family that the adapter runs gets the whole table, the others
// rows that reach all their branches. conv2d.slow.test.ts and conv2d-tiled.slow.test.ts run the rest.
describe.each(await targets())("conv2d ($name)", (target) => {
  const native = target.name === "register, subgroups";
  const some = target.family === "tiled" ? [2] : [2, 3, 6];
  const rows = native ? convRows : some.map((i) => convRows[i]!);
  testConv2d(target, rows);
  if (native) testConv2dFusion(target);
});

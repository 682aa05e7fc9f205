/** More blocks a subgroup, more subgroups, two buffers: the emulated products of these compile for seconds each. */
import { testMatrices } from "./conv2d-matrix-rows.js";

testMatrices([
  ["m32x16x16/2x1/db", "m16x32x16/1x2/db/s1"],
  ["m32x32x32/2x2", "m32x32x32/2x2/s3"],
]);

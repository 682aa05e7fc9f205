import { testMatrices } from "./conv2d-matrix-rows.js";

testMatrices([["m16x16x16/1x1", "m32x16x16/1x1/s2"]]);

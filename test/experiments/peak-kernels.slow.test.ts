import { describe } from "vitest";
import { testPlainMatmul } from "./peak-kernels.js";

describe("tiled peak kernels", () => {
  const size = { m: 128, n: 128, k: 32 };
  testPlainMatmul([
    { ...size, block: { rows: 4, vectors: 1 }, tile: 64 },
    { ...size, block: { rows: 8, vectors: 2 }, tile: 128 },
  ]);
});

import { describe, expect, it } from "vitest";
import { grid } from "../../shaders/common.js";
import type { PlainMatmulOptions } from "../../shaders/plain-matmul.wgsl.js";
import { registerFma } from "../../shaders/register-fma.wgsl.js";
import { testDevice } from "../engine/harness.js";
import { runKernel, testPlainMatmul } from "./peak-kernels.js";

const { subgroup } = (await testDevice()).target;

// Tiles take software adapters half a minute to compile: peak-kernels.slow.test.ts has them.
describe("peak kernels", () => {
  const size = { m: 64, n: 128, k: 32 };
  const kernels: PlainMatmulOptions[] = [
    { ...size, block: { rows: 4, vectors: 2 }, workgroup: 8 },
  ];
  if (subgroup > 0 && subgroup <= 16)
    for (const vectors of [2, 4])
      kernels.push({
        ...size,
        block: { rows: 4, vectors },
        workgroup: subgroup,
        broadcast: subgroup,
      });
  testPlainMatmul(kernels);

  it("does every multiply-add of the register kernel", async () => {
    const options = { workgroups: 3, workgroup: 4, chains: 2, rounds: 8 };
    const source = Float32Array.from([1, 2, 3, 2]);
    const factors = [0.5, 0.25, 0.75, 0.125];
    const words = await runKernel(
      registerFma(options),
      grid(options.workgroups),
      [source],
      options.workgroups * options.workgroup * 4,
    );
    words.forEach((word, at) => {
      const x = source[at % 4]!;
      let sum = 0;
      for (let chain = 0; chain < options.chains; chain++) {
        let c = x + Math.floor(at / 4) + chain;
        for (let round = 0; round < options.rounds; round++)
          c = Math.fround(c * factors[round % 4]! + x);
        sum += c;
      }
      expect(word).toBe(Math.fround(sum));
    });
  });
});

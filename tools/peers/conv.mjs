/**
 * One convolution, forward and both gradients, in tarnish and in other WebGPU libraries, beside the best plain WGSL
 * matrix product, on the same adapter in one run.
 *
 *   node conv.mjs [contestant…] [--shape 16x32x32x64-3x3-64] [--passes forward,dgrad,wgrad] [--rounds 5] [--steps N]
 *                 [--seconds 2.5] [--json]
 */
import {
  formatConvShape,
  parseConvShape,
} from "../../dist/src/experiments/bench/shapes.js";
import { main } from "./compare.mjs";

const names = {
  forward: "forward",
  dgrad: "input gradient",
  wgrad: "weight gradient",
};

function passesOf(text) {
  const passes = text.split(",");
  for (const pass of passes)
    if (!(pass in names))
      throw new Error(
        `--passes: expected ${Object.keys(names).join(", ")}, got ${pass}`,
      );
  return passes;
}

await main({
  contestants: ["tarnish", "tfjs", "tfjs+im2col", "jax", "matmul"],
  unit: "GFLOP/s",
  scale: 1e9,
  options: {
    shape: { type: "string", default: "16x32x32x64-3x3-64" },
    passes: { type: "string", default: Object.keys(names).join(",") },
  },
  task: ({ shape, passes }) => ({
    kind: "conv",
    shape: parseConvShape("--shape", shape),
    passes: passesOf(passes),
  }),
  title: ({ shape }) => `convolution ${formatConvShape(shape)}`,
});

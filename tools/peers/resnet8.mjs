/**
 * Training speed of ResNet-8 in tarnish and in other WebGPU libraries, on the same adapter in one run.
 *
 *   node resnet8.mjs [contestant…] [--batch 32] [--rounds 5] [--steps N] [--seconds 2.5] [--json]
 */
import { compareTraining } from "./training.mjs";

await compareTraining({
  model: "resnet8",
  batch: 32,
  contestants: ["tarnish", "tfjs", "tfjs+im2col", "jax"],
});

/**
 * Training speed of LeNet in tarnish and in other WebGPU libraries, on the same adapter in one run.
 *
 *   node lenet.mjs [contestant…] [--batch 64] [--rounds 5] [--steps N] [--seconds 2.5] [--json]
 */
import { compareTraining } from "./training.mjs";

await compareTraining({
  model: "lenet",
  batch: 64,
  contestants: ["tarnish", "tfjs", "tfjs+im2col", "jax"],
});

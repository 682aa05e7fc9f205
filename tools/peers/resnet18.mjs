/**
 * Training speed of ResNet-18 (CIFAR stem) in tarnish and in PyTorch, on the same GPU in one run.
 *
 *   node resnet18.mjs [contestant…] [--batch 512] [--rounds 5] [--steps N] [--seconds 2.5] [--json]
 */
import { compareTraining } from "./training.mjs";

await compareTraining({
  model: "resnet18",
  batch: 512,
  contestants: [
    "tarnish",
    "pytorch",
    "pytorch+benchmark",
    "pytorch+benchmark+channels-last",
    "pytorch+benchmark+channels-last+f16",
    "pytorch+benchmark+channels-last+bf16",
  ],
});

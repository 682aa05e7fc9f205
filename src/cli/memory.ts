/** What a run takes on the device, in words. */
import type { TrainingMemory } from "../engine/plan-training.js";
import type { TrainSettings } from "../experiments/settings.js";
import { formatBytes } from "./format.js";
import type { Output } from "./output.js";

export function printMemory(
  { total, activations, parameters, data, naive }: TrainingMemory,
  { batch, microBatch = batch }: TrainSettings,
  output: Output,
): void {
  output.print(
    `memory: ${formatBytes(total)} on the device: ${formatBytes(activations)} for ${microBatch} images at a time ` +
      `(${formatBytes(naive)} without sharing), ${formatBytes(parameters)} of weights, gradients and momentum, ${formatBytes(data)} of data`,
  );
}

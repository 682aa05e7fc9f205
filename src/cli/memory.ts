/** What a run takes on the device, in words. */
import type { TrainingMemory } from "../engine/plan-training.js";
import { formatBytes } from "./format.js";
import type { Output } from "./output.js";

/** The parts add up to the whole; what the step would take without sharing stands beside the step alone. */
export function printMemory(memory: TrainingMemory, output: Output): void {
  const { total, images, step, naive, smaller, evaluation } = memory;
  const parts = [
    `${formatBytes(step)} for ${images} images at a time (${formatBytes(naive)} without sharing)`,
    ...(smaller > 0
      ? [`${formatBytes(smaller)} more for smaller batches`]
      : []),
    ...(evaluation > 0
      ? [`${formatBytes(evaluation)} more for evaluation`]
      : []),
    `${formatBytes(memory.parameters)} of weights, gradients and momentum`,
    `${formatBytes(memory.data)} of data`,
  ];
  output.print(
    `memory: ${formatBytes(total)} on the device: ${parts.join(", ")}`,
  );
}

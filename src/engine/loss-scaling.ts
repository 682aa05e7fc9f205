/** The state of dynamic loss scaling, which kernels keep and adjust on the GPU (shaders/loss-scaling.wgsl.ts). */
import {
  initialScale,
  lossScalingWords,
} from "../../shaders/loss-scaling.wgsl.js";
import type { Device } from "./device.js";
import type { Precision } from "./precision.js";

/** Where dynamic loss scaling stands (f32 trains with a scale of 1 that never changes). */
export interface LossScaling {
  readonly scale: number;
  /** Steps in a row without an overflow, since the scale last changed. */
  readonly goodSteps: number;
  /** Steps that were skipped because of an overflow, since the beginning. */
  readonly skipped: number;
}

export const lossScalingBytes = 4 * lossScalingWords;

export function initialLossScaling(precision: Precision = "f32"): LossScaling {
  const scale = precision === "mixed" ? initialScale : 1;
  return { scale, goodSteps: 0, skipped: 0 };
}

/** Reads the state from its buffer. Waits for all submitted steps. */
export async function readLossScaling(
  device: Device,
  buffer: GPUBuffer,
): Promise<LossScaling> {
  const words = await device.read(buffer);
  const [, goodSteps, , skipped] = new Uint32Array(words);
  return {
    scale: new Float32Array(words)[0]!,
    goodSteps: goodSteps!,
    skipped: skipped!,
  };
}

export function writeLossScaling(
  device: Device,
  buffer: GPUBuffer,
  { scale, goodSteps, skipped }: LossScaling,
): void {
  const words = new Uint32Array([0, goodSteps, 0, skipped]);
  new Float32Array(words.buffer)[0] = scale;
  device.gpu.queue.writeBuffer(buffer, 0, words);
}

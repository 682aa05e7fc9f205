/** The step uniform: what changes from step to step. Mirrors shaders/step.wgsl.ts field by field. */
import { seedKey } from "./random.js";

export interface StepValues {
  /** The run's seed (dropout, augmentation). */
  readonly seed: number;
  /** Optimiser step and epoch, from 1. */
  readonly step: number;
  readonly epoch: number;
  /** First position of the (micro-)batch in the order. */
  readonly offset: number;
  /** Samples of the whole batch, over which the loss is a mean. */
  readonly samples: number;
  /** A further micro-batch of the step: its loss and gradients are added to what the earlier ones left. */
  readonly continues: boolean;
  /** Where the loss goes in the ring. */
  readonly logSlot: number;
  readonly learningRate: number;
  /** Momentum buffers are still empty (PyTorch's first step copies the gradient). */
  readonly firstStep: boolean;
}

export const stepBytes = 48;

export function encodeStep(values: StepValues): ArrayBuffer {
  const bytes = new ArrayBuffer(stepBytes);
  const words = new Uint32Array(bytes);
  words.set([
    ...seedKey(values.seed),
    values.step,
    values.epoch,
    values.offset,
    values.logSlot,
  ]);
  new Float32Array(bytes)[6] = values.learningRate;
  words[7] = values.firstStep ? 1 : 0;
  words[8] = values.samples;
  words[9] = values.continues ? 1 : 0;
  return bytes;
}

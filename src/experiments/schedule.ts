/** The learning rate and the order of images: functions of the step and the epoch, counted from 1. */
import { Purpose, RandomStream } from "../engine/random.js";

export interface Schedule {
  /** Peak learning rate. */
  readonly lr: number;
  /** All optimiser steps T, and W of them for the linear warm-up. */
  readonly totalSteps: number;
  readonly warmupSteps: number;
}

/** Linear warm-up lr·t/W for t ≤ W, then a cosine lr·½(1 + cos(π(t−1−W)/(T−W))), which ends just above 0. */
export function learningRateAt(
  step: number,
  { lr, totalSteps, warmupSteps }: Schedule,
): number {
  if (step <= warmupSteps) return (lr * step) / warmupSteps;
  const progress = (step - 1 - warmupSteps) / (totalSteps - warmupSteps);
  return lr * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** The order of images in an epoch. */
export const orders = ["shuffle", "sequential"] as const;
export type Order = (typeof orders)[number];

/** The images of an epoch in training order: the kept ones, shuffled anew each epoch or as they come. */
export function epochOrder(
  kept: Int32Array,
  order: Order,
  seed: number,
  epoch: number,
): Int32Array {
  if (order === "sequential") return kept;
  return new RandomStream(seed, Purpose.order, epoch).shuffle(kept.slice());
}

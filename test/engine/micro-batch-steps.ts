/** What the tests of gradient accumulation share: a small data set, and two steps of training on it. */
import { expect } from "vitest";
import type { Model } from "../../src/engine/network.js";
import type { Session } from "../../src/engine/session.js";
import { lenet } from "../../src/models/lenet.js";
import { readRecords } from "../models/golden.js";
import { testDevice } from "./harness.js";
import { sessionsWith, uploadImages } from "./sessions.js";

export const device = await testDevice();
export const count = 14;
export const images = await uploadImages({
  ...(await readRecords(count)),
  imageSize: 32,
  mean: [0.49, 0.48, 0.45],
  std: [0.25, 0.24, 0.26],
});

/** LeNet with dropout behind its pooling. */
export const model: Model = (net, x) => lenet(10)(net, net.dropout(x, 0.25));
export const augmentation = { padding: 2, flip: true, distort: true };
export const batch = 8;

export const withSession = sessionsWith({
  model,
  source: { kind: "images", images, augmentation },
  batch,
  optimizer: { momentum: 0.9, weightDecay: 1e-3 },
  seed: 5,
});

/** Two batches, of 8 and 6 or of one size: losses, logits of each batch, gradients after each, final weights. */
export async function trainEpoch(session: Session, size = batch) {
  const steps = [];
  for (let step = 1; step <= 2; step++) {
    const offset = (step - 1) * size;
    await session.train({
      step,
      offset,
      samples: Math.min(size, count - offset),
      learningRate: 0.05,
    });
    steps.push({
      loss: await session.loss(step),
      logits: await session.lastLogits(),
      gradients: await session.store.read(device, "gradients"),
    });
  }
  return { steps, weights: await session.store.read(device) };
}

/** Largest difference over all tensors, each relative to its largest value. */
export function distance(
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
): number {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  let worst = 0;
  for (const [name, values] of expected) {
    const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    values.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(actual.get(name)![i]! - value) / scale);
    });
  }
  return worst;
}

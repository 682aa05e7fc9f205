/**
 * A model against PyTorch (f64 truth): logits, all gradients of the first step, and ten optimiser steps of which
 * every fifth has the epoch's smaller last batch. Where f32 itself drifts from f64, the bound is ten times PyTorch's own
 * drift at the same settings (the goldens' `gap`).
 */
import { afterAll, expect, it } from "vitest";
import { cifarNormalisation } from "../../src/data/normalisation.js";
import { ImageSource } from "../../src/engine/image-source.js";
import type { KernelTarget } from "../../src/engine/graph.js";
import { Session } from "../../src/engine/session.js";
import { buildModel } from "../../src/models/registry.js";
import { testDevice } from "../engine/harness.js";
import { readGolden, readRecords } from "./golden.js";

const device = await testDevice();
const openSources: ImageSource[] = [];
afterAll(() => {
  for (const source of openSources) source.destroy();
});

async function source(count: number): Promise<ImageSource> {
  const images = await ImageSource.upload(device, {
    ...readRecords(count),
    imageSize: 32,
    ...cifarNormalisation.cifar10,
  });
  openSources.push(images);
  return images;
}

/** Largest absolute difference relative to the expected tensor's largest magnitude. */
function relativeError(
  actual: Float32Array | undefined,
  expected: Float32Array,
): number {
  expect(actual?.length).toBe(expected.length);
  let error = 0;
  let scale = 0;
  expected.forEach((value, i) => {
    const difference = Math.abs(actual![i]! - value);
    error = Number.isNaN(difference) ? Infinity : Math.max(error, difference);
    scale = Math.max(scale, Math.abs(value));
  });
  return error / (scale || 1);
}

/** Tests one model on one kernel family. */
export function testAgainstPyTorch(
  name: string,
  target: KernelTarget & { readonly name: string },
): void {
  const golden = readGolden(name);
  const {
    batch,
    momentum,
    nesterov,
    weight_decay: weightDecay,
    width,
    records,
  } = golden.settings;

  it(`${name}: logits, gradients and ten steps (${target.name})`, async () => {
    const session = await Session.create(device, {
      model: buildModel(name, 10, { width }),
      source: { kind: "images", images: await source(records) },
      batch,
      optimizer: { momentum, nesterov, weightDecay },
      target,
    });
    session.store.write(device, golden.group("init."));
    const rates = golden.values("lr");
    const losses: number[] = [];
    let step = 0;
    for (let epoch = 1; epoch <= 2; epoch++) {
      for (let offset = 0; offset < records; offset += batch) {
        const samples = Math.min(batch, records - offset);
        await session.train({
          step: step + 1,
          epoch,
          offset,
          samples,
          learningRate: rates[step]!,
        });
        if (step === 0) {
          expect(
            relativeError(
              await session.lastLogits(),
              golden.values("logits.train"),
            ),
          ).toBeLessThan(1e-4);
          const gradients = await session.store.read(device, "gradients");
          for (const [parameter, expected] of golden.group("grad.")) {
            expect(
              relativeError(gradients.get(parameter), expected),
              `gradient of ${parameter}`,
            ).toBeLessThan(1e-3);
          }
        }
        losses.push(await session.loss(++step));
      }
    }
    golden.values("loss").forEach((expected, i) => {
      const bound = Math.max(3e-4, 10 * golden.gap.loss_by_step[i]!);
      expect(
        Math.abs(losses[i]! - expected),
        `loss of step ${i + 1}`,
      ).toBeLessThan(bound);
    });
    const weights = await session.store.read(device);
    for (const [parameter, expected] of golden.group("final.")) {
      const bound = Math.max(3e-4, 10 * golden.gap[`final.${parameter}`]!);
      expect(
        relativeError(weights.get(parameter), expected),
        `final ${parameter}`,
      ).toBeLessThan(bound);
    }
    const evaluation = await session.evaluation(await source(8), 5);
    const { logits } = await evaluation.run();
    const bound = Math.max(3e-4, 10 * golden.gap["eval_logits"]!);
    expect(relativeError(logits, golden.values("eval_logits"))).toBeLessThan(
      bound,
    );
    evaluation.destroy();
    session.destroy();
  });
}

/**
 * A model against PyTorch (f64 truth): logits, all gradients of the first step, and ten optimiser steps of which
 * every fifth has the epoch's smaller last batch. Where f32 itself drifts from f64, the bound is ten times PyTorch's own
 * drift at the same settings (the goldens' `gap`). Initial weights and dropout masks are tarnish's own, which
 * tools/golden/philox.py draws too.
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
    ...(await readRecords(count)),
    imageSize: 32,
    ...cifarNormalisation.cifar10,
  });
  openSources.push(images);
  return images;
}

const largest = (values: Float32Array) =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Largest absolute difference relative to the expected tensor's largest magnitude. */
function relativeError(
  actual: Float32Array | undefined,
  expected: Float32Array,
): number {
  expect(actual?.length).toBe(expected.length);
  const error = expected.reduce((most, value, i) => {
    const difference = Math.abs(actual![i]! - value);
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }, 0);
  return error / (largest(expected) || 1);
}

/** Tests one case on one kernel family: all ten steps, or the first one's logits and gradients alone. */
export function testAgainstPyTorch(
  name: string,
  target: KernelTarget & { readonly name: string },
  { firstStepOnly = false } = {},
): void {
  const what = firstStepOnly ? "gradients" : "gradients and ten steps";
  it(`${name}: logits, ${what} (${target.name})`, async () => {
    const golden = await readGolden(name);
    const { settings } = golden;
    const { model, seed, batch, records, eval_records: evalRecords } = settings;
    const session = await Session.create(device, {
      model: buildModel(model, 10, settings),
      source: { kind: "images", images: await source(records) },
      batch,
      optimizer: {
        momentum: settings.momentum,
        nesterov: settings.nesterov,
        weightDecay: settings.weight_decay,
      },
      seed,
      target,
    });
    session.store.write(device, golden.group("init."));
    const initial = await session.store.read(device);
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
          const logits = await session.lastLogits();
          expect(
            relativeError(logits, golden.values("logits.train")),
          ).toBeLessThan(1e-4);
          const gradients = await session.store.read(device, "gradients");
          const expected = golden.group("grad.");
          expect([...gradients.keys()].sort()).toEqual(
            [...expected.keys()].sort(),
          );
          for (const [parameter, values] of expected)
            expect(
              relativeError(gradients.get(parameter), values),
              `gradient of ${parameter}`,
            ).toBeLessThan(1e-3);
          if (firstStepOnly) {
            session.destroy();
            return;
          }
        }
        losses.push(await session.loss(++step));
      }
    }
    /** Where f32 itself drifts from f64. */
    const drift = (gap: number | undefined) => Math.max(3e-4, 10 * gap!);
    golden.values("loss").forEach((expected, i) => {
      expect(
        Math.abs(losses[i]! - expected),
        `loss of step ${i + 1}`,
      ).toBeLessThan(drift(golden.gap.loss_by_step[i]));
    });
    const weights = await session.store.read(device);
    const final = golden.group("final.");
    expect([...weights.keys()].sort()).toEqual([...final.keys()].sort());
    for (const [tensor, expected] of final) {
      const gap = golden.gap[`final.${tensor}`]!;
      const actual = weights.get(tensor)!;
      expect(relativeError(actual, expected), `final ${tensor}`).toBeLessThan(
        drift(gap),
      );
      // At a small learning rate weights hardly change, and their change shows more: to 1 % of its largest value.
      const changeOf = (values: Float32Array) =>
        values.map((value, i) => value - initial.get(tensor)![i]!);
      const scale = largest(expected) / largest(changeOf(expected));
      expect(
        relativeError(changeOf(actual), changeOf(expected)),
        `change of ${tensor}`,
      ).toBeLessThan(Math.max(1e-2, 10 * gap * scale));
    }
    // The final weights as PyTorch has them: what evaluation makes of them is compared to the last digits.
    session.store.write(device, final);
    const evaluation = await session.evaluation(
      await source(evalRecords),
      batch,
    );
    const { logits } = await evaluation.run();
    expect(relativeError(logits, golden.values("eval_logits"))).toBeLessThan(
      1e-4,
    );
    evaluation.destroy();
    session.destroy();
  });
}

/** Mixed precision ends where f32 ends, but for what another seed would change as much: LeNet on the sample, five seeds. */
import { expect, it } from "vitest";
import {
  loadForSettings,
  poisonForSettings,
} from "../../src/experiments/node-dataset.js";
import { resolveSettings } from "../../src/experiments/settings.js";
import { train } from "../../src/experiments/trainer.js";
import type { Precision } from "../../src/engine/precision.js";
import { testDevice } from "../engine/harness.js";

const device = await testDevice();
const seeds = [0, 1, 2, 3, 4];

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

async function accuracies(precision: Precision): Promise<number[]> {
  const results: number[] = [];
  for (const seed of seeds) {
    const settings = resolveSettings({
      model: "lenet",
      data: "sample",
      epochs: 8,
      batch: 40,
      lr: 0.02,
      nesterov: true,
      augment: "none",
      evalEvery: 8,
      precision,
      seed,
    });
    const dataset = await loadForSettings(settings);
    const poisoned = await poisonForSettings(dataset, settings);
    const { last } = await train(device, dataset, settings, poisoned, {}, {});
    results.push(last.top1);
  }
  return results;
}

it.runIf(device.target.half)("ends within the noise of seeds", async () => {
  const exact = await accuracies("f32");
  const mixed = await accuracies("mixed");
  console.log(
    `top-1 of seeds 0 to 4: f32 ${exact.join(", ")}; mixed ${mixed.join(", ")}`,
  );
  const deviation = Math.sqrt(
    mean(exact.map((value) => (value - mean(exact)) ** 2)) *
      (seeds.length / (seeds.length - 1)),
  );
  expect(mean(exact)).toBeGreaterThan(0.38);
  expect(Math.abs(mean(mixed) - mean(exact))).toBeLessThan(deviation);
});

/** What a dry run measures is the run that it stands for. */
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/data/types.js";
import { measureCost } from "../../src/experiments/measure-cost.js";
import { planRun } from "../../src/experiments/memory.js";
import {
  resolveSettings,
  type TrainSettings,
} from "../../src/experiments/settings.js";
import { testDevice } from "../engine/harness.js";

const device = await testDevice();
const count = 32;
const split = {
  images: new Uint8Array(count * 3 * 32 * 32),
  labels: Int32Array.from({ length: count }, (_, i) => i % 2),
  count,
};
const dataset: Dataset = {
  name: "two classes",
  layout: "cifar10",
  classNames: ["a", "b"],
  imageSize: 32,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  train: split,
  test: split,
};

describe("the cost of a run", () => {
  it.each<Partial<TrainSettings>>([
    {},
    { microBatch: 8 },
    ...(device.target.half ? [{ precision: "mixed" } as const] : []),
  ])("is measured with its own settings: %j", async (changed) => {
    const settings = resolveSettings({
      model: "lenet",
      batch: count,
      augment: "none",
      ...changed,
    });
    const { deviceBytes } = await measureCost(device, dataset, settings);
    const plan = planRun(settings, dataset, count, device);
    // Evaluation may take a little more than training left.
    const planned = plan.activations + plan.parameters;
    expect(Math.abs(deviceBytes / planned - 1)).toBeLessThan(0.05);
  });
});

/** What a run takes on the device, as `tarnish train` prints it before anything is made there. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { printMemory } from "../../src/cli/memory.js";
import type { TrainingMemory } from "../../src/engine/plan-training.js";
import { kernelTargets } from "../../src/engine/targets.js";
import { planRun } from "../../src/experiments/memory.js";
import { resolveSettings } from "../../src/experiments/settings.js";

function lineOf(memory: TrainingMemory): string {
  const lines: string[] = [];
  printMemory(memory, {
    json: false,
    print: (line = "") => void lines.push(line),
    warn: () => undefined,
    result: () => undefined,
  });
  return lines.join("\n");
}

/** Of data like CIFAR's. */
const plan = (
  kept: number,
  classes: number,
  settings: Parameters<typeof resolveSettings>[0],
) =>
  planRun(
    resolveSettings(settings),
    {
      imageSize: 32,
      mean: [0, 0, 0],
      std: [1, 1, 1],
      classNames: Array.from({ length: classes }, String),
      train: { count: kept },
      test: { count: 10_000 },
    },
    kept,
    {
      adapterName: "some GPU",
      target: kernelTargets.gpu,
      gpu: {
        limits: {
          maxBufferSize: 2 ** 31 - 4,
          maxStorageBufferBindingSize: 2 ** 31 - 4,
        },
      },
    },
  );

it("says how many images a step has on the device where there are fewer than a batch", () => {
  expect(lineOf(plan(5, 10, {}))).toContain(" for 5 images at a time (");
  expect(lineOf(plan(5, 10, { microBatch: 128 }))).toContain(" for 5 images ");
  expect(lineOf(plan(500, 10, { microBatch: 48 }))).toContain(
    " for 48 images ",
  );
});

it("compares the step with the same step without sharing, and names what else there is", () => {
  const memory = plan(5, 10, {});
  const { step, naive, live, smaller, evaluation, activations } = memory;
  expect(step).toBeLessThan(naive);
  expect(step).toBeGreaterThanOrEqual(live);
  expect(evaluation).toBeGreaterThan(step);
  expect(smaller).toBe(0);
  expect(step + smaller + evaluation).toBe(activations);
  expect(lineOf(memory)).toMatch(
    /^memory: [\d.]+ MiB on the device: [\d.]+ KiB for 5 images at a time \([\d.]+ KiB without sharing\), [\d.]+ MiB more for evaluation, [\d.]+ KiB of weights, gradients and momentum, [\d.]+ MiB of data$/,
  );
});

it("is what docs/memory.md shows of ResNet-152 on CIFAR-100", () => {
  const page = new URL("../../docs/memory.md", import.meta.url);
  const line = lineOf(plan(50_000, 100, { model: "resnet152", batch: 128 }));
  expect(line).toContain(" more for smaller batches, ");
  expect(readFileSync(page, "utf8")).toContain(`\n${line}\n`);
});

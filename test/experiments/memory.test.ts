import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { kernelTargets } from "../../src/engine/targets.js";
import { OutOfMemoryError } from "../../src/engine/errors.js";
import { UserError } from "../../src/errors.js";
import {
  type Capacity,
  outOfMemory,
  planRun,
  requireFit,
} from "../../src/experiments/memory.js";
import {
  resolveSettings,
  type TrainSettings,
} from "../../src/experiments/settings.js";

const GiB = 2 ** 30;

/** CIFAR-100 as far as planning looks at it. */
const cifar: Parameters<typeof planRun>[1] = {
  imageSize: 32,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  classNames: Array.from({ length: 100 }, (_, i) => `class ${i}`),
  train: { count: 50_000 },
  test: { count: 10_000 },
};

/** A GPU that binds 2 GiB at once, with or without a known amount of memory. */
const gpu = (bytes?: number, binding = 2 * GiB - 4): Capacity => ({
  adapterName: "some GPU",
  target: kernelTargets.gpu,
  gpu: {
    limits: {
      maxBufferSize: binding,
      maxStorageBufferBindingSize: binding,
    },
  },
  ...(bytes !== undefined && {
    memory: { bytes, source: "the limit set for it is" },
  }),
});

const resnet152 = (changes: Partial<TrainSettings> = {}) =>
  resolveSettings({ model: "resnet152", batch: 128, ...changes });
const resnet50 = (changes: Partial<TrainSettings> = {}) =>
  resnet152({ model: "resnet50", ...changes });
const plan = (settings: TrainSettings) =>
  planRun(settings, cifar, 50_000, gpu());

/** What is said where a run does not fit. */
function refusal(settings: TrainSettings, capacity: Capacity): string {
  try {
    requireFit(settings, cifar, 50_000, capacity);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("it was not refused");
}

describe("the plan of ResNet-152 at batch 128", () => {
  const kept = plan(resnet152());
  const renewed = plan(resnet152({ recompute: true }));
  const parts = plan(resnet152({ microBatch: 32 }));

  it("takes at most 10 GiB, weights and data included, and within 2 % of what is alive at once", () => {
    expect(kept.total).toBeLessThan(10 * GiB);
    expect(kept.total).toBe(kept.activations + kept.parameters + kept.data);
    expect(kept.naive).toBeGreaterThan(2 * kept.activations);
    for (const { activations, live } of [kept, renewed, parts]) {
      expect(activations).toBeGreaterThanOrEqual(live);
      expect(activations).toBeLessThan(1.02 * live);
    }
  });

  it("takes about half where batch norm's outputs are computed again, and a quarter in quarters of the batch", () => {
    expect(renewed.activations / kept.activations).toBeLessThan(0.6);
    expect(parts.activations / kept.activations).toBeCloseTo(0.25, 1);
    expect(parts.parameters).toBe(kept.parameters);
    expect(parts.dispatches).toBeGreaterThan(3 * kept.dispatches);
  });
});

it("docs/memory.md has the tables that `npm run docs:memory` prints", () => {
  const rows = (text: string) =>
    text
      .split("\n")
      .filter((line) => /^\|.*\d\.\d\d/.test(line))
      .map((line) => line.replace(/ +/g, " "));
  const page = new URL("../../docs/memory.md", import.meta.url);
  const tool = fileURLToPath(
    new URL("../../tools/memory-table.js", import.meta.url),
  );
  const printed = execFileSync(process.execPath, [tool], { encoding: "utf8" });
  expect(rows(readFileSync(page, "utf8"))).toEqual(rows(printed));
});

describe("a run that does not fit", () => {
  it("is refused with what fits: the same result with less memory, or smaller parts of the batch", () => {
    const message = refusal(resnet152(), gpu(5 * GiB));
    expect(message).toMatch(
      /^resnet152 with --batch 128 needs \d\.\d\d GiB on the device, but the limit set for it is 5\.00 GiB\. What fits: --recompute \(4\.\d\d GiB, the same result, a little slower\), or --micro-batch 64 \(4\.\d\d GiB\)\.$/,
    );
    const [, micro] = /--micro-batch (\d+)/.exec(message)!;
    const advised = resnet152({ microBatch: Number(micro) });
    expect(() =>
      requireFit(advised, cifar, 50_000, gpu(5 * GiB)),
    ).not.toThrow();
  });

  it("may need both", () => {
    const message = refusal(resnet50({ recompute: true }), gpu(1 * GiB));
    expect(message).toContain("resnet50 with --batch 128 --recompute needs");
    expect(message).toMatch(/What fits: --micro-batch 32 \(0\.\d\d GiB\)\.$/);
  });

  it("is refused for a tensor that the adapter cannot bind, whatever memory there is", () => {
    const message = refusal(resnet50(), gpu(undefined, 100 * 2 ** 20));
    expect(message).toMatch(
      /its largest tensor, .+ \[128, 32, 32, 256\], takes 0\.13 GiB, and some GPU binds 100\.0 MiB at once\. What fits: --micro-batch 64/,
    );
  });

  it("is told so where nothing fits", () => {
    expect(refusal(resnet50({ batch: 16 }), gpu(0.1 * GiB))).toContain(
      "No --micro-batch makes it fit; take a smaller model or --width.",
    );
  });

  it("gets the same advice from a device that runs out while its buffers are made", () => {
    const error = outOfMemory(
      new OutOfMemoryError("some GPU: out of memory"),
      resnet50(),
      cifar,
      50_000,
      gpu(),
    );
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(
      /needs \d\.\d\d GiB on the device, which it does not have \(some GPU: out of memory\)\. What fits: --recompute .*--micro-batch 64/,
    );
  });
});

import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import {
  augmentations,
  planCourse,
  resolveSettings,
  type TrainSettings,
} from "../../src/experiments/settings.js";

describe("resolveSettings", () => {
  it("fills in the documented defaults", () => {
    expect(resolveSettings({})).toEqual({
      model: "lenet",
      width: 1,
      data: "sample",
      dataSplit: "official",
      splitSeed: 0,
      valFraction: 0.2,
      imageSize: 32,
      epochs: 30,
      batch: 128,
      lr: 0.02,
      momentum: 0.9,
      weightDecay: 5e-4,
      nesterov: false,
      warmup: 0,
      labelSmoothing: 0,
      noise: 0,
      noiseKind: "shuffle",
      keep: 1,
      augment: "standard",
      order: "shuffle",
      seed: 0,
      precision: "f32",
      evalEvery: 1,
      logEvery: 10,
    });
  });

  it("takes the model's own learning rate unless one is given", () => {
    expect(resolveSettings({ model: "resnet8" }).lr).toBe(0.1);
    expect(resolveSettings({ model: "resnet8", lr: 0.3 }).lr).toBe(0.3);
    expect(resolveSettings({ model: "resnet8", lr: undefined! }).lr).toBe(0.1);
  });

  it("augments as the two studies word it", () => {
    expect(augmentations).toEqual({
      none: { padding: 0, flip: false, distort: false },
      standard: { padding: 4, flip: true, distort: false },
      study: { padding: 2, flip: true, distort: true },
    });
  });

  it.each<[string, Partial<TrainSettings>, RegExp]>([
    ["an unknown model", { model: "alexnet" }, /alexnet.*lenet/],
    [
      "a width of a model that has one",
      { model: "lenet", width: 2 },
      /^--width.*lenet/,
    ],
    ["a width of 0", { model: "shallow", width: 0 }, /^--width.*got 0/],
    [
      "Nesterov without momentum",
      { nesterov: true, momentum: 0 },
      /^--nesterov.*--momentum/,
    ],
    ["a momentum of 1", { momentum: 1 }, /^--momentum.*got 1/],
    ["no epoch", { epochs: 0 }, /^--epochs: expected a whole number.*got 0/],
    ["a batch that is no number", { batch: NaN }, /^--batch: .*got NaN/],
    ["parts of no image", { microBatch: 0 }, /^--micro-batch: .*got 0/],
    ["half a seed", { seed: 0.5 }, /^--seed: .*got 0\.5/],
    ["an unknown word", { augment: "x" as "none" }, /^--augment: .*none/],
    [
      "a label smoothing above 1",
      { labelSmoothing: 1.5 },
      /^--label-smoothing.*1\.5/,
    ],
    [
      "a learning rate beyond 32 bits",
      { lr: 1e39 },
      /^--lr: expected at most 3\.40e\+38, .*1e\+39/,
    ],
    [
      "a weight decay beyond 32 bits",
      { weightDecay: 1e39 },
      /^--weight-decay: expected at most 3\.40e\+38/,
    ],
  ])("refuses %s", (_, given, message) => {
    expect(() => resolveSettings(given)).toThrow(UserError);
    expect(() => resolveSettings(given)).toThrow(message);
  });
});

describe("planCourse", () => {
  const plan = (given: Partial<TrainSettings>, images = 100) =>
    planCourse(resolveSettings({ epochs: 3, batch: 40, ...given }), images);

  it("counts the smaller last batch of an epoch", () => {
    expect(plan({})).toEqual({
      stepsPerEpoch: 3,
      totalSteps: 9,
      lastStep: 9,
      warmupSteps: 0,
    });
    expect(plan({}, 120)).toMatchObject({ stepsPerEpoch: 3 });
    expect(plan({}, 121)).toMatchObject({ stepsPerEpoch: 4, totalSteps: 12 });
  });

  it("takes the warm-up in epochs, fractions too", () => {
    expect(plan({ warmup: 2 }).warmupSteps).toBe(6);
    expect(plan({ warmup: 0.5 }).warmupSteps).toBe(2);
  });

  it("ends early with --max-steps and leaves the schedule's length alone; --steps sets it", () => {
    expect(plan({ maxSteps: 4 })).toMatchObject({ totalSteps: 9, lastStep: 4 });
    expect(plan({ maxSteps: 40 })).toMatchObject({
      totalSteps: 9,
      lastStep: 9,
    });
    expect(plan({ steps: 20 })).toMatchObject({ totalSteps: 20, lastStep: 20 });
    expect(plan({ steps: 20, maxSteps: 5 })).toMatchObject({
      totalSteps: 20,
      lastStep: 5,
    });
  });

  it("refuses a course without images, and one that is all warm-up", () => {
    expect(() => plan({ keep: 0 }, 0)).toThrow(UserError);
    expect(() => plan({ keep: 0 }, 0)).toThrow(/^--keep 0 /);
    expect(() => plan({ warmup: 3 })).toThrow(UserError);
    expect(() => plan({ warmup: 3 })).toThrow(/^--warmup 3: takes 9 of 9/);
  });
});

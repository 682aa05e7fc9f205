import { describe, expect, it } from "vitest";
import { CostModel, imagesOf } from "../../src/experiments/sweep-cost.js";
import { planSweep } from "../../src/experiments/sweep.js";
import { evenly } from "./planned-data.js";

const size = { trainImages: 1000, testImages: 300, classes: 10, imageSize: 32 };
const jobs = await planSweep(
  {
    models: ["lenet", "resnet8"],
    levels: [0.5],
    arms: ["noise", "reduction"],
    seeds: [0],
    budget: "epochs",
    bothBudgets: ["lenet"],
    settings: { epochs: 4, batch: 100, evalEvery: 3 },
    perModel: {},
  },
  evenly(size.trainImages),
);
const job = (id: string) => jobs.find((one) => one.id === `${id}_s0`)!;

describe("images of a job", () => {
  it.each([
    ["lenet_baseline_0", { trained: 4000, evaluated: 600, steps: 40 }],
    ["lenet_noise_0.5", { trained: 4000, evaluated: 600, steps: 40 }],
    ["lenet_reduction_0.5", { trained: 2000, evaluated: 600, steps: 20 }],
    // As many steps on half the images: twice the epochs.
    ["lenet_reduction-steps_0.5", { trained: 4000, evaluated: 900, steps: 40 }],
  ])("%s", (id, expected) => {
    expect(imagesOf(job(id), size)).toEqual(expected);
  });
});

describe("time left", () => {
  it("is unknown at first, then by work: models differ, and so do levels", () => {
    const cost = new CostModel(size);
    expect(cost.secondsLeft(jobs)).toBeNull();
    expect(cost.secondsLeft([])).toBe(0);
    // resnet8 has about 30 times lenet's multiply-adds.
    const ratio = cost.work(job("resnet8_baseline_0")) / cost.work(job("lenet_baseline_0")); // prettier-ignore
    expect(ratio).toBeGreaterThan(15);
    expect(ratio).toBeLessThan(60);
    cost.learn(job("lenet_baseline_0"), 1, 10);
    expect(cost.secondsLeft([job("lenet_noise_0.5")])).toBeCloseTo(10, 9);
    const half = (3 * 2000 + 600) / (3 * 4000 + 600);
    expect(cost.secondsLeft([job("lenet_reduction_0.5")])).toBeCloseTo(10 * half, 9); // prettier-ignore
    // Unmeasured, it is taken to compute as fast; measured, it speaks for itself.
    expect(cost.secondsLeft([job("resnet8_noise_0.5")])).toBeCloseTo(10 * ratio, 6); // prettier-ignore
    cost.learn(job("resnet8_baseline_0"), 1, 50);
    expect(cost.secondsLeft([job("resnet8_noise_0.5")])).toBeCloseTo(50, 9);
  });

  it("counts the job under way by its own pace", () => {
    const cost = new CostModel(size);
    const now = { job: job("lenet_baseline_0"), part: 0.25, left: 0.75, seconds: 5 }; // prettier-ignore
    expect(cost.secondsLeft([], now)).toBeCloseTo(15, 9);
    expect(cost.secondsLeft([job("lenet_noise_0.5")], now)).toBeCloseTo(35, 9);
    // Resumed at half: a quarter took 5 seconds, a quarter is left.
    expect(cost.secondsLeft([], { ...now, left: 0.25 })).toBeCloseTo(5, 9);
  });
});

import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import { poison } from "../../src/experiments/poison.js";
import { planSweep, type SweepPlan } from "../../src/experiments/sweep.js";
import { planStudy } from "../../web/src/worker/plan.js";
import { evenly } from "./planned-data.js";

const axes = { models: ["lenet"], arms: ["noise", "reduction"] } as const;
const plan = (levels: number[], changes: Partial<SweepPlan> = {}) => ({
  ...{ ...axes, levels, seeds: [0], budget: "epochs", bothBudgets: [] },
  ...{ settings: {}, perModel: {}, ...changes },
}) as const satisfies SweepPlan; // prettier-ignore

const removesAll =
  "removing 96 % of each class leaves none of the 100 training images; take a lower level, or more images";
const removesNone =
  "removing 4 % of each class removes none of the 100 training images; take a higher level, or more images";
const changesNone =
  "4 % of wrong labels in each class changes none of the 100 training images; take a higher level, or more images";

describe("a level that says nothing is refused, by class and not by the sum", () => {
  // Of the 10 images of a class 0.4 would stay, or go.
  it.each([
    ["reduction", 0.96, removesAll],
    ["reduction", 0.04, removesNone],
    ["noise", 0.04, changesNone],
  ] as const)("%s %d", async (arm, level, message) => {
    const refused = planSweep(plan([0.5, level], { arms: [arm] }), evenly(100));
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(message);
    // The lab says the same, of its choices and not of flags.
    const request = { data: "own", ...axes, arms: [arm], levels: [0, level], epochs: 1, seed: 0 } as const; // prettier-ignore
    await expect(
      planStudy({ name: "mine", ...evenly(100) }, request),
    ).rejects.toThrow(message);
    expect(message).not.toContain("--");
  });

  it("goes by what reduction leaves", async () => {
    const jobs = await planSweep(plan([0.94]), evenly(100));
    const { settings } = jobs.find(({ arm }) => arm === "reduction")!;
    const { train, classNames } = evenly(100);
    expect(poison(train.labels, classNames.length, { ...settings, kind: settings.noiseKind }).kept).toHaveLength(10); // prettier-ignore
  });

  it("of few labels that may stay as they are, those are drawn", async () => {
    // One image of each of two classes is chosen: shuffled, their labels change or do not.
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, async (_, seed) => {
        const { train } = evenly(20, 2);
        const kind = "shuffle";
        const { changed } = poison(train.labels, 2, { noise: 0.1, kind, keep: 1, seed }); // prettier-ignore
        const planned = planSweep(plan([0.1], { arms: ["noise"], seeds: [seed] }), evenly(20, 2)); // prettier-ignore
        const taken = await planned.then(() => true, () => false); // prettier-ignore
        expect(taken).toBe(changed > 0);
        return taken;
      }),
    );
    expect(new Set(outcomes).size).toBe(2);
  });

  it("a shuffle within one class, however many it chooses", async () => {
    const labels = new Int32Array(1000);
    labels[999] = 1;
    const data = { train: { labels }, classNames: ["a", "b"] };
    await expect(planSweep(plan([0.4]), data)).rejects.toThrow("changes none of the 1,000"); // prettier-ignore
    const uniform = { settings: { noiseKind: "uniform" } } as const;
    await planSweep(plan([0.4], { ...uniform, arms: ["noise"] }), data);
  });

  it("a matrix that keeps every label", async () => {
    const arms = { arms: ["noise"], settings: { noiseKind: "matrix:m.json" } } as const; // prettier-ignore
    const data = evenly(100, 2);
    const withMatrix = (matrix: number[][]) =>
      planSweep(plan([0.5], arms), data, () => matrix);
    await expect(withMatrix([[1, 0], [0, 1]])).rejects.toThrow("changes none"); // prettier-ignore
    await withMatrix([[0.9, 0.1], [0, 1]]); // prettier-ignore
  });
});

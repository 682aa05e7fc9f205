import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  parseRunName,
  planSweep,
  shardOf,
  type SweepPlan,
  type SweepSettings,
} from "../../src/experiments/sweep.js";
import { evenly } from "./planned-data.js";

const levels = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.7, 0.9];
const base: SweepPlan = {
  models: ["lenet", "shallow"],
  levels,
  arms: ["noise", "reduction"],
  seeds: [0, 1],
  budget: "epochs",
  bothBudgets: [],
  settings: {},
  perModel: {},
};
const plan = (settings: SweepSettings = {}, changes: Partial<SweepPlan> = {}) =>
  planSweep(
    { ...base, settings: { epochs: 2, ...settings }, ...changes },
    evenly(2000),
  );

describe("planSweep", () => {
  it("has each level of each arm once per model and seed, and one baseline for both arms", async () => {
    const jobs = await plan();
    expect(jobs).toHaveLength(2 * 2 * (1 + 2 * levels.length));
    const baselines = jobs.filter(({ arm }) => arm === "baseline");
    expect(baselines.map(({ id }) => id)).toEqual([
      "lenet_baseline_0_s0",
      "lenet_baseline_0_s1",
      "shallow_baseline_0_s0",
      "shallow_baseline_0_s1",
    ]);
    for (const { settings, level } of baselines) {
      expect(level).toBe(0);
      expect(settings).toMatchObject({ noise: 0, keep: 1 });
    }
    for (const values of ["id", "hash", "folder"] as const)
      expect(new Set(jobs.map((job) => job[values])).size).toBe(jobs.length);
  });

  it("turns a level into noise or into what is kept, without the noise of binary fractions", async () => {
    const jobs = (await plan()).filter(
      ({ settings }) => settings.model === "lenet" && settings.seed === 1,
    );
    const reduction = jobs.filter(({ arm }) => arm === "reduction");
    // 1 − 0.9 is 0.09999999999999998 and 1 − 0.7 is 0.30000000000000004.
    expect(reduction.map(({ settings }) => settings.keep)).toEqual([
      0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.4, 0.3, 0.1,
    ]);
    expect(reduction.every(({ settings }) => settings.noise === 0)).toBe(true);
    const noise = jobs.filter(({ arm }) => arm === "noise");
    expect(noise.map(({ settings }) => settings.noise)).toEqual(levels);
    expect(noise.every(({ settings }) => settings.keep === 1)).toBe(true);
  });

  it("names a run by what it is and by its settings' hash", async () => {
    const [job] = await plan();
    expect(job!.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(job!.folder).toBe(
      `runs/lenet_baseline_0_s0-${job!.hash.slice(0, 8)}`,
    );
  });

  it("hashes the settings: not their order, but every one of them", async () => {
    const hashes = async (settings?: SweepSettings) =>
      (await plan(settings, { models: ["lenet"] })).map(({ hash }) => hash);
    const before = await hashes();
    expect(await hashes()).toEqual(before);
    const [first] = await plan({ epochs: 2, batch: 50, lr: 0.1 });
    const [second] = await plan({ lr: 0.1, batch: 50, epochs: 2 });
    expect(second!.hash).toBe(first!.hash);
    const changes: SweepSettings[] = [
      { lr: 0.01 },
      { epochs: 3 },
      { data: "cifar10" },
      { trainLimit: 100 },
      { nesterov: true },
      { noiseKind: "uniform" },
    ];
    for (const change of changes) {
      const after = await hashes(change);
      after.forEach((hash, i) => {
        expect(hash, JSON.stringify(change)).not.toBe(before[i]);
      });
    }
  });

  it("gives reduced runs the baseline's steps under a budget of steps", async () => {
    const stepsOf = async (settings: SweepSettings) =>
      new Set(
        (await plan(settings, { budget: "steps" }))
          .filter(({ arm }) => arm === "reduction")
          .map((job) => job.settings.steps),
      );
    // 2 epochs of 2,000 images in batches of 128: 2 × 16.
    expect(await stepsOf({})).toEqual(new Set([32]));
    expect(await stepsOf({ batch: 100 })).toEqual(new Set([40]));
    expect(await stepsOf({ steps: 7 })).toEqual(new Set([7]));
    const others = (await plan({}, { budget: "steps" })).filter(
      ({ arm }) => arm !== "reduction",
    );
    expect(others.every((job) => job.settings.steps === undefined)).toBe(true);
  });

  it("has a second reduction arm for the models that are reduced under both budgets", async () => {
    const jobs = await plan({}, { bothBudgets: ["lenet"] });
    const second = jobs.filter(({ arm }) => arm === "reduction-steps");
    expect(second).toHaveLength(2 * levels.length);
    for (const { model, level, settings } of second) {
      expect(model).toBe("lenet");
      expect(settings.steps).toBe(32);
      expect(settings.keep).toBeCloseTo(1 - level, 12);
    }
    expect(new Set(jobs.map(({ folder }) => folder)).size).toBe(jobs.length);
    expect(await plan({}, { bothBudgets: ["lenet"], budget: "steps" })).toHaveLength(jobs.length - second.length); // prettier-ignore
  });

  it("trains no reduction twice where steps make all runs equally long already", async () => {
    const arms = { bothBudgets: ["lenet", "shallow"] };
    const jobs = await plan({ steps: 40 }, arms);
    expect(new Set(jobs.map(({ hash }) => hash)).size).toBe(jobs.length);
    expect(jobs.filter(({ arm }) => arm === "reduction-steps")).toEqual([]);
    const own = await plan({}, { ...arms, perModel: { lenet: { steps: 40 } } });
    const second = own.filter(({ arm }) => arm === "reduction-steps");
    expect(new Set(second.map(({ model }) => model))).toEqual(new Set(["shallow"])); // prettier-ignore
  });

  it("keeps a width from models that have none, and gives a model its own settings", async () => {
    const jobs = await plan(
      { width: 0.5 },
      { perModel: { shallow: { lr: 0.007 } }, seeds: [0] },
    );
    for (const { model, settings } of jobs) {
      expect(settings.width).toBe(model === "lenet" ? 1 : 0.5);
      expect(settings.lr).toBe(model === "lenet" ? 0.02 : 0.007);
    }
  });

  it("keeps the default batch where there are fewer images, and refuses one that was asked for", async () => {
    const own = { shallow: { batch: 2001 } };
    await expect(plan({}, { perModel: own })).rejects.toThrow("--batch 2001");
    const small = await planSweep(
      { ...base, settings: { epochs: 2 } },
      evenly(100),
    );
    expect(new Set(small.map(({ settings }) => settings.batch))).toEqual(new Set([128])); // prettier-ignore
    // One setting for all runs: what a reduction leaves of the batch is what it trains on at once.
    const asked = await planSweep(
      { ...base, settings: { batch: 100 } },
      evenly(100),
    );
    expect(new Set(asked.map(({ settings }) => settings.batch))).toEqual(new Set([100])); // prettier-ignore
  });

  it("refuses to end runs before the epochs that a reduction arm compares", async () => {
    // 2 epochs of 2,000 images in batches of 128: 32 steps.
    const message =
      "--max-steps 31: ends runs of lenet after fewer than their 32 steps, but the reduction arm compares equally many " +
      "epochs; take --steps 31 or --budget steps for runs of equal length, or leave it out";
    await expect(plan({ maxSteps: 31 })).rejects.toThrow(message);
    await expect(plan({ maxSteps: 31 }, { bothBudgets: ["lenet"] })).rejects.toThrow(message); // prettier-ignore
    const own = { lenet: { maxSteps: 31 } };
    await expect(plan({}, { perModel: own })).rejects.toThrow(message);
    await plan({ maxSteps: 32 });
    // Equally many steps are what these compare, and so it stays.
    await plan({ maxSteps: 31 }, { arms: ["noise"] });
    await plan({ maxSteps: 31 }, { budget: "steps" });
    await plan({ maxSteps: 31, steps: 40 });
  });

  it("refuses what would fail later", async () => {
    await expect(plan({ batch: 2001 })).rejects.toThrow(
      "--batch 2001: there are 2000 training images",
    );
    await expect(plan({ warmup: 2 })).rejects.toThrow("--warmup 2: takes");
  });
});

describe("names of runs", () => {
  it("are read back", async () => {
    for (const { id, folder, model, arm, level, seed } of await plan(
      {},
      { bothBudgets: ["lenet"] },
    )) {
      // prettier-ignore
      const name = { model, arm, level, seed };
      expect(parseRunName(id)).toEqual(name);
      expect(parseRunName(folder.replace("runs/", ""))).toEqual(name);
    }
  });
  it.each(["", "lenet", "lenet_noise_0.2", "lenet_lies_0.2_s0", ".DS_Store"])(
    "%j is none",
    (name) => {
      expect(parseRunName(name)).toBeNull();
    },
  );
});

describe("shards", () => {
  it("together are the whole, each item once", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer()),
        fc.integer({ min: 1, max: 9 }),
        (items, n) => {
          const parts = Array.from({ length: n }, (_, i) =>
            shardOf(items, { k: i + 1, n }),
          );
          expect(parts.flat().sort()).toEqual([...items].sort());
          const sizes = parts.map(({ length }) => length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(2);
        },
      ),
    );
  });
});

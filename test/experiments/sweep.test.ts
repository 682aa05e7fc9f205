import { describe, expect, it } from "vitest";
import {
  resolveSettings,
  type TrainSettings,
} from "../../src/experiments/settings.js";
import { planSweep } from "../../src/experiments/sweep.js";

const levels = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 0.7, 0.9];
const plan = (
  override: Partial<TrainSettings> = {},
  models = ["lenet", "shallow"],
) =>
  planSweep(
    { models, levels, arms: ["noise", "reduction"], seeds: [0, 1] },
    (model, seed) => resolveSettings({ model, seed, epochs: 2, ...override }),
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
    const hashes = async (override?: Partial<TrainSettings>) =>
      (await plan(override, ["lenet"])).map(({ hash }) => hash);
    const before = await hashes();
    expect(await hashes()).toEqual(before);
    const { batch, ...others } = resolveSettings({});
    const [first] = await planSweep(
      { models: ["lenet"], levels: [], arms: [], seeds: [0] },
      () => ({ batch, ...others }),
    );
    const [second] = await planSweep(
      { models: ["lenet"], levels: [], arms: [], seeds: [0] },
      () => ({ ...others, batch }),
    );
    expect(second!.hash).toBe(first!.hash);
    const changes: Partial<TrainSettings>[] = [
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
});

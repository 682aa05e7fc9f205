/** A sweep as a list of jobs: which runs there are, what each is called, and the hash that says whether it is done. */
import { configHash } from "./config-hash.js";
import type { Arm } from "./tables.js";
import type { TrainSettings } from "./settings.js";

export interface SweepJob {
  /** `<model>_<arm>_<level>_s<seed>`. */
  readonly id: string;
  /** SHA-256 in hex of the settings. */
  readonly hash: string;
  /** `runs/<id>-<hash8>`, relative to the sweep folder. */
  readonly folder: string;
  readonly arm: Arm;
  /** Share of wrong labels or of removed images; 0 for the baseline. */
  readonly level: number;
  readonly settings: TrainSettings;
}

export interface SweepPlan {
  readonly models: readonly string[];
  /** Shares above 0; the baseline is trained once per model and seed and serves both arms. */
  readonly levels: readonly number[];
  readonly arms: readonly Exclude<Arm, "baseline">[];
  readonly seeds: readonly number[];
}

/** The jobs of a sweep: per model and seed the baseline, then each level of each arm. */
export async function planSweep(
  plan: SweepPlan,
  settingsFor: (model: string, seed: number) => TrainSettings,
): Promise<SweepJob[]> {
  const jobs: SweepJob[] = [];
  for (const model of plan.models) {
    for (const seed of plan.seeds) {
      const base = settingsFor(model, seed);
      const conditions: { arm: Arm; level: number }[] = [
        { arm: "baseline", level: 0 },
        ...plan.arms.flatMap((arm) =>
          plan.levels.map((level) => ({ arm, level })),
        ),
      ];
      for (const { arm, level } of conditions) {
        const settings: TrainSettings = {
          ...base,
          noise: arm === "noise" ? level : 0,
          // 1 − level without the noise of binary fractions: 0.7, not 0.7000000000000001.
          keep: arm === "reduction" ? Number((1 - level).toFixed(12)) : 1,
        };
        const hash = await configHash(settings);
        const id = `${model}_${arm}_${level}_s${seed}`;
        jobs.push({
          id,
          hash,
          folder: `runs/${id}-${hash.slice(0, 8)}`,
          arm,
          level,
          settings,
        });
      }
    }
  }
  return jobs;
}

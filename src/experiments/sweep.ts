/** A sweep as a list of jobs: which runs there are, what each is called, and the hash that says whether it is done. */
import { UserError } from "../errors.js";
import { models } from "../models/registry.js";
import { configHash } from "./config-hash.js";
import {
  checkBatch,
  type Course,
  planCourse,
  replaceSettings,
  resolveSettings,
  type TrainSettings,
} from "./settings.js";
import { effectsOn, type MatrixOf, type PlannedData } from "./sweep-effect.js";
import { type Arm, arms, type Budget, type SweepArm } from "./tables.js";

/** What a run of a sweep is: its id is `<model>_<arm>_<level>_s<seed>`. */
export interface RunName {
  readonly model: string;
  readonly arm: Arm;
  /** Share of wrong labels or of removed images; 0 for the baseline. */
  readonly level: number;
  readonly seed: number;
}

export interface SweepJob extends RunName {
  readonly id: string;
  /** SHA-256 in hex of the settings. */
  readonly hash: string;
  /** `runs/<id>-<hash8>`, relative to the sweep folder. */
  readonly folder: string;
  readonly settings: TrainSettings;
}

/** The axes of a sweep: one is a model, an arm, a level, a seed; every combination is a run. */
export interface SweepPlan {
  readonly models: readonly string[];
  /** Shares above 0; the baseline is trained once per model and seed and serves both arms. */
  readonly levels: readonly number[];
  readonly arms: readonly SweepArm[];
  readonly seeds: readonly number[];
  /** What reduction holds constant: the epochs, or as many optimiser steps as the baseline makes. */
  readonly budget: Budget;
  /** Models that are reduced under a budget of steps too, where their budget is epochs. */
  readonly bothBudgets: readonly string[];
  /** Settings of every run. */
  readonly settings: SweepSettings;
  /** Settings of one model's runs. */
  readonly perModel: Readonly<Record<string, SweepSettings>>;
}

/** Settings of runs but for those that the sweep varies. */
export type SweepSettings = Partial<
  Omit<TrainSettings, "model" | "noise" | "keep" | "seed">
>;

/**
 * The jobs of a sweep: per model and seed the baseline, then each level of each arm.
 *
 * @param data Training images before reduction: what the levels come to, class by class, is counted from them.
 * @param matrixOf Reads the matrix of the kinds of noise that draw from one.
 * @throws UserError for settings that do not fit, and for levels that leave nothing or change nothing
 */
export async function planSweep(
  plan: SweepPlan,
  data: PlannedData,
  matrixOf: MatrixOf = () => undefined,
): Promise<SweepJob[]> {
  const images = data.train.labels.length;
  const keptBy = effectsOn(data, matrixOf);
  const jobs: SweepJob[] = [];
  for (const model of plan.models) {
    const given = settingsOf(plan, model);
    checkBatch(given.batch, images);
    for (const seed of plan.seeds) {
      const base = resolveSettings({ ...given, model, seed });
      const baseline = planCourse(base, images);
      const equalEpochs = reducesAtEqualEpochs(plan, base);
      if (equalEpochs) requireAllEpochs(base, baseline);
      const both = equalEpochs && plan.bothBudgets.includes(model);
      for (const { arm, level } of conditions(plan, both)) {
        const equalSteps =
          arm === "reduction-steps" ||
          (arm === "reduction" && plan.budget === "steps");
        const settings: TrainSettings = {
          ...base,
          noise: arm === "noise" ? level : 0,
          // 1 − level without the noise of binary fractions: 0.7, not 0.7000000000000001.
          keep: arm.startsWith("reduction")
            ? Number((1 - level).toFixed(12))
            : 1,
          ...(equalSteps && { steps: baseline.totalSteps }),
        };
        // Refuses now what would fail when its turn comes.
        planCourse(settings, await keptBy(settings));
        const hash = await configHash(settings);
        const id = `${model}_${arm}_${level}_s${seed}`;
        const folder = jobFolder({ id, hash });
        jobs.push({ id, hash, folder, model, arm, level, seed, settings });
      }
    }
  }
  return jobs;
}

/** What is asked of a model's runs: the sweep's settings, but for what the model has no choice of, and its own. */
export function settingsOf(
  { settings, perModel }: SweepPlan,
  model: string,
): SweepSettings {
  const options = models.find(({ name }) => name === model)?.options ?? [];
  const { width, stem, ...common } = settings;
  const ofAll = {
    ...common,
    ...(options.includes("width") && { width }),
    ...(options.includes("stem") && { stem }),
  };
  return replaceSettings(ofAll, perModel[model] ?? {});
}

/** Whether reduced runs have fewer steps than the baseline. */
function reducesAtEqualEpochs(
  { arms, budget }: SweepPlan,
  { steps }: TrainSettings,
): boolean {
  return (
    arms.includes("reduction") && budget === "epochs" && steps === undefined
  );
}

/** A run that ends early would be told as one of all its epochs: tables and report call that budget equally many epochs. */
function requireAllEpochs(
  { model, maxSteps }: TrainSettings,
  { lastStep, totalSteps }: Course,
): void {
  if (lastStep < totalSteps)
    throw new UserError(
      `--max-steps ${maxSteps}: ends runs of ${model} after fewer than their ${totalSteps} steps, but the reduction arm ` +
        `compares equally many epochs; take --steps ${maxSteps} or --budget steps for runs of equal length, or leave it out`,
    );
}

function conditions(
  { arms, levels }: SweepPlan,
  bothBudgets: boolean,
): { arm: Arm; level: number }[] {
  const all: Arm[] = [
    ...arms,
    ...(bothBudgets ? ["reduction-steps" as const] : []),
  ];
  return [
    { arm: "baseline", level: 0 },
    ...all.flatMap((arm) => levels.map((level) => ({ arm, level }))),
  ];
}

/** `runs/<id>-<hash8>`, relative to the sweep folder. */
export function jobFolder({ id, hash }: Pick<SweepJob, "id" | "hash">): string {
  return `runs/${id}-${hash.slice(0, 8)}`;
}

const runName = new RegExp(
  `^(.+)_(${arms.join("|")})_([0-9.e-]+)_s([0-9]+)(?:-[0-9a-f]+)?$`,
);

/** What the name of a run folder, or a job's id, says; null for any other name. */
export function parseRunName(name: string): RunName | null {
  const match = runName.exec(name);
  if (!match) return null;
  const [, model, arm, level, seed] = match as unknown as [
    string,
    string,
    Arm,
    string,
    string,
  ];
  return { model, arm, level: Number(level), seed: Number(seed) };
}

/** One of n parts, k from 1. */
export interface Shard {
  readonly k: number;
  readonly n: number;
}

/**
 * The k-th of n parts of a list: every n-th item, so that each part gets its share of every model and level.
 */
export function shardOf<T>(items: readonly T[], { k, n }: Shard): T[] {
  return items.filter((_, i) => i % n === k - 1);
}

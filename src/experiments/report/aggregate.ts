/** The runs of a study by model, arm, level and seed, and means over seeds. */
import type { Arm, ResultRow } from "../tables.js";
import { levelText } from "./html.js";
import { numberOf, type RunData, type StudyData } from "./study.js";

/** An arm that has levels. */
export type LevelArm = "noise" | "reduction";

/** The runs of one model. */
export interface ModelRuns {
  model: string;
  runs: RunData[];
  /** Those that ended. */
  done: RunData[];
  /** Levels above 0 with a finished run, ascending. */
  levels: Record<LevelArm, number[]>;
  seeds: number[];
  classes: string[];
}

const ARM_ORDER: readonly Arm[] = ["baseline", "noise", "reduction"];

function ascending(values: Iterable<number>): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** The study's models in order of appearance, each with its runs sorted by arm, level and seed. */
export function byModel(study: StudyData): ModelRuns[] {
  return [...new Set(study.runs.map((run) => run.row.model))].map((model) => {
    const runs = study.runs
      .filter((run) => run.row.model === model)
      .sort(
        (a, b) =>
          ARM_ORDER.indexOf(a.row.arm) - ARM_ORDER.indexOf(b.row.arm) ||
          a.row.level - b.row.level ||
          a.row.seed - b.row.seed,
      );
    const done = runs.filter((run) => run.row.status === "done");
    const levels = (arm: Arm): number[] =>
      ascending(
        done
          .filter((run) => run.row.arm === arm && run.row.level > 0)
          .map((run) => run.row.level),
      );
    return {
      model,
      runs,
      done,
      levels: { noise: levels("noise"), reduction: levels("reduction") },
      seeds: ascending(done.map((run) => run.row.seed)),
      classes:
        done
          .find((run) => run.perClass !== null)
          ?.perClass?.map((row) => row.class) ?? [],
    };
  });
}

/** The finished runs at a level of an arm; level 0 is the baseline of both. */
export function runsAt(
  group: ModelRuns,
  arm: LevelArm,
  level: number,
): RunData[] {
  return group.done.filter((run) =>
    level === 0
      ? run.row.level === 0
      : run.row.arm === arm && run.row.level === level,
  );
}

/** Mean of what is there; null where there is nothing. */
export function mean(
  values: readonly (number | null | undefined)[],
): number | null {
  const present = values.filter(
    (value): value is number => typeof value === "number",
  );
  return present.length === 0
    ? null
    : present.reduce((a, b) => a + b, 0) / present.length;
}

/** Mean over the seeds of a measurement in results.csv. */
export function meanResult(
  runs: readonly RunData[],
  key: "top1Last" | "top1Best" | "top5Last" | "lossLast",
): number | null {
  return mean(runs.map((run) => run.row[key]));
}

/** Mean over the seeds of the true positive rate of class `index`. */
export function meanTpr(
  runs: readonly RunData[],
  index: number,
): number | null {
  return mean(
    runs.map((run) => run.perClass?.find((row) => row.index === index)?.tpr),
  );
}

/** a / b, and null where either is missing or b is 0: such a rate has no normalised value. */
export function relative(a: number | null, b: number | null): number | null {
  return a === null || b === null || b === 0 ? null : a / b;
}

/** Share of wrong labels among the training images of a run; null where it is not recorded. */
export function effectiveRate(run: RunData): number | null {
  if (run.poison) return run.poison.effectiveRate;
  return run.row.arm === "noise" || numberOf(run.config, "noise") !== 0
    ? null
    : 0;
}

/** Number of test images that the rates were measured on. */
export function testImages(group: ModelRuns): number | null {
  const rows = group.done.find((run) => run.perClass !== null)?.perClass;
  return rows ? rows.reduce((sum, row) => sum + row.support, 0) : null;
}

/** "clean", "20 % noise", "20 % removed". */
export function conditionText(row: Pick<ResultRow, "arm" | "level">): string {
  if (row.level === 0) return "clean";
  return row.arm === "noise"
    ? `${levelText(row.level)} noise`
    : `${levelText(row.level)} removed`;
}

/** The condition, with the seed where the model was trained with several. */
export function runText(group: ModelRuns, run: RunData): string {
  return (
    conditionText(run.row) +
    (group.seeds.length > 1 ? `, seed ${run.row.seed}` : "")
  );
}

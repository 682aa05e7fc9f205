/** The runs of a study by model, arm, level and seed, and means over seeds. */
import { pairedT } from "../statistics.js";
import type { Arm } from "../tables.js";
import type { RunData, StudyData } from "./study.js";
import { hasLabelsOfFile, trainingText } from "./training-data.js";

/** An arm that has levels. */
export type LevelArm = Exclude<Arm, "baseline">;

/** In the order of every table and figure. */
const LEVEL_ARMS: readonly LevelArm[] = [
  "noise",
  "reduction",
  "reduction-steps",
];

export const ARM_TITLE: Readonly<Record<LevelArm, string>> = {
  noise: "Wrong labels",
  reduction: "Fewer images",
  "reduction-steps": "Fewer images, as many steps",
};

/** The runs of one model. */
export interface ModelRuns {
  model: string;
  /** Place in the study: the same colour and marker in every figure. */
  index: number;
  runs: RunData[];
  /** Those that ended. */
  done: RunData[];
  /** Levels above 0 with a finished run, ascending. */
  levels: Record<LevelArm, number[]>;
  seeds: number[];
  classes: string[];
}

function ascending(values: Iterable<number>): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

/** The study's models in order of appearance, each with its runs sorted by arm, level and seed. */
export function byModel(study: StudyData): ModelRuns[] {
  const order: readonly Arm[] = ["baseline", ...LEVEL_ARMS];
  const names = [...new Set(study.runs.map((run) => run.row.model))];
  return names.map((model, index) => {
    const runs = study.runs
      .filter((run) => run.row.model === model)
      .sort(
        (a, b) =>
          order.indexOf(a.row.arm) - order.indexOf(b.row.arm) ||
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
    const rows = done.find((run) => run.perClass !== null)?.perClass ?? [];
    return {
      model,
      index,
      runs,
      done,
      levels: {
        noise: levels("noise"),
        reduction: levels("reduction"),
        "reduction-steps": levels("reduction-steps"),
      },
      seeds: ascending(done.map((run) => run.row.seed)),
      classes: rows.map((row) => row.class),
    };
  });
}

/** A cell of a study: all finished runs of one model under one condition. */
export interface Condition {
  arm: Arm;
  level: number;
  runs: RunData[];
}

/** The finished runs at a level of an arm; level 0 is the baseline of all. */
export function runsAt(group: ModelRuns, arm: Arm, level: number): RunData[] {
  return group.done.filter((run) =>
    level === 0
      ? run.row.level === 0
      : run.row.arm === arm && run.row.level === level,
  );
}

/** Seeds with a finished run under each of the conditions: means over these alone can be compared. */
export function sharedSeeds(
  group: ModelRuns,
  compared: readonly Pick<Condition, "arm" | "level">[],
): number[] {
  return group.seeds.filter((seed) =>
    compared.every(({ arm, level }) =>
      runsAt(group, arm, level).some(({ row }) => row.seed === seed),
    ),
  );
}

/** Mean top-1 of a condition over some seeds; null without a run. */
export function top1Over(
  group: ModelRuns,
  seeds: readonly number[],
  { arm, level }: Pick<Condition, "arm" | "level">,
): number | null {
  const runs = runsAt(group, arm, level).filter(({ row }) => seeds.includes(row.seed)); // prettier-ignore
  return mean(runs.map(({ row }) => row.top1Last));
}

/** Every condition with a finished run: the baseline, then the arms by level. */
export function conditions(group: ModelRuns): Condition[] {
  const all: Omit<Condition, "runs">[] = [
    { arm: "baseline", level: 0 },
    ...LEVEL_ARMS.flatMap((arm) =>
      group.levels[arm].map((level) => ({ arm, level })),
    ),
  ];
  return all
    .map(({ arm, level }) => ({ arm, level, runs: runsAt(group, arm, level) }))
    .filter(({ runs }) => runs.length > 0);
}

/** The baseline and the levels of one arm. */
export function armConditions(group: ModelRuns, arm: LevelArm): Condition[] {
  return conditions(group).filter((c) => c.level === 0 || c.arm === arm);
}

/** The arms that have a level in some model. */
export function armsOf(groups: readonly ModelRuns[]): LevelArm[] {
  return LEVEL_ARMS.filter((arm) =>
    groups.some((group) => group.levels[arm].length > 0),
  );
}

/** Mean of what is there; null where there is nothing. */
export function mean(
  values: readonly (number | null | undefined)[],
): number | null {
  const present = values.filter((value) => typeof value === "number");
  return present.length === 0
    ? null
    : present.reduce((a, b) => a + b, 0) / present.length;
}

/** A mean with its 95 % interval. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

/** Wilson's score interval of a proportion of `images`, at 95 %. */
export function wilson(
  share: number,
  images: number,
): { low: number; high: number } {
  const z = 1.959963984540054;
  const scale = 1 + z ** 2 / images;
  const middle = (share + z ** 2 / (2 * images)) / scale;
  const half =
    (z / scale) *
    Math.sqrt((share * (1 - share)) / images + z ** 2 / (4 * images ** 2));
  return { low: middle - half, high: middle + half };
}

/**
 * The accuracy of a condition: Student's t over its seeds from 3 seeds on. Below, and where the seeds are all alike and
 * do not tell their spread, Wilson's interval of a proportion of `images` test images, which knows nothing of the spread
 * between training draws.
 */
export function estimate(
  values: readonly (number | null)[],
  images: number | null,
): Estimate | null {
  const present = values.filter((value) => value !== null);
  const center = mean(present);
  if (center === null) return null;
  const halfWidth = present.length >= 3 ? pairedT(present).halfWidth : 0;
  if (halfWidth > 0 || !images)
    return { mean: center, low: center - halfWidth, high: center + halfWidth };
  return { mean: center, ...wilson(center, images) };
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

/** Share of wrong labels among the training images of a run; null where it is not recorded. */
export function effectiveRate(run: RunData): number | null {
  const known = run.row.arm !== "noise" && !hasLabelsOfFile(run);
  return run.poison?.effectiveRate ?? (known ? 0 : null);
}

/** Number of test images that the rates were measured on. */
export function testImages(group: ModelRuns): number | null {
  const rows = group.done.find((run) => run.perClass !== null)?.perClass;
  return rows ? rows.reduce((sum, row) => sum + row.support, 0) : null;
}

/** Share of the commonest class among the test images: the accuracy of naming it every time. */
export function commonestShare(group: ModelRuns): number | null {
  const rows = group.done.find((run) => run.perClass !== null)?.perClass;
  const images = testImages(group);
  if (!rows || !images) return null;
  return Math.max(...rows.map((row) => row.support)) / images;
}

/** What the runs of a condition, of which there is at least one, were trained on. */
export function conditionText({ runs }: Condition): string {
  return trainingText(runs[0]!);
}

/** The title of an arm's charts; where there is but one condition, such as a single run's, what it was trained on. */
export function armTitle(group: ModelRuns, arm: LevelArm): string {
  const [only, ...others] = armConditions(group, arm);
  if (!only || others.length > 0) return ARM_TITLE[arm];
  const words = conditionText(only);
  return words[0]!.toUpperCase() + words.slice(1);
}

/** Where there are fewer seeds than three, how many trainings an interval over test images is about. */
export function trainingDraws(seeds: readonly number[]): string {
  const [one, two] = [seeds.includes(1), seeds.includes(2)];
  if (one && two) return "one or two training draws";
  return two ? "two training draws" : "one training draw";
}

/** "mean of 3 seeds" or "one training draw", for captions. */
export function drawsText(groups: readonly ModelRuns[]): string {
  const counts = groups.flatMap((group) =>
    conditions(group).map(({ runs }) => runs.length),
  );
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  if (counts.length === 0 || high === 1) return "one training draw each";
  return low === high ? `means of ${high} seeds` : `means of ${low} to ${high} seeds`; // prettier-ignore
}

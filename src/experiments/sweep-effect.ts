/**
 * What the levels of a sweep do to its data. A level that leaves no image to train on would fail when its turn comes; one
 * that changes nothing makes a run like the clean one, which says nothing of its level. Both are refused before anything runs.
 */
import type { ImageSplit } from "../data/types.js";
import { UserError } from "../errors.js";
import type { NoiseMatrix } from "./noise-matrix.js";
import { countsOf, type NoiseKind, poison } from "./poison.js";
import type { TrainSettings } from "./settings.js";

/** What planning looks at of a data set. */
export interface PlannedData {
  readonly train: Pick<ImageSplit, "labels">;
  readonly classNames: readonly string[];
}

/** The matrix that a kind of noise draws from; none for the kinds without. */
export type MatrixOf = (
  kind: NoiseKind,
) => NoiseMatrix | undefined | Promise<NoiseMatrix | undefined>;

type Level = Pick<TrainSettings, "noise" | "noiseKind" | "keep" | "seed">;

/** Where so many labels are expected to change, that none does has a chance below 10⁻¹¹, and nothing is drawn to see it. */
const surelyChanges = 20;

/** Gives the number of images that a run keeps. @throws UserError for a level that leaves none or changes nothing */
export function effectsOn(
  { train: { labels }, classNames }: PlannedData,
  matrixOf: MatrixOf,
): (level: Level) => Promise<number> {
  const classes = classNames.length;
  const members = new Array<number>(classes).fill(0);
  for (const label of labels) members[label]!++;
  // The models of a sweep share their levels.
  const found = new Set<string>();
  return async ({ noise, noiseKind: kind, keep, seed }) => {
    const counts = members.map((n) => countsOf(n, { noise, keep }));
    const kept = sum(counts.map((of) => of.kept));
    const all = `of the ${labels.length.toLocaleString("en-US")} training images`;
    if (kept === 0)
      throw new UserError(
        `removing ${percent(1 - keep)} of each class leaves none ${all}; take a lower level, or more images`,
      );
    if (keep < 1 && kept === labels.length)
      throw new UserError(
        `removing ${percent(1 - keep)} of each class removes none ${all}; take a higher level, or more images`,
      );
    const key = [noise, kind, keep, seed].join();
    if (noise === 0 || found.has(key)) return kept;
    const chosen = counts.map((of) => of.chosen);
    const changes =
      expectedChanges(kind, chosen) >= surelyChanges ||
      (sum(chosen) > 0 &&
        poison(labels, classes, {
          ...{ noise, kind, keep, seed },
          matrix: await matrixOf(kind),
        }).changed > 0);
    if (!changes)
      throw new UserError(
        `${percent(noise)} of wrong labels in each class changes none ${all}; take a higher level, or more images`,
      );
    found.add(key);
    return kept;
  };
}

/** How many of the labels chosen in each class come out as others, on average; 0 where a matrix tells. */
function expectedChanges(kind: NoiseKind, chosen: readonly number[]): number {
  const all = sum(chosen);
  switch (kind) {
    case "uniform":
    case "pairflip":
      return all;
    case "symmetric":
      return all * (1 - 1 / chosen.length);
    case "shuffle":
      return all - sum(chosen.map((n) => n ** 2)) / Math.max(1, all);
    default:
      return 0;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(6))} %`;
}

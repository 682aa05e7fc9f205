/**
 * The measures of both studies, from the rates of finished runs: Impact Index, class sensitivity and its concordance,
 * exchange rate. Pure; docs/statistics.md gives the formulas and the reasons. The files that hold the results are
 * written and read in measure-tables.ts.
 */
import { conditionOf, RateTable } from "./rate-table.js";
import { benjaminiHochberg, kendallW, mean, midRanks } from "./statistics.js";
import type { Arm, Budget } from "./tables.js";

/** What the measures need of one finished run. Rates are of the last epoch, on the untouched test labels. */
export interface RunRates {
  readonly model: string;
  readonly arm: Arm;
  /** Share of labels chosen for noise, or of images removed; 0 for the baseline. */
  readonly level: number;
  readonly seed: number;
  readonly top1: number;
  /** True positive rate of each class, [C]. */
  readonly tpr: readonly number[];
  /** Share of the kept training images whose label is wrong. */
  readonly effectiveRate: number;
  /** What a reduced run holds constant. */
  readonly budget: Budget;
  /** 1 for each test image that is classified correctly, [N]; null where the logits are missing. */
  readonly correct: Uint8Array | null;
}

/** The finished runs of a sweep. */
export interface StudyRuns {
  /** Class names in label order, [C]. */
  readonly classes: readonly string[];
  /** True test labels, [N]; null where no run has its logits. */
  readonly testLabels: Int32Array | null;
  readonly runs: readonly RunRates[];
}

/**
 * How an interval was made: `t`: paired t over the seeds' differences; `bootstrap`: over test images, paired across the
 * arms, for one or two training draws; null: the test logits that the bootstrap needs are missing.
 */
export type IntervalKind = "t" | "bootstrap" | null;

/** A row of impact.csv: one class at one level at which both arms and the baseline have a seed in common. */
export interface ImpactRow {
  readonly model: string;
  readonly class: string;
  readonly level: number;
  /** Seeds that have the baseline and both arms; every number of the row is over these. */
  readonly seeds: number;
  /** Means over the seeds. */
  readonly tpr0: number;
  readonly tprNoise: number;
  readonly tprReduction: number;
  /** Ratios of the means; null where tpr0 is 0. */
  readonly tprnNorm: number | null;
  readonly tprdNorm: number | null;
  /** Impact Index tprdNorm − tprnNorm; null where tpr0 is 0. */
  readonly impact: number | null;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
  /** Differs from 0 by Benjamini-Hochberg at 5 % over the model's cells. */
  readonly marked: boolean;
  /** p of "noise and reduction give the same TPR", two-sided: paired t over the seeds, or exact over the test images. */
  readonly p: number | null;
  readonly interval: IntervalKind;
}

/** A row of exchange.csv: "noise of this level costs as much accuracy as losing this share of the images". */
export interface ExchangeRow {
  readonly model: string;
  readonly budget: Budget;
  readonly noiseLevel: number;
  readonly effectiveRate: number;
  /** Share of images; 0 where censored below, null where censored above. */
  readonly equivalentReduction: number | null;
  /** `below`: better than the baseline; `above`: worse than the largest reduction; null: in between. */
  readonly censored: "below" | "above" | null;
  readonly ciLow: number | null;
  /** Null where it lies beyond the largest reduction (or where `interval` is null). */
  readonly ciHigh: number | null;
  readonly interval: IntervalKind;
  readonly seeds: number;
  /** The largest reduction that was trained: what `above` and an open interval are beyond. */
  readonly largestReduction: number;
}

/** A row of sensitivity.csv. */
export interface SensitivityRow {
  readonly model: string;
  readonly class: string;
  /** Class index. */
  readonly index: number;
  /** Mean over the noise levels of 1 − TPRn_norm; null where the mean TPR(0) is 0. */
  readonly sensitivity: number | null;
  /** 1 is the most sensitive class of the model; ties share their mean rank; null as above. */
  readonly rank: number | null;
}

/** The object of concordance.json: Kendall's W of the class ranks. Descriptive: no p-value belongs to it. */
export interface Concordance {
  /** Across models; null with fewer than two models or two classes. */
  readonly acrossModels: {
    readonly w: number;
    readonly models: readonly string[];
    readonly classes: readonly string[];
    /** Classes without a sensitivity in some model. */
    readonly left_out: readonly string[];
  } | null;
  /** Across the seeds of each model; `w` is null with fewer than two seeds or two classes. */
  readonly withinModel: readonly {
    readonly model: string;
    readonly w: number | null;
    readonly seeds: number;
  }[];
}

/** The conditions at one level that an index compares. */
function triple(table: RateTable, model: string, level: number) {
  const clean = table.baseline(model);
  const noise = conditionOf(model, "noise", level);
  const reduction = conditionOf(model, "reduction", level);
  return { clean, noise, reduction };
}

/** The rows of impact.csv: model by model, class by class, level by level. */
export function impactRows(table: RateTable): ImpactRow[] {
  return table.models.flatMap((model) => {
    const rows = table.classes.flatMap((_, index) =>
      table
        .levels(model, "noise")
        .flatMap((level) => impactRow(table, model, index, level) ?? []),
    );
    const marks = marksOf(rows);
    return rows.map((row, i) => ({ ...row, marked: marks[i]! }));
  });
}

/**
 * Which cells of a model differ from 0. A p over seeds and a p over test images answer different questions, so that a
 * family is of one kind: over seeds where some cell has enough of them. Other cells stay in it with p = 1: a run that
 * is missing makes no mark easier.
 */
function marksOf(rows: readonly ImpactRow[]): boolean[] {
  const kind = rows.some(({ interval }) => interval === "t") ? "t" : "bootstrap"; // prettier-ignore
  const tested = rows.filter(({ p }) => p !== null);
  const marks = benjaminiHochberg(
    tested.map(({ p, interval }) => (interval === kind ? p! : 1)),
  );
  return rows.map((row) => marks[tested.indexOf(row)] ?? false);
}

/** A row before its mark; null without a seed in all three conditions. */
function impactRow(
  table: RateTable,
  model: string,
  index: number,
  level: number,
): ImpactRow | null {
  const { clean, noise, reduction } = triple(table, model, level);
  const conditions = [clean, noise, reduction];
  const seeds = table.commonSeeds(conditions);
  if (seeds.length === 0) return null;
  const [tpr0, tprNoise, tprReduction] = conditions.map((condition) =>
    table.meanRate(seeds)(condition, index),
  ) as [number, number, number];
  const estimate = table.estimate(
    conditions,
    (rate) => rate(reduction, index) - rate(noise, index),
    (rate) => rate(clean, index),
  );
  return {
    model,
    class: table.classes[index]!,
    level,
    seeds: seeds.length,
    tpr0,
    tprNoise,
    tprReduction,
    tprnNorm: tpr0 === 0 ? null : tprNoise / tpr0,
    tprdNorm: tpr0 === 0 ? null : tprReduction / tpr0,
    impact: estimate?.value ?? null,
    ciLow: estimate?.low ?? null,
    ciHigh: estimate?.high ?? null,
    marked: false,
    p:
      estimate?.interval === "bootstrap"
        ? table.exactP([reduction, noise], index, seeds)
        : (estimate?.p ?? null),
    interval: estimate?.interval ?? null,
  };
}

/** The rows of sensitivity.csv; a model without a noise level that shares a seed with its baseline has none. */
export function sensitivityRows(table: RateTable): SensitivityRow[] {
  return table.models.flatMap((model) => {
    const values = sensitivities(table, model, noiseLevels(table, model));
    if (!values) return [];
    const known = values.filter((value) => value !== null);
    // Rank 1 is the most sensitive: ranks of the negated values.
    const ranks = midRanks(known.map((value) => -value));
    let next = 0;
    return values.map((sensitivity, index) => ({
      model,
      class: table.classes[index]!,
      index,
      sensitivity,
      rank: sensitivity === null ? null : ranks[next++]!,
    }));
  });
}

/** Noise levels of a model that share a seed with its baseline. */
function noiseLevels(table: RateTable, model: string): number[] {
  return table
    .levels(model, "noise")
    .filter((level) => {
      const noise = conditionOf(model, "noise", level);
      return table.commonSeeds([table.baseline(model), noise]).length > 0;
    }); // prettier-ignore
}

/**
 * Mean over the given noise levels of 1 − TPRn_norm for each class [C], from means over the seeds, or from one seed
 * alone. Null where TPR(0) is 0; null as a whole without a level.
 */
function sensitivities(
  table: RateTable,
  model: string,
  levels: readonly number[],
  onlySeed?: number,
): (number | null)[] | null {
  const clean = table.baseline(model);
  if (levels.length === 0) return null;
  const rated = levels.map((level) => {
    const noise = conditionOf(model, "noise", level);
    const seeds = table
      .commonSeeds([clean, noise])
      .filter((seed) => onlySeed === undefined || seed === onlySeed);
    return { noise, rate: table.meanRate(seeds) };
  });
  return table.classes.map((_, index) => {
    const losses = rated.map(({ noise, rate }) => {
      const tpr0 = rate(clean, index);
      return tpr0 === 0 ? null : 1 - rate(noise, index) / tpr0;
    });
    const known = losses.filter((loss) => loss !== null);
    return known.length < losses.length ? null : mean(known);
  });
}

/**
 * The object of concordance.json. Models are compared at the noise levels that all of them have: other levels may hit
 * other classes.
 */
export function concordance(
  table: RateTable,
  models: readonly string[] = table.models,
): Concordance {
  const levelsOf = models
    .map((model) => ({ model, levels: noiseLevels(table, model) }))
    .filter(({ levels }) => levels.length > 0);
  const shared = (levelsOf[0]?.levels ?? []).filter((level) =>
    levelsOf.every(({ levels }) => levels.includes(level)),
  );
  const rated = levelsOf.flatMap(({ model }) => {
    const values = sensitivities(table, model, shared);
    return values ? [{ model, values }] : [];
  });
  const { w, kept } = agreement(rated.map(({ values }) => values));
  return {
    acrossModels:
      w === null
        ? null
        : {
            w,
            models: rated.map(({ model }) => model),
            classes: table.classes.filter((_, c) => kept.has(c)),
            left_out: table.classes.filter((_, c) => !kept.has(c)),
          },
    withinModel: levelsOf.map(({ model }) => {
      const levels = table.levels(model, "noise");
      const bySeed = completeSeeds(table, model).map((seed) =>
        sensitivities(table, model, levels, seed)!,
      );
      return { model, w: agreement(bySeed).w, seeds: bySeed.length };
    }),
  };
}

/** Seeds with the baseline and every noise level, so that their sensitivities are means over the same levels. */
function completeSeeds(table: RateTable, model: string): number[] {
  const noisy = table
    .levels(model, "noise")
    .map((level) => conditionOf(model, "noise", level));
  return table.commonSeeds([table.baseline(model), ...noisy]);
}

/** Kendall's W over the classes that every rater has a sensitivity for. */
function agreement(raters: readonly (readonly (number | null)[])[]): {
  w: number | null;
  kept: ReadonlySet<number>;
} {
  const classes = raters[0]?.map((_, c) => c) ?? [];
  const kept = classes.filter((c) => raters.every((row) => row[c] !== null));
  const scores = raters.map((row) => kept.map((c) => row[c]!));
  return { w: kendallW(scores), kept: new Set(kept) };
}

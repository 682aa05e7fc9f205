/**
 * The measures of both studies, from the rates of finished runs: Impact Index, class sensitivity and its concordance,
 * exchange rate. Pure; docs/statistics.md gives the formulas and the reasons. The files that hold the results are
 * written and read in measure-tables.ts.
 */
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
  /** p of "noise and reduction give the same TPR", two-sided. */
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

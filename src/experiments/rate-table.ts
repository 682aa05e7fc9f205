/**
 * The rates of a sweep's runs, looked up by condition and seed, and estimates from them: a value from the means over
 * the seeds with its interval, paired t over the seeds or, below three, a bootstrap over the test images.
 */
import { ImageBootstrap, type ReplicateRates } from "./bootstrap.js";
import type { IntervalKind, RunRates, StudyRuns } from "./measures.js";
import { mean, pairedT, percentileInterval, signFlipP } from "./statistics.js";
import type { Arm } from "./tables.js";

/** From this many seeds on intervals are paired t. */
export const SEEDS_FOR_T = 3;

/** What a model was trained on, all seeds together. Made by `conditionOf`. */
export interface Condition {
  readonly model: string;
  readonly arm: Arm;
  readonly level: number;
  /** Equal for equal conditions: statistics look rates up thousands of times. */
  readonly key: string;
}

export function conditionOf(model: string, arm: Arm, level: number): Condition {
  return { model, arm, level, key: `${model}|${arm}|${level}` };
}

/** The rate of a condition: top-1, or the true positive rate of a class by index. */
export type Rate = (condition: Condition, of: "top1" | number) => number;

/** A number made from rates. */
export type Statistic = (rate: Rate) => number;

export interface Estimate {
  readonly value: number;
  readonly seeds: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Two-sided p of "the value is 0" by paired t; null with fewer seeds than that needs. */
  readonly p: number | null;
  readonly interval: IntervalKind;
}

export class RateTable {
  readonly classes: readonly string[];
  readonly models: readonly string[];
  readonly #runs = new Map<string, Map<number, RunRates>>();
  readonly #replicates = new Map<RunRates, ReplicateRates>();
  readonly #testLabels: Int32Array | null;
  #bootstrap: ImageBootstrap | undefined;

  constructor({ classes, runs, testLabels }: StudyRuns) {
    this.classes = classes;
    this.models = [...new Set(runs.map(({ model }) => model))];
    this.#testLabels = testLabels;
    for (const run of runs) {
      const { key } = conditionOf(run.model, run.arm, run.level);
      const seeds = this.#runs.get(key) ?? new Map<number, RunRates>();
      this.#runs.set(key, seeds.set(run.seed, run));
    }
  }

  baseline(model: string): Condition {
    return conditionOf(model, "baseline", 0);
  }

  /** Levels above 0 of an arm that have a finished run, ascending. */
  levels(model: string, arm: Arm): number[] {
    return [...this.#runs.values()]
      .flatMap((seeds) => [...seeds.values()].slice(0, 1))
      .filter((run) => run.model === model && run.arm === arm && run.level > 0)
      .map(({ level }) => level)
      .sort((a, b) => a - b);
  }

  /** Seeds that have a finished run in every condition, ascending. */
  commonSeeds(conditions: readonly Condition[]): number[] {
    const [first, ...rest] = conditions.map((c) => this.#seedsOf(c));
    return [...(first?.keys() ?? [])]
      .filter((seed) => rest.every((seeds) => seeds.has(seed)))
      .sort((a, b) => a - b);
  }

  /** @throws RangeError where there is no such run */
  run(condition: Condition, seed: number): RunRates {
    const run = this.#seedsOf(condition).get(seed);
    if (!run) throw new RangeError(`no run ${condition.key} of seed ${seed}`);
    return run;
  }

  /** The rates of one seed. */
  rateOfSeed(seed: number): Rate {
    return (condition, of) => {
      const { top1, tpr } = this.run(condition, seed);
      return of === "top1" ? top1 : tpr[of]!;
    };
  }

  /** Means over seeds. */
  meanRate(seeds: readonly number[]): Rate {
    return (condition, of) =>
      mean(seeds.map((seed) => this.rateOfSeed(seed)(condition, of)));
  }

  /**
   * The statistic's value in every bootstrap replicate of the test images, on means over the seeds; null where the
   * logits of a run are missing.
   */
  replicate(
    conditions: readonly Condition[],
    seeds: readonly number[],
    statistic: Statistic,
  ): Float64Array | null {
    const rates = new Map<string, ReplicateRates[]>();
    for (const condition of conditions) {
      const all = seeds.map((seed) => this.#replicatesOf(condition, seed));
      if (all.some((one) => one === null)) return null;
      rates.set(condition.key, all as ReplicateRates[]);
    }
    const values = new Float64Array(this.#bootstrap?.replicates ?? 0);
    let b = 0;
    const rate: Rate = (condition, of) => {
      const all = rates.get(condition.key)!;
      let sum = 0;
      for (const { top1, tpr } of all)
        sum += of === "top1" ? top1[b]! : tpr[of]![b]!;
      return sum / all.length;
    };
    for (; b < values.length; b++) values[b] = statistic(rate);
    return values;
  }

  /**
   * A linear statistic of rates, divided by another one where `denominator` is given: the value is the ratio of the
   * means over `seeds`, the p-value tests the numerator, the interval is in units of the denominator.
   * The bootstrap gives an interval and no p: with a few images in a class its tails are far too thin.
   *
   * @returns null without seeds and where the denominator is 0
   */
  estimate(
    conditions: readonly Condition[],
    numerator: Statistic,
    denominator?: Statistic,
    seeds: readonly number[] = this.commonSeeds(conditions),
  ): Estimate | null {
    if (seeds.length === 0) return null;
    const rate = this.meanRate(seeds);
    const unit = denominator ? denominator(rate) : 1;
    if (unit === 0) return null;
    const value = numerator(rate) / unit;
    const none = { low: null, high: null, p: null, interval: null };
    if (seeds.length >= SEEDS_FOR_T) {
      const { halfWidth, p } = pairedT(
        seeds.map((seed) => numerator(this.rateOfSeed(seed))),
      );
      const reach = halfWidth / Math.abs(unit);
      return {
        value,
        seeds: seeds.length,
        low: value - reach,
        high: value + reach,
        p,
        interval: "t",
      };
    }
    const above = this.replicate(conditions, seeds, numerator);
    if (!above) return { value, seeds: seeds.length, ...none };
    const below = denominator && this.replicate(conditions, seeds, denominator);
    // A replicate in which the class is never recognised has no ratio.
    const ratios = below
      ? above.map((a, b) => a / below[b]!).filter(Number.isFinite)
      : above;
    const bounds = percentileInterval(ratios);
    if (!bounds) return { value, seeds: seeds.length, ...none };
    const [low, high] = bounds;
    return {
      value,
      seeds: seeds.length,
      low,
      high,
      p: null,
      interval: "bootstrap",
    };
  }

  /**
   * Two-sided p of "the two conditions recognise equally many images of the class", for the networks of at most two
   * seeds: the exact sign-flip test over the class's test images. Null where the logits of a run are missing.
   */
  exactP(
    [first, second]: readonly [Condition, Condition],
    index: number,
    seeds: readonly number[],
  ): number | null {
    const pairs = seeds.map((seed) =>
      [first, second].map((condition) => this.run(condition, seed).correct),
    );
    if (!this.#testLabels || pairs.flat().includes(null)) return null;
    const differences: number[] = [];
    this.#testLabels.forEach((label, image) => {
      if (label !== index) return;
      differences.push(
        pairs.reduce((sum, [a, b]) => sum + a![image]! - b![image]!, 0),
      );
    });
    return signFlipP(differences);
  }

  #seedsOf(condition: Condition): ReadonlyMap<number, RunRates> {
    return this.#runs.get(condition.key) ?? new Map<number, RunRates>();
  }

  #replicatesOf(condition: Condition, seed: number): ReplicateRates | null {
    const run = this.run(condition, seed);
    if (!run.correct || !this.#testLabels) return null;
    this.#bootstrap ??= new ImageBootstrap(
      this.#testLabels,
      this.classes.length,
    );
    let rates = this.#replicates.get(run);
    if (!rates) {
      rates = this.#bootstrap.rates(run.correct);
      this.#replicates.set(run, rates);
    }
    return rates;
  }
}

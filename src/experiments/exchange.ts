/**
 * The exchange rate: the share of images whose loss costs as much accuracy as noise of a level does. The reduction
 * arm's seed-mean accuracies are made non-increasing (isotonic regression) and read backwards by linear interpolation.
 */
import type { ExchangeRow } from "./measures.js";
import {
  type Condition,
  conditionOf,
  type RateTable,
  SEEDS_FOR_T,
} from "./rate-table.js";
import {
  ALPHA,
  interpolate,
  isotonicNonIncreasing,
  mean,
  percentileInterval,
  standardError,
} from "./statistics.js";
import { twoSidedQuantile } from "./student-t.js";
import type { Arm } from "./tables.js";

/** A level of reduction with the accuracy that it leaves. */
interface Curve {
  /** Ascending from 0, the baseline. */
  readonly levels: readonly number[];
  readonly accuracies: readonly number[];
}

/** Where a curve has an accuracy: `below` where better than the baseline, `above` (past) its last level's, or a level in between. */
export type Crossing = "below" | "above" | number;

/** Steps into which the range of reductions is cut to find the ends of a t interval. */
const SCAN_STEPS = 2000;

/**
 * The reduction with the given accuracy on the isotonic fit of a curve; of a level stretch its left end.
 *
 * @param curve Levels ascending from 0 with the mean accuracies.
 */
function readBackwards(curve: Curve, accuracy: number): Crossing {
  const { levels } = curve;
  // By the baseline itself: where reduction raised the accuracy, the fit there lies above it.
  const [clean] = curve.accuracies;
  if (accuracy > clean!) return "below";
  if (accuracy === clean) return levels[0]!;
  const fit = isotonicNonIncreasing(curve.accuracies);
  const right = fit.findIndex((value) => value <= accuracy);
  if (right < 0) return "above";
  const [x0, x1] = [levels[right - 1]!, levels[right]!];
  const [y0, y1] = [fit[right - 1]!, fit[right]!];
  return x0 + ((y0 - accuracy) / (y0 - y1)) * (x1 - x0);
}

/** The rows of exchange.csv: model by model, budget by budget, level by level. */
export function exchangeRows(table: RateTable): ExchangeRow[] {
  return table.models.flatMap((model) =>
    (["reduction", "reduction-steps"] as const).flatMap((arm) => {
      const levels = table.levels(model, arm);
      return table
        .levels(model, "noise")
        .flatMap(
          (level) =>
            exchangeRow(
              table,
              conditionOf(model, "noise", level),
              arm,
              levels,
            ) ?? [],
        );
    }),
  );
}

function exchangeRow(
  table: RateTable,
  noise: Condition,
  arm: Arm,
  allLevels: readonly number[],
): ExchangeRow | null {
  const { model } = noise;
  const clean = table.baseline(model);
  const reduced = (level: number) => conditionOf(model, arm, level);
  const { seeds, levels } = commonGround(
    table,
    [clean, noise],
    allLevels.map(reduced),
  );
  if (seeds.length === 0 || levels.length === 0) return null;
  const points = [clean, ...levels];
  const knots = points.map(({ level }) => level);
  const curveOf = (rate: (c: Condition) => number): Curve => ({
    levels: knots,
    accuracies: points.map(rate),
  });
  const rate = table.meanRate(seeds);
  const crossing = readBackwards(
    curveOf((c) => rate(c, "top1")),
    rate(noise, "top1"),
  );
  const last = knots.at(-1)!;
  const bounds =
    seeds.length >= SEEDS_FOR_T
      ? tInterval(
          curveOf((c) => rate(c, "top1")),
          rate(noise, "top1"),
          seeds.map((seed) => {
            const of = table.rateOfSeed(seed);
            return {
              noise: of(noise, "top1"),
              curve: curveOf((c) => of(c, "top1")),
            };
          }),
        )
      : bootstrapInterval(
          table.replicate([noise, ...points], seeds, (of) => {
            const at = readBackwards(
              curveOf((c) => of(c, "top1")),
              of(noise, "top1"),
            );
            return at === "below" ? 0 : at === "above" ? Infinity : at;
          }),
        );
  const [low, high] = bounds ?? [null, null];
  return {
    model,
    budget: table.run(levels[0]!, seeds[0]!).budget,
    noiseLevel: noise.level,
    effectiveRate: mean(seeds.map((s) => table.run(noise, s).effectiveRate)),
    equivalentReduction:
      crossing === "below" ? 0 : crossing === "above" ? null : crossing,
    censored: typeof crossing === "string" ? crossing : null,
    ciLow: low === null ? null : Math.min(low, last),
    ciHigh: high === Infinity ? null : high,
    interval: bounds ? (seeds.length >= SEEDS_FOR_T ? "t" : "bootstrap") : null,
    seeds: seeds.length,
    largestReduction: last,
  };
}

/**
 * The seeds that have all of `required` and every level; where no seed has them all, the one with the most levels (of
 * several the lowest) and its levels: a curve made of other seeds at other levels would not be one curve.
 */
function commonGround(
  table: RateTable,
  required: readonly Condition[],
  levels: readonly Condition[],
): { seeds: number[]; levels: Condition[] } {
  const complete = table.commonSeeds([...required, ...levels]);
  if (complete.length > 0) return { seeds: complete, levels: [...levels] };
  let best: { seeds: number[]; levels: Condition[] } = {
    seeds: [],
    levels: [],
  };
  for (const seed of table.commonSeeds(required)) {
    const own = levels.filter((c) => table.commonSeeds([c]).includes(seed));
    if (own.length > best.levels.length) best = { seeds: [seed], levels: own };
  }
  return best;
}

/**
 * The reductions that a paired t test over the seeds cannot tell from the noise: those r where the mean difference
 * between the noise's accuracy and the fitted curve at r is within t standard errors of the seeds' own differences at r.
 * An end beyond the last level is infinite.
 */
function tInterval(
  curve: Curve,
  accuracy: number,
  seeds: readonly { noise: number; curve: Curve }[],
): readonly [number, number] {
  const { levels } = curve;
  const fit = isotonicNonIncreasing(curve.accuracies);
  const last = levels.at(-1)!;
  const t = twoSidedQuantile(ALPHA, seeds.length - 1);
  const crossing = readBackwards(curve, accuracy);
  // The estimate belongs to its interval; of a censored one, the end that it lies beyond.
  const own = crossing === "below" ? 0 : crossing === "above" ? last : crossing;
  let [low, high] = [own, own];
  for (let i = 0; i <= SCAN_STEPS; i++) {
    const r = (i / SCAN_STEPS) * last;
    const error = standardError(
      seeds.map((s) => s.noise - interpolate(levels, s.curve.accuracies, r)),
    );
    if (Math.abs(accuracy - interpolate(levels, fit, r)) > t * error) continue;
    low = Math.min(low, r);
    high = Math.max(high, r);
  }
  return [low, high === last ? Infinity : high];
}

function bootstrapInterval(
  replicates: Float64Array | null,
): readonly [number, number] | null {
  return replicates && percentileInterval(replicates);
}

/** The statistics of the studies, as pure functions; docs/statistics.md says where each is used and why. */
import { twoSidedQuantile, twoSidedTail } from "./student-t.js";

/** Everything reported as an interval or a mark is at this level. */
export const ALPHA = 0.05;

/** Arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

export interface PairedT {
  readonly mean: number;
  /** Half the width of the 95 % interval mean ± halfWidth. */
  readonly halfWidth: number;
  /** Two-sided p of a mean of 0. 1 where all differences are equal: they say nothing of their spread. */
  readonly p: number;
}

/** The paired t interval and test of at least two differences. */
export function pairedT(differences: readonly number[]): PairedT {
  const n = differences.length;
  if (n < 2) throw new RangeError(`a t interval needs two values, got ${n}`);
  const centre = mean(differences);
  const error = standardError(differences);
  // Differences that are equal but for rounding have no spread either.
  const scale = Math.max(...differences.map(Math.abs));
  if (error <= scale * 1e-12) return { mean: centre, halfWidth: 0, p: 1 };
  return {
    mean: centre,
    halfWidth: twoSidedQuantile(ALPHA, n - 1) * error,
    p: twoSidedTail(centre / error, n - 1),
  };
}

/** Standard error of a mean: sd/√n with n − 1 in the sd. */
export function standardError(values: readonly number[]): number {
  const centre = mean(values);
  const squares = values.reduce((sum, v) => sum + (v - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/**
 * The q-quantile of ascending values, linear between order statistics (NumPy's default). Infinity is allowed; between it
 * and a finite value lies infinity.
 */
export function quantile(ascending: ArrayLike<number>, q: number): number {
  const position = q * (ascending.length - 1);
  const below = Math.floor(position);
  const low = ascending[below]!;
  const high = ascending[Math.ceil(position)]!;
  return low === high || position === below
    ? low
    : low + (high - low) * (position - below);
}

/** The percentile interval of bootstrap replicates, at 95 %; null without any. */
export function percentileInterval(
  replicates: readonly number[] | Float64Array,
): readonly [number, number] | null {
  if (replicates.length === 0) return null;
  const sorted = Float64Array.from(replicates).sort();
  return [quantile(sorted, ALPHA / 2), quantile(sorted, 1 - ALPHA / 2)];
}

/** ln n! for n = 0…most. */
function logFactorials(most: number): Float64Array {
  const values = new Float64Array(most + 1);
  for (let n = 1; n <= most; n++) values[n] = values[n - 1]! + Math.log(n);
  return values;
}

/** Where n fair coins show k heads, the sum of their signs 2k − n, with its probability. */
function coinSums(n: number): { sum: number; probability: number }[] {
  const log = logFactorials(n);
  return Array.from({ length: n + 1 }, (_, k) => ({
    sum: 2 * k - n,
    probability: Math.exp(log[n]! - log[k]! - log[n - k]! - n * Math.LN2),
  }));
}

/**
 * Two-sided p of the exact sign-flip test of paired differences in −2…2: how often random signs give a sum at least as
 * far from 0. For differences in −1…1 it is McNemar's exact test.
 */
export function signFlipP(differences: ArrayLike<number>): number {
  const sizes = [0, 0, 0];
  let total = 0;
  for (let i = 0; i < differences.length; i++) {
    sizes[Math.abs(differences[i]!)]!++;
    total += differences[i]!;
  }
  const [ones, twos] = [coinSums(sizes[1]!), coinSums(sizes[2]!)];
  let p = 0;
  for (const a of ones)
    for (const b of twos)
      if (Math.abs(a.sum + 2 * b.sum) >= Math.abs(total))
        p += a.probability * b.probability;
  return Math.min(1, p);
}

/** Benjamini and Hochberg's (1995) procedure: which of the p-values are rejected at a false discovery rate of `q`. */
export function benjaminiHochberg(p: readonly number[], q = ALPHA): boolean[] {
  const sorted = [...p].sort((a, b) => a - b);
  const threshold = sorted.findLast(
    (value, i) => value <= ((i + 1) / p.length) * q,
  );
  return p.map((value) => threshold !== undefined && value <= threshold);
}

/** Ranks from 1, the smallest value first; equal values share the mean of their ranks. */
export function midRanks(values: readonly number[]): number[] {
  return values.map((value) => {
    const less = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return less + (equal + 1) / 2;
  });
}

/**
 * Kendall's W of raters' scores [raters][items], on mid-ranks with the correction for ties: 1 is full agreement on the
 * order, 1/raters the mean over random orders. Null with fewer than two raters or items, and where every rater gives all items the same score.
 */
export function kendallW(
  scores: readonly (readonly number[])[],
): number | null {
  const raters = scores.length;
  const items = scores[0]?.length ?? 0;
  if (raters < 2 || items < 2) return null;
  const ranks = scores.map(midRanks);
  const sums = ranks[0]!.map((_, i) => ranks.reduce((a, r) => a + r[i]!, 0));
  const centre = (raters * (items + 1)) / 2;
  const s = sums.reduce((a, sum) => a + (sum - centre) ** 2, 0);
  // Σ(t³ − t) over the groups of t equal scores is Σ(t² − 1) over the items, t being the size of an item's group.
  const ties = scores
    .flatMap((row) => row.map((v) => row.filter((other) => other === v).length))
    .reduce((a, t) => a + t * t - 1, 0);
  const most = raters ** 2 * (items ** 3 - items) - raters * ties;
  return most === 0 ? null : (12 * s) / most;
}

/**
 * The mean of Spearman's correlations between the pairs of raters, from Kendall's W (exact without ties): 0 on average
 * for random orders, whatever the number of raters, where W is 1/raters.
 */
export function meanRankCorrelation(w: number, raters: number): number {
  return (raters * w - 1) / (raters - 1);
}

/** The non-increasing sequence closest to `values` in least squares: pool adjacent violators. */
export function isotonicNonIncreasing(values: readonly number[]): number[] {
  const blocks: { sum: number; count: number }[] = [];
  for (const value of values) {
    let block = { sum: value, count: 1 };
    for (
      let before = blocks.at(-1);
      before && before.sum * block.count < block.sum * before.count;
      before = blocks.at(-1)
    ) {
      blocks.pop();
      block = {
        sum: before.sum + block.sum,
        count: before.count + block.count,
      };
    }
    blocks.push(block);
  }
  return blocks.flatMap(({ sum, count }) =>
    new Array<number>(count).fill(sum / count),
  );
}

/** The piecewise linear curve through (x, y) at `at`, x ascending and `at` within it. */
export function interpolate(
  x: readonly number[],
  y: readonly number[],
  at: number,
): number {
  const right = Math.max(
    1,
    x.findIndex((knot) => knot >= at),
  );
  if (x.length === 1) return y[0]!;
  const t = (at - x[right - 1]!) / (x[right]! - x[right - 1]!);
  return y[right - 1]! + t * (y[right]! - y[right - 1]!);
}

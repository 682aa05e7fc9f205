import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  benjaminiHochberg,
  interpolate,
  isotonicNonIncreasing,
  kendallW,
  meanRankCorrelation,
  midRanks,
  pairedT,
  percentileInterval,
  quantile,
  signFlipP,
} from "../../src/experiments/statistics.js";
import {
  twoSidedQuantile,
  twoSidedTail,
} from "../../src/experiments/student-t.js";

/** SciPy's and scikit-learn's values; tools/golden/statistics_golden.py. */
const golden = JSON.parse(
  readFileSync(new URL("../golden/statistics.json", import.meta.url), "utf8"),
) as {
  tails: [number, number, number][];
  quantiles: [number, number, number][];
  paired: { differences: number[]; low: number; high: number; p: number }[];
  fdr: { p: number[]; q: number; rejected: boolean[] }[];
  concordance: { scores: number[][]; ranks: number[][]; w: number }[];
  spearman: { scores: number[][]; w: number; mean: number }[];
  signFlip: { differences: number[]; p: number }[];
  isotonic: { y: number[]; fit: number[] }[];
  quantile: [number, number][];
  quantileOf: number[];
};

const close = (actual: number, expected: number, relative = 1e-10) => {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(
    relative * Math.abs(expected),
  );
};
const values = (minLength: number, maxLength = 30) =>
  fc.array(fc.integer({ min: -20, max: 20 }), { minLength, maxLength });

describe("Student's t", () => {
  it.each(golden.tails)("tail of t = %d, df = %d", (t, df, tail) => {
    close(twoSidedTail(t, df), tail);
    close(twoSidedTail(-t, df), tail);
  });
  it.each(golden.quantiles)("quantile of tail %d, df = %d", (tail, df, t) => {
    close(twoSidedQuantile(tail, df), t);
  });
  it("refuses what has no quantile", () => {
    for (const tail of [0, 1, NaN])
      expect(() => twoSidedQuantile(tail, 2)).toThrow(RangeError);
  });
});

describe("the paired t interval", () => {
  it.each(golden.paired)("of $differences.length differences", (row) => {
    const { mean, halfWidth, p } = pairedT(row.differences);
    close(mean - halfWidth, row.low, 1e-9);
    close(mean + halfWidth, row.high, 1e-9);
    close(p, row.p, 1e-9);
  });
  it("tests nothing where the differences have no spread", () => {
    // 0.3 − 0.2 and 0.4 − 0.3 differ in the last bit.
    const equal = pairedT([0.3 - 0.2, 0.4 - 0.3, 0.1]);
    expect(equal).toMatchObject({ halfWidth: 0, p: 1 });
    expect(pairedT([0, 0, 0])).toEqual({ mean: 0, halfWidth: 0, p: 1 });
  });
  it("covers the true mean of three normal differences 95 times in 100", () => {
    // A fixed stream of normal numbers by Box and Muller; 4,000 experiments: the standard error is 0.34 points.
    let state = 1;
    const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
    const normal = () =>
      Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    let covered = 0;
    for (let i = 0; i < 4000; i++) {
      const { mean, halfWidth } = pairedT([normal(), normal(), normal()]);
      if (Math.abs(mean) <= halfWidth) covered++;
    }
    expect(covered / 4000).toBeGreaterThan(0.936);
    expect(covered / 4000).toBeLessThan(0.964);
  });
});

describe("Benjamini and Hochberg", () => {
  it.each(golden.fdr)("at $q of $p.length p-values", ({ p, q, rejected }) => {
    expect(benjaminiHochberg(p, q)).toEqual(rejected);
  });
  it("of nothing is nothing", () => {
    expect(benjaminiHochberg([])).toEqual([]);
  });
  it("rejects at least Bonferroni's and at most the plain test's", () => {
    const p = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(p, (values) => {
        benjaminiHochberg(values, 0.05).forEach((rejected, i) => {
          if (values[i]! <= 0.05 / values.length) expect(rejected).toBe(true);
          if (values[i]! > 0.05) expect(rejected).toBe(false);
        });
      }),
    );
  });
});

describe("ranks and Kendall's W", () => {
  it.each(golden.concordance)("W = $w", ({ scores, ranks, w }) => {
    expect(scores.map(midRanks)).toEqual(ranks);
    close(kendallW(scores)!, w);
  });
  it("is 1 for equal orders, 0 for two opposite ones, and lies between", () => {
    expect(kendallW([[1, 5, 9], [2, 3, 4]])).toBe(1); // prettier-ignore
    expect(kendallW([[1, 2, 3], [3, 2, 1]])).toBe(0); // prettier-ignore
    const table = fc
      .integer({ min: 2, max: 8 })
      .chain((items) => fc.array(values(items, items), { minLength: 2, maxLength: 6 })); // prettier-ignore
    fc.assert(
      fc.property(table, (scores) => {
        const w = kendallW(scores);
        if (w === null) return;
        expect(w).toBeGreaterThanOrEqual(0);
        expect(w).toBeLessThanOrEqual(1 + 1e-12);
        // Any increasing change of a rater's scores leaves it.
        expect(kendallW(scores.map((row) => row.map((v) => v ** 3)))).toBe(w);
      }),
    );
  });
  it("is unknown for one rater, one item, and raters who tell nothing apart", () => {
    expect(kendallW([])).toBeNull();
    expect(kendallW([[1, 2, 3]])).toBeNull();
    expect(kendallW([[1], [2]])).toBeNull();
    expect(kendallW([[4, 4], [1, 1]])).toBeNull(); // prettier-ignore
  });
  it.each(golden.spearman)("W $w is a mean correlation of $mean", ({ scores, w, mean }) => {
    expect(meanRankCorrelation(w, scores.length)).toBeCloseTo(mean, 12);
    expect(kendallW(scores)).toBeCloseTo(w, 12);
  }); // prettier-ignore
  it("is 1/raters on average over all pairs of orders, with ties too", () => {
    const orders = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]]; // prettier-ignore
    for (const first of [[1, 2, 3], [1, 1, 2]]) {
      const w = orders.map((second) => kendallW([first, second])!);
      expect(w.reduce((a, b) => a + b, 0) / 6).toBeCloseTo(1 / 2, 12);
    } // prettier-ignore
  });
  it("ranks add up", () => {
    fc.assert(
      fc.property(values(1), (v) => {
        const sum = midRanks(v).reduce((a, b) => a + b, 0);
        expect(sum).toBe((v.length * (v.length + 1)) / 2);
      }),
    );
  });
});

describe("the exact sign-flip test", () => {
  it.each(golden.signFlip)("of $differences.length differences", (row) => {
    close(signFlipP(row.differences), row.p, 1e-9);
  });
  it("has no p below its smallest: k images all one way give 2/2^k", () => {
    for (const k of [1, 4, 10, 40])
      close(signFlipP(new Array<number>(k).fill(1)), 2 / 2 ** k);
    expect(signFlipP([])).toBe(1);
    expect(signFlipP([0, 0])).toBe(1);
    expect(signFlipP([1, -1, 2, -2])).toBe(1);
  });
  it("rejects at most 5 % of all sign patterns at 5 %, for any sizes", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 9 }); // prettier-ignore
    fc.assert(
      fc.property(sizes, (size) => {
        const patterns = 2 ** size.length;
        let rejected = 0;
        for (let bits = 0; bits < patterns; bits++)
          if (signFlipP(size.map((s, i) => ((bits >> i) & 1 ? s : -s))) <= 0.05) rejected++; // prettier-ignore
        expect(rejected / patterns).toBeLessThanOrEqual(0.05);
      }),
      { numRuns: 30 },
    );
  });
});

describe("isotonic regression", () => {
  it.each(golden.isotonic)("of $y", ({ y, fit }) => {
    isotonicNonIncreasing(y).forEach((value, i) => {
      expect(value).toBeCloseTo(fit[i]!, 12);
    });
  });
  it("is non-increasing, keeps the mean, leaves a non-increasing sequence, and is the closest of them", () => {
    fc.assert(
      fc.property(values(1), values(30, 30), (y, other) => {
        const fit = isotonicNonIncreasing(y);
        const sum = (v: number[]) => v.reduce((a, b) => a + b, 0);
        expect(sum(fit)).toBeCloseTo(sum(y), 9);
        expect(fit.every((v, i) => i === 0 || v <= fit[i - 1]!)).toBe(true);
        expect(isotonicNonIncreasing(fit)).toEqual(fit);
        const distance = (v: number[]) => sum(v.map((x, i) => (x - y[i]!) ** 2)); // prettier-ignore
        const rival = other.slice(0, y.length).sort((a, b) => b - a);
        expect(distance(fit)).toBeLessThanOrEqual(distance(rival) + 1e-9);
      }),
    );
  });
});

describe("quantiles, interpolation", () => {
  it.each(golden.quantile)("quantile %d", (q, value) => {
    expect(quantile(golden.quantileOf, q)).toBeCloseTo(value, 12);
  });
  it("takes infinities", () => {
    expect(quantile([1, 2, Infinity], 0.5)).toBe(2);
    expect(quantile([1, 2, Infinity], 0.75)).toBe(Infinity);
    expect(quantile([Infinity, Infinity], 0.3)).toBe(Infinity);
  });
  it("percentiles of 0…1000, shuffled", () => {
    const shuffled = Array.from({ length: 1001 }, (_, i) => (i * 617) % 1001);
    expect(percentileInterval(shuffled)).toEqual([25, 975]);
    expect(percentileInterval([])).toBeNull();
  });
  it("interpolates between knots and meets them", () => {
    const x = [0, 0.1, 0.3];
    const y = [10, 8, 2];
    expect(x.map((at) => interpolate(x, y, at))).toEqual(y);
    expect(interpolate(x, y, 0.05)).toBeCloseTo(9, 12);
    expect(interpolate(x, y, 0.2)).toBeCloseTo(5, 12);
    expect(interpolate([0], [7], 0)).toBe(7);
  });
});

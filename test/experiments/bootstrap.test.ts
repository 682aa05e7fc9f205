import { describe, expect, it } from "vitest";
import { ImageBootstrap } from "../../src/experiments/bootstrap.js";
import { mean } from "../../src/experiments/statistics.js";

const labels = Int32Array.from({ length: 120 }, (_, i) =>
  i % 3 === 0 ? 0 : 2,
); // 40, 0, 80
const every = (k: number) => Uint8Array.from(labels, (_, i) => (i % k === 0 ? 1 : 0)); // prettier-ignore
const bootstrap = new ImageBootstrap(labels, 3, 2000);

describe("the bootstrap over test images", () => {
  it("draws the same images every time, and others with another seed", () => {
    const again = new ImageBootstrap(labels, 3, 2000);
    expect(again.rates(every(5))).toEqual(bootstrap.rates(every(5)));
    const other = new ImageBootstrap(labels, 3, 2000, 1);
    expect(other.rates(every(5))).not.toEqual(bootstrap.rates(every(5)));
  });

  it("keeps class sizes: what is always right stays so, a class without images is 0", () => {
    const { top1, tpr } = bootstrap.rates(every(1));
    expect(new Set(top1)).toEqual(new Set([1]));
    expect(tpr.map((rates) => new Set(rates))).toEqual([new Set([1]), new Set([0]), new Set([1])]); // prettier-ignore
  });

  it("is paired: runs that are right on opposite images add up to 1 in every replicate", () => {
    const right = every(4);
    const wrong = right.map((hit) => 1 - hit);
    const [a, b] = [bootstrap.rates(right), bootstrap.rates(wrong)];
    a.top1.forEach((value, i) => {
      expect(value + b.top1[i]!).toBeCloseTo(1, 12);
      expect(a.tpr[2]![i]! + b.tpr[2]![i]!).toBeCloseTo(1, 12);
    });
  });

  it("has the mean and the spread of a binomial share", () => {
    const right = Uint8Array.from(labels, (label, i) => label === 2 && i % 4 === 1 ? 1 : 0); // prettier-ignore
    const share = right.reduce((a, b) => a + b, 0) / 80;
    const rates = [...bootstrap.rates(right).tpr[2]!];
    const sd = Math.sqrt((share * (1 - share)) / 80);
    // Standard errors of the mean and of the sd over 2,000 replicates: sd/√2000 and about sd/√4000.
    expect(Math.abs(mean(rates) - share)).toBeLessThan((4 * sd) / Math.sqrt(2000)); // prettier-ignore
    const found = Math.sqrt(mean(rates.map((r) => (r - share) ** 2)));
    expect(Math.abs(found - sd)).toBeLessThan((4 * sd) / Math.sqrt(4000));
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { epochOrder, learningRateAt } from "../../src/experiments/schedule.js";

interface GoldenSchedule {
  lr: number;
  T: number;
  W: number;
  rates: number[];
}

const { schedule: golden } = JSON.parse(
  readFileSync(new URL("../golden/optimizer.json", import.meta.url), "utf8"),
) as { schedule: GoldenSchedule[] };

describe("learningRateAt", () => {
  it.each(golden)(
    "equals PyTorch's rates: lr $lr, T $T, W $W",
    ({ lr, T, W, rates }) => {
      expect(rates).toHaveLength(T);
      rates.forEach((expected, i) => {
        const rate = learningRateAt(i + 1, {
          lr,
          totalSteps: T,
          warmupSteps: W,
        });
        // The same few operations in f64, in another order: a few units in the last place of lr.
        expect(Math.abs(rate - expected)).toBeLessThan(8 * 2 ** -53 * lr);
      });
    },
  );

  it("reaches the peak at the end of the warm-up and stays above 0 to the last step", () => {
    const plan = { lr: 0.4, totalSteps: 12, warmupSteps: 4 };
    const rates = Array.from({ length: 12 }, (_, i) =>
      learningRateAt(i + 1, plan),
    );
    expect(rates.slice(0, 5)).toEqual([0.1, 0.2, 0.4 * 0.75, 0.4, 0.4]);
    expect(rates[8]).toBeCloseTo(0.2, 15); // half of the cosine: 4 of 8 steps done
    expect(rates.at(-1)).toBeGreaterThan(0);
    expect(rates.at(-1)).toBeLessThan(0.02);
  });
});

describe("epochOrder", () => {
  const kept = Int32Array.from({ length: 100 }, (_, i) => 3 * i + 1);

  it("holds every kept image once, in another order each epoch and for each seed", () => {
    const first = epochOrder(kept, "shuffle", 0, 1);
    expect([...first].sort((a, b) => a - b)).toEqual([...kept]);
    expect(first).not.toEqual(kept);
    expect(epochOrder(kept, "shuffle", 0, 1)).toEqual(first);
    expect(epochOrder(kept, "shuffle", 0, 2)).not.toEqual(first);
    expect(epochOrder(kept, "shuffle", 1, 1)).not.toEqual(first);
    // The caller's own array is left as it was.
    expect(kept[0]).toBe(1);
    expect(kept[99]).toBe(298);
  });

  it("keeps the data's order where that is asked for", () => {
    expect(epochOrder(kept, "sequential", 5, 9)).toEqual(kept);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import {
  noiseKinds,
  parseNoiseKind,
  poison,
  type PoisonOptions,
  type PoisonResult,
  shareOf,
} from "../../src/experiments/poison.js";
import {
  all,
  arbitrary,
  clean,
  countOf,
  interleaved,
} from "./poison-fixtures.js";

const levels = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1];

describe("the kinds", () => {
  const labels = interleaved(Array<number>(10).fill(500));
  const run = (kind: PoisonOptions["kind"], noise: number) =>
    poison(labels, 10, { ...clean, kind, noise, seed: 3 });

  it("shuffle keeps every class exactly as large (property)", () => {
    fc.assert(
      fc.property(
        arbitrary,
        ({ classSizes, noisePercent, keepPercent, seed }) => {
          const some = interleaved(classSizes);
          const result = poison(some, classSizes.length, {
            noise: noisePercent / 100,
            keep: keepPercent / 100,
            kind: "shuffle",
            seed,
          });
          const trueSizes = countOf(some, classSizes.length, result.kept);
          expect(countOf(result.given, classSizes.length, result.kept)).toEqual(
            trueSizes,
          );
        },
      ),
    );
  });

  it.each(["shuffle", "symmetric"] as const)(
    "%s really changes about p(1 − 1/C) of the labels",
    (kind) => {
      for (const noise of [0.2, 0.6, 1]) {
        const chosen = noise * labels.length;
        // Four standard deviations of a binomial count; the pool's permutation varies no more than that.
        const margin = 4 * Math.sqrt(chosen * 0.9 * 0.1);
        expect(Math.abs(run(kind, noise).changed - 0.9 * chosen)).toBeLessThan(
          margin,
        );
      }
    },
  );

  it("uniform changes every chosen label, to every other class alike", () => {
    const { selected, given, changed, effectiveRate, transition } = run(
      "uniform",
      0.6,
    );
    expect(selected.every((image) => given[image] !== labels[image])).toBe(
      true,
    );
    expect(changed).toBe(3000);
    expect(effectiveRate).toBe(0.6);
    transition.forEach((row, truth) => {
      expect(row[truth]).toBe(200);
      row.forEach((count, g) => {
        // 300 images over 9 classes: mean 33.3, standard deviation 5.4; the worst of 90 cells stays within five.
        if (g !== truth) expect(Math.abs(count - 300 / 9)).toBeLessThan(27);
      });
    });
  });

  it("symmetric gives every class alike, the true one included", () => {
    run("symmetric", 1).transition.forEach((row) => {
      for (const count of row)
        expect(Math.abs(count - 50)).toBeLessThan(
          5 * Math.sqrt(500 * 0.1 * 0.9),
        );
    });
  });

  it("pairflip gives the next class, and the first after the last", () => {
    const { selected, given, transition } = run("pairflip", 0.2);
    expect(
      selected.every((image) => given[image] === (labels[image]! + 1) % 10),
    ).toBe(true);
    const expected = transition.map((_, t) =>
      transition.map((__, g) => (g === t ? 400 : g === (t + 1) % 10 ? 100 : 0)),
    );
    expect(transition).toEqual(expected);
  });

  it("are known by name", () => {
    expect(noiseKinds.map((kind) => parseNoiseKind(kind))).toEqual([
      ...noiseKinds,
    ]);
    expect(() => parseNoiseKind("gaussian")).toThrow(UserError);
    expect(() => parseNoiseKind("gaussian")).toThrow(
      /gaussian.*shuffle, uniform, symmetric, pairflip/,
    );
  });
});

describe("nesting and pairing", () => {
  const labels = interleaved([101, 37, 250, 64]);
  const run = (options: Partial<PoisonOptions>) =>
    poison(labels, 4, { ...clean, seed: 11, ...options });
  const removed = (result: PoisonResult) =>
    all(labels).filter((image) => !result.kept.includes(image));
  const contains = (large: Iterable<number>, small: Iterable<number>) => {
    const set = new Set(large);
    return Array.from(small).every((image) => set.has(image));
  };

  it("nests the choice over the levels, for every kind", () => {
    for (const kind of noiseKinds) {
      for (let i = 1; i < levels.length; i++) {
        const [lower, higher] = [levels[i - 1]!, levels[i]!].map(
          (noise) => run({ kind, noise }).selected,
        );
        expect(higher!.length).toBeGreaterThan(lower!.length);
        expect(contains(higher!, lower!)).toBe(true);
      }
    }
  });

  it.each(["uniform", "symmetric", "pairflip"] as const)(
    "nests %s label by label",
    (kind) => {
      const full = run({ kind, noise: 1 }).given;
      for (const noise of levels) {
        const { selected, given } = run({ kind, noise });
        expect(selected.every((image) => given[image] === full[image])).toBe(
          true,
        );
      }
    },
  );

  it("nests the reduction over the levels", () => {
    for (let i = 1; i < levels.length; i++) {
      const [less, more] = [levels[i - 1]!, levels[i]!].map((level) =>
        removed(run({ keep: 1 - level })),
      );
      expect(more!.length).toBeGreaterThan(less!.length);
      expect(contains(more!, less!)).toBe(true);
    }
  });

  it("hits the same images with noise l and with reduction l, whatever the kind", () => {
    for (const level of levels) {
      const lost = removed(run({ keep: 1 - level }));
      for (const kind of noiseKinds)
        expect(Array.from(run({ kind, noise: level }).selected)).toEqual(lost);
    }
  });

  it("reduces first where both are given: noise goes on in the permutation where reduction ended", () => {
    const both = run({ keep: 0.6, noise: 0.5, kind: "uniform" });
    expect(Array.from(both.kept)).toEqual(Array.from(run({ keep: 0.6 }).kept));
    // Each class's order, read off the nested choices of single-step levels, is the only thing both depend on.
    labels.slice(0, 4).forEach((c) => {
      const members = all(labels).filter((image) => labels[image] === c);
      const n = members.length;
      const heads = Array.from({ length: n + 1 }, (_, k) =>
        Array.from(run({ noise: k / n }).selected).filter(
          (image) => labels[image] === c,
        ),
      );
      const order = heads
        .slice(1)
        .map((head, k) => head.find((image) => !heads[k]!.includes(image))!);
      const start = shareOf(1 - 0.6, n);
      const expected = order
        .slice(start, start + shareOf(0.5, n - start))
        .sort((a, b) => a - b);
      expect(
        Array.from(both.selected).filter((image) => labels[image] === c),
      ).toEqual(expected);
    });
  });
});

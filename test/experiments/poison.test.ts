import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadDataset } from "../../src/data/node-load.js";
import { writeNpy } from "../../src/data/npy.js";
import { UserError } from "../../src/errors.js";
import {
  labelsSha256,
  noiseKinds,
  parseNoiseKind,
  poison,
  type PoisonOptions,
  poisonRecord,
  type PoisonResult,
  shareOf,
} from "../../src/experiments/poison.js";

const clean: PoisonOptions = { noise: 0, kind: "shuffle", keep: 1, seed: 0 };
const levels = [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6, 1];

/** n_c images of each class, the classes interleaved so that data order is not class order. */
function interleaved(classSizes: readonly number[]): Int32Array {
  const labels: number[] = [];
  for (let round = 0; round < Math.max(...classSizes); round++) {
    classSizes.forEach((size, c) => {
      if (round < size) labels.push(c);
    });
  }
  return Int32Array.from(labels);
}

function countOf(
  labels: Int32Array,
  numClasses: number,
  images: Iterable<number>,
): number[] {
  const counts = new Array<number>(numClasses).fill(0);
  for (const image of images) counts[labels[image]!]!++;
  return counts;
}

const all = (labels: Int32Array) => Array.from(labels, (_, i) => i);

/** ⌊percent·n/100 + ½⌋ in integers, where nothing is rounded twice. */
const percentOf = (percent: number, n: number) =>
  Math.floor((2 * percent * n + 100) / 200);

const arbitrary = fc.record({
  classSizes: fc.array(fc.integer({ min: 0, max: 40 }), {
    minLength: 2,
    maxLength: 6,
  }),
  noisePercent: fc.integer({ min: 0, max: 100 }),
  keepPercent: fc.integer({ min: 0, max: 100 }),
  kind: fc.constantFrom(...noiseKinds),
  seed: fc.integer({ min: 0, max: 2 ** 40 }),
});

describe("shareOf", () => {
  it("rounds the share as typed half up (property)", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 0, max: 2_000_000 }),
        (thousandths, n) => {
          const exact = Math.floor((2 * thousandths * n + 1000) / 2000);
          expect(shareOf(thousandths / 1000, n)).toBe(exact);
          expect(shareOf(1 - thousandths / 1000, n)).toBe(
            Math.floor((2 * (1000 - thousandths) * n + 1000) / 2000),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("is not misled by products just under a half", () => {
    expect(0.145 * 100).toBeLessThan(14.5);
    expect(shareOf(0.145, 100)).toBe(15);
    expect(shareOf(0.29, 100)).toBe(29);
    expect(shareOf(0.1449999, 100)).toBe(14);
  });
});

describe("poison", () => {
  it("hits exact counts in every class, whatever the kind, and leaves all else alone (property)", () => {
    fc.assert(
      fc.property(
        arbitrary,
        ({ classSizes, noisePercent, keepPercent, kind, seed }) => {
          const numClasses = classSizes.length;
          const labels = interleaved([...classSizes, 0]).slice();
          const before = labels.slice();
          const result = poison(labels, numClasses, {
            noise: noisePercent / 100,
            keep: keepPercent / 100,
            kind,
            seed,
          });
          expect(labels).toEqual(before);
          const keptSizes = classSizes.map(
            (n) => n - percentOf(100 - keepPercent, n),
          );
          expect(countOf(labels, numClasses, result.kept)).toEqual(keptSizes);
          expect(countOf(labels, numClasses, result.selected)).toEqual(
            keptSizes.map((n) => percentOf(noisePercent, n)),
          );
          expect(result.kept).toEqual(
            Int32Array.from(new Set(result.kept)).sort(),
          );
          expect(result.selected).toEqual(
            Int32Array.from(new Set(result.selected)).sort(),
          );
          const kept = new Set(result.kept);
          expect(result.selected.every((image) => kept.has(image))).toBe(true);
          const selected = new Set(result.selected);
          labels.forEach((label, image) => {
            if (!selected.has(image)) expect(result.given[image]).toBe(label);
          });
        },
      ),
    );
  });

  it("counts its changes and transitions over the kept images (property)", () => {
    fc.assert(
      fc.property(
        arbitrary,
        ({ classSizes, noisePercent, keepPercent, kind, seed }) => {
          const numClasses = classSizes.length;
          const labels = interleaved(classSizes);
          const result = poison(labels, numClasses, {
            noise: noisePercent / 100,
            keep: keepPercent / 100,
            kind,
            seed,
          });
          const rows = result.transition.map((row) =>
            row.reduce((a, b) => a + b, 0),
          );
          expect(rows).toEqual(countOf(labels, numClasses, result.kept));
          const columns = result.transition[0]!.map((_, g) =>
            result.transition.reduce((sum, row) => sum + row[g]!, 0),
          );
          expect(columns).toEqual(
            countOf(result.given, numClasses, result.kept),
          );
          const changed = Array.from(result.kept).filter(
            (image) => result.given[image] !== labels[image],
          ).length;
          expect(result.changed).toBe(changed);
          const diagonal = result.transition.reduce(
            (sum, row, c) => sum + row[c]!,
            0,
          );
          expect(result.kept.length - diagonal).toBe(changed);
          expect(result.effectiveRate).toBe(
            result.kept.length === 0 ? 0 : changed / result.kept.length,
          );
        },
      ),
    );
  });

  it("is a function of labels, settings and seed alone (property)", () => {
    fc.assert(
      fc.property(
        arbitrary,
        ({ classSizes, noisePercent, keepPercent, kind, seed }) => {
          const labels = interleaved(classSizes);
          const options = {
            noise: noisePercent / 100,
            keep: keepPercent / 100,
            kind,
            seed,
          };
          expect(poison(labels, classSizes.length, options)).toEqual(
            poison(labels, classSizes.length, options),
          );
        },
      ),
    );
  });

  it("chooses other images and other labels for another seed", () => {
    const labels = interleaved(Array<number>(10).fill(100));
    const [a, b] = [0, 1].map((seed) =>
      poison(labels, 10, { ...clean, noise: 0.3, kind: "uniform", seed }),
    );
    const common = Array.from(a!.selected).filter((image) =>
      b!.selected.includes(image),
    );
    // Independent choices of 30 % share 9 % of 1,000 images: mean 90, standard deviation 6.7.
    expect(Math.abs(common.length - 90)).toBeLessThan(34);
    const sameLabel = common.filter(
      (image) => a!.given[image] === b!.given[image],
    ).length;
    expect(sameLabel / common.length).toBeLessThan(0.4);
  });

  it("chooses different positions in different classes", () => {
    const labels = interleaved([50, 50]);
    const { selected } = poison(labels, 2, { ...clean, noise: 0.5 });
    const positions = (c: number) =>
      Array.from(selected).flatMap((i) =>
        i % 2 === c ? [Math.floor(i / 2)] : [],
      );
    expect(positions(0)).not.toEqual(positions(1));
  });

  it("flips round(0.05·n_c) labels in each of 100 classes, not none", () => {
    const labels = interleaved(Array<number>(100).fill(50));
    for (const kind of noiseKinds) {
      const result = poison(labels, 100, { ...clean, noise: 0.05, kind });
      expect(countOf(labels, 100, result.selected)).toEqual(
        Array<number>(100).fill(3),
      ); // 2.5 rounds up
      expect(result.changed).toBeGreaterThan(280);
    }
  });
});

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
    expect(noiseKinds.map(parseNoiseKind)).toEqual([...noiseKinds]);
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

describe("edges", () => {
  const labels = interleaved([7, 5, 3]);

  it.each(noiseKinds)(
    "%s at 0 changes nothing and at 1 chooses everything",
    (kind) => {
      const none = poison(labels, 3, { ...clean, kind });
      expect(none.given).toEqual(labels);
      expect([none.selected.length, none.changed, none.effectiveRate]).toEqual([
        0, 0, 0,
      ]);
      expect(Array.from(none.kept)).toEqual(all(labels));
      expect(none.transition).toEqual([
        [7, 0, 0],
        [0, 5, 0],
        [0, 0, 3],
      ]);
      expect(
        Array.from(poison(labels, 3, { ...clean, kind, noise: 1 }).selected),
      ).toEqual(all(labels));
    },
  );

  it("keeps nothing at keep 0", () => {
    const result = poison(labels, 3, { ...clean, keep: 0, noise: 0.5 });
    expect([
      result.kept.length,
      result.selected.length,
      result.changed,
      result.effectiveRate,
    ]).toEqual([0, 0, 0, 0]);
    expect(result.given).toEqual(labels);
  });

  it("copes with no images and with one clean class", () => {
    expect(
      poison(new Int32Array(), 3, { ...clean, noise: 1 }).kept.length,
    ).toBe(0);
    expect(poison(Int32Array.of(0, 0), 1, clean).changed).toBe(0);
  });

  it.each<[Partial<PoisonOptions>, RegExp]>([
    [{ noise: -0.1 }, /noise -0\.1.*\[0, 1\]/],
    [{ noise: 20 }, /noise 20.*\[0, 1\]/],
    [{ noise: Number.NaN }, /noise NaN/],
    [{ keep: 1.01 }, /keep 1\.01.*\[0, 1\]/],
    [{ keep: -1 }, /keep -1/],
    [{ seed: -1 }, /seed -1/],
    [{ seed: 0.5 }, /seed 0\.5/],
  ])("refuses %j", (options, message) => {
    expect(() => poison(labels, 3, { ...clean, ...options })).toThrow(
      UserError,
    );
    expect(() => poison(labels, 3, { ...clean, ...options })).toThrow(message);
  });

  it("refuses labels out of range and noise without a second class", () => {
    expect(() => poison(Int32Array.of(0, 3), 3, clean)).toThrow(
      /label 3 of image 1 is out of range/,
    );
    expect(() => poison(Int32Array.of(0, -1), 3, clean)).toThrow(UserError);
    expect(() =>
      poison(Int32Array.of(0, 0), 1, { ...clean, noise: 0.5 }),
    ).toThrow(UserError);
  });
});

describe("poisonRecord", () => {
  it("is plain JSON in the contract's fields", async () => {
    const labels = interleaved([4, 4]);
    const result = poison(labels, 2, {
      noise: 0.5,
      kind: "pairflip",
      keep: 0.5,
      seed: 9,
    });
    const record = await poisonRecord(result);
    expect(Object.keys(record)).toEqual(
      "kind nominal keep seed selected kept changed effectiveRate transition labelsSha256".split(
        " ",
      ),
    );
    expect(JSON.parse(JSON.stringify(record))).toEqual({
      kind: "pairflip",
      nominal: 0.5,
      keep: 0.5,
      seed: 9,
      selected: Array.from(result.selected),
      kept: Array.from(result.kept),
      changed: 2,
      effectiveRate: 0.5,
      transition: [
        [1, 1],
        [1, 1],
      ],
      labelsSha256: await labelsSha256(result.given),
    });
  });

  it("hashes the labels as int32 little-endian, which is labels.npy's data", async () => {
    // hashlib.sha256(numpy.array([0, 1, 2, 258, -1], dtype="<i4").tobytes()).hexdigest()
    const labels = Int32Array.of(0, 1, 2, 258, -1);
    expect(await labelsSha256(labels)).toBe(
      "1e36cd71d5693735d99966155268267bab8a40228e2141d7116265742b6d3bbe",
    );
    const data = writeNpy(labels).slice(128);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    expect(await labelsSha256(labels)).toBe(
      Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join(""),
    );
  });

  it("stays the same from version to version: the choice is part of published results", async () => {
    const { train } = await loadDataset("sample");
    const hashes = await Promise.all(
      noiseKinds.map((kind) =>
        labelsSha256(
          poison(train.labels, 10, { noise: 0.4, kind, keep: 1, seed: 0 })
            .given,
        ),
      ),
    );
    expect(hashes).toMatchInlineSnapshot(`
      [
        "e922c28ab46991621cd2dc2a4b80db442b6438d593dd0e222b23d4a4fba82479",
        "d26fe337878c1a3f77fa44449689cad276e409e57ed4064ccaf2485b5e8a37b6",
        "12eb53f96be08f115871af5a6e4c76ea5b61d778854d15fc87c7178156cd35d6",
        "75ce41030a4060981132b89028149f4f59760a09b74c3f9666848372d1914af0",
      ]
    `);
  });
});

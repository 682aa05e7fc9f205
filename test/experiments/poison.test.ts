import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadDataset } from "../../src/data/node-load.js";
import { writeNpy } from "../../src/data/npy.js";
import { UserError } from "../../src/errors.js";
import {
  labelsSha256,
  noiseKinds,
  poison,
  type PoisonOptions,
  poisonRecord,
  shareOf,
} from "../../src/experiments/poison.js";
import {
  all,
  arbitrary,
  clean,
  countOf,
  interleaved,
} from "./poison-fixtures.js";

/** ⌊percent·n/100 + ½⌋ in integers, where nothing is rounded twice. */
const percentOf = (percent: number, n: number) =>
  Math.floor((2 * percent * n + 100) / 200);

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

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { writeNpy } from "../../src/data/npy.js";
import {
  compareLabels,
  parseLabels,
} from "../../src/experiments/labels-file.js";
import {
  apportion,
  confusionNoise,
  parseNoiseMatrix,
} from "../../src/experiments/noise-matrix.js";
import {
  matrixSource,
  type NoiseKind,
  parseNoiseKind,
  poison,
  poisonRecord,
  shareOf,
} from "../../src/experiments/poison.js";
import { UserError } from "../../src/errors.js";
import { clean, countOf, interleaved } from "./poison-fixtures.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const matrix = [
  [0.5, 0.25, 0.25],
  [0, 0, 1],
  [0.1, 0.2, 0.7],
];

/** A .npy file of a matrix as NumPy writes it. */
function npyMatrix(
  rows: readonly (readonly number[])[],
  type: "<f8" | ">f4" | "<i8",
  fortran = false,
): Uint8Array {
  const columns = rows[0]!.length;
  const values = fortran
    ? rows[0]!.flatMap((_, c) => rows.map((row) => row[c]!))
    : rows.flat();
  const header =
    `{'descr': '${type}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': (${rows.length}, ${columns}), }`.padEnd(
      117,
    ) + "\n";
  const size = Number(type.at(-1));
  const file = new Uint8Array(128 + values.length * size);
  file.set([0x93, ...bytes("NUMPY"), 1, 0, 118, 0, ...bytes(header)]);
  const view = new DataView(file.buffer);
  values.forEach((value, i) => {
    const at = 128 + i * size;
    if (type === "<f8") view.setFloat64(at, value, true);
    else if (type === ">f4") view.setFloat32(at, value);
    else view.setBigInt64(at, BigInt(value), true);
  });
  return file;
}

describe("apportionment", () => {
  it("gives whole parts within one of the shares that sum to the total (property)", () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 12 })
          .filter((weights) => weights.some((w) => w > 0)),
        fc.nat({ max: 5000 }),
        (weights, total) => {
          const sum = weights.reduce((a, b) => a + b, 0);
          const counts = apportion(
            total,
            weights.map((w) => w / sum),
          );
          expect(counts.reduce((a, b) => a + b, 0)).toBe(total);
          counts.forEach((count, i) => {
            // In whole numbers: ⌊total·w/sum⌋ or one more, and that alone where it is exact.
            const floor = Math.floor((total * weights[i]!) / sum);
            expect([
              floor,
              floor + ((total * weights[i]!) % sum === 0 ? 0 : 1),
            ]).toContain(count);
          });
        },
      ),
    );
  });

  it("gives the larger remainder its part first, and of equals the lower index", () => {
    expect(apportion(10, [0.43, 0.28, 0.29])).toEqual([4, 3, 3]);
    expect(apportion(7, [0.5, 0.5])).toEqual([4, 3]);
    expect(apportion(100, [0.29, 0.71])).toEqual([29, 71]); // 0.29·100 is 28.999999999999996
    expect(apportion(0, [0.5, 0.5])).toEqual([0, 0]);
  });
});

describe("a transition matrix from a file", () => {
  it.each<[string, Uint8Array]>([
    ["T.json", bytes(JSON.stringify(matrix))],
    ["T.csv", bytes(matrix.map((row) => row.join(",")).join("\n"))],
    [
      "named.csv",
      bytes(
        `class,a,b,c\r\n${matrix.map((row, t) => ["a", "b", "c"][t]! + "," + row.join(",")).join("\r\n")}\r\n`,
      ),
    ],
    ["T.npy", npyMatrix(matrix, "<f8")],
    ["fortran.npy", npyMatrix(matrix, "<f8", true)],
  ])("%s", (name, file) => {
    expect(parseNoiseMatrix(file, name, 3)).toEqual(matrix);
  });

  it("takes rows that miss 1 by f32 rounding, and scales them", () => {
    const thirds = Array.from({ length: 3 }, () => [1 / 3, 1 / 3, 1 / 3]);
    const rows = parseNoiseMatrix(npyMatrix(thirds, ">f4"), "T.npy", 3);
    for (const row of rows)
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 15);
  });

  it.each<[string, string, RegExp]>([
    ["T.csv", "0.5,0.5\n0.5,0.5", /T\.csv: has 2 rows of 2 columns; .* is 3×3/],
    ["T.csv", "1,0,0\n0,1,0\n0,0.5,0.4", /row 3 sums to 0\.9;/],
    ["T.csv", "1,0,0\n0,1.5,-0.5\n0,0,1", /row 2 holds 1\.5;/],
    ["T.json", "[[1,0,0],[0,-0.5,1.5],[0,0,1]]", /row 2 holds -0\.5;/],
    ["T.csv", "class,a,b,c\na,1,0,x\nb,0,1,0\nc,0,0,1", /row 1 holds NaN;/],
    ["T.json", '{"a": 1}', /is no array of rows of numbers/],
    ["T.json", "[[1,0,", /no JSON/],
    ["T.txt", "1", /is read from \.csv, \.json or \.npy/],
    ["T.npy", "x", /is no \.npy file/],
  ])("refuses %s: %s", (name, text, message) => {
    expect(() => parseNoiseMatrix(bytes(text), name, 3)).toThrow(UserError);
    expect(() => parseNoiseMatrix(bytes(text), name, 3)).toThrow(message);
  });

  it("refuses labels in a matrix's place", () => {
    expect(() =>
      parseNoiseMatrix(writeNpy(Int32Array.of(1, 2, 3)), "T.npy", 3),
    ).toThrow(/shape \(3\).*a matrix of numbers is needed/);
  });
});

describe("an earlier run's confusion", () => {
  const table = {
    classes: ["a", "b", "c"],
    counts: [
      [8, 1, 1],
      [0, 9, 3],
      [2, 0, 0],
    ],
  };

  it("is its mistakes alone, each class scaled to 1", () => {
    expect(confusionNoise(table, table.classes, "confusion.csv")).toEqual([
      [0, 0.5, 0.5],
      [0, 0, 1],
      [1, 0, 0],
    ]);
  });

  it("is refused for other classes, and where a class was never mistaken", () => {
    expect(() =>
      confusionNoise(table, ["a", "b", "d"], "R/confusion.csv"),
    ).toThrow(
      /^R\/confusion\.csv: is about the classes a, b, c, the data has a, b, d/,
    );
    expect(() =>
      confusionNoise(
        {
          ...table,
          counts: [
            [8, 1, 1],
            [0, 9, 0],
            [2, 0, 0],
          ],
        },
        table.classes,
        "R",
      ),
    ).toThrow(/^R: b was never mistaken/);
  });
});

describe("noise by a matrix", () => {
  const kind: NoiseKind = "matrix:T.csv";
  const arbitrary = fc.record({
    sizes: fc.array(fc.nat({ max: 60 }), { minLength: 3, maxLength: 3 }),
    noise: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
    keep: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
    seed: fc.nat(),
    kind: fc.constantFrom<NoiseKind>("matrix:T.csv", "confusion:runs/a"),
  });

  it("has exactly the counts of each row by largest remainder (property)", () => {
    fc.assert(
      fc.property(arbitrary, ({ sizes, ...options }) => {
        const labels = interleaved(sizes);
        const { given, selected, kept, changed } = poison(labels, 3, {
          ...options,
          matrix,
        });
        sizes.forEach((size, truth) => {
          const left = size - shareOf(1 - options.keep, size);
          const chosen = Array.from(selected).filter(
            (image) => labels[image] === truth,
          );
          expect(chosen).toHaveLength(shareOf(options.noise, left));
          expect(countOf(given, 3, chosen)).toEqual(
            apportion(chosen.length, matrix[truth]!),
          );
        });
        const hit = new Set(selected);
        expect(
          Array.from(kept).every(
            (image) => hit.has(image) || given[image] === labels[image],
          ),
        ).toBe(true);
        expect(changed).toBe(
          Array.from(kept).filter((image) => given[image] !== labels[image])
            .length,
        );
      }),
    );
  });

  it("nests the choice over the levels, and the labels but for the few that exact counts move", () => {
    const labels = interleaved([400, 300, 500]);
    const at = (noise: number) =>
      poison(labels, 3, { ...clean, kind, noise, matrix, seed: 5 });
    const levels = [0.1, 0.2, 0.3, 0.5, 1].map(at);
    for (let i = 1; i < levels.length; i++) {
      const [lower, higher] = [levels[i - 1]!, levels[i]!];
      const larger = new Set(higher.selected);
      expect(
        Array.from(lower.selected).every((image) => larger.has(image)),
      ).toBe(true);
      const kept = Array.from(lower.selected).filter(
        (image) => lower.given[image] === higher.given[image],
      ).length;
      expect(kept / lower.selected.length).toBeGreaterThan(0.9);
    }
  });

  it("draws which image gets which label, by the seed", () => {
    const labels = interleaved([100, 100, 100]);
    const [a, b, c] = [1, 1, 2].map(
      (seed) =>
        poison(labels, 3, { ...clean, kind, noise: 0.5, matrix, seed }).given,
    );
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
  });

  it("is known by what stands before its source, and recorded with the matrix", async () => {
    expect(parseNoiseKind("matrix:a/T.csv")).toBe("matrix:a/T.csv");
    expect(matrixSource("confusion:runs/x:y")).toEqual([
      "confusion:",
      "runs/x:y",
    ]);
    for (const name of ["matrix", "matrix:", "confusion:", "confusions:x"])
      expect(() => parseNoiseKind(name)).toThrow(
        /choose one of shuffle, uniform, symmetric, pairflip, matrix:FILE, confusion:RUN/,
      );
    const result = poison(interleaved([10, 10, 10]), 3, {
      ...clean,
      kind,
      noise: 1,
      matrix,
    });
    expect((await poisonRecord(result)).matrix).toEqual(matrix);
    expect(result.transition).toEqual([
      [5, 3, 2],
      [0, 0, 10],
      [1, 2, 7],
    ]);
  });
});

describe("labels from a file", () => {
  it.each([
    ["the same", [0, 0, 1, 1], [0, 0, 1, 1], 0, 1],
    ["as by chance", [0, 1, 0, 1], [0, 0, 1, 1], 2, 0],
    ["worse than by chance", [1, 1, 0, 0], [0, 0, 1, 1], 4, -1],
    // 7 of 10 agree, and 0.5 · 0.6 + 0.5 · 0.4 would by chance: (0.7 − 0.5) / 0.5.
    ["nearly", [0, 0, 0, 0, 1, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 3, 0.4], // prettier-ignore
    ["all of one class", [0, 0, 0, 0], [0, 0, 1, 1], 2, 0],
    ["of one class as the data's", [0, 0], [0, 0], 0, 1],
  ] as const)(
    "are compared with the data's own by Cohen's kappa: %s",
    (_, given, own, differing, kappa) => {
      const found = compareLabels(Int32Array.from(given), Int32Array.from(own), 2); // prettier-ignore
      expect(found.differing).toBe(differing);
      expect(found.kappa).toBeCloseTo(kappa, 12);
    },
  );

  const read = (name: string, text: string, counts = [3]) =>
    Array.from(parseLabels(bytes(text), name, counts, 5));

  it.each<[string, string]>([
    ["l.json", "[4, 0, 1]"],
    ["l.csv", "4\n0\n1\n"],
    ["L.CSV", "4\n0\n1\n"],
    ["l.csv", "label\r\n4\r\n0\r\n1"],
    ["l.csv", "index,label,true\n0,4,4\n1,0,2\n2,1,1\n"],
    ["l.csv", "label,index\n1,2\n4,0\n0,1\n"],
  ])("%s: %j", (name, text) => {
    expect(read(name, text)).toEqual([4, 0, 1]);
  });

  it("may be .npy, and about any of the counts", () => {
    expect(
      Array.from(
        parseLabels(writeNpy(Int32Array.of(1, 2)), "l.npy", [3, 2], 5),
      ),
    ).toEqual([1, 2]);
  });

  it.each<[string, string, RegExp]>([
    [
      "l.csv",
      "1\n2\n",
      /l\.csv: holds 2 labels, but there are 3 training images/,
    ],
    [
      "l.csv",
      "1\n2\n5\n",
      /label 5 of image 2 is no class; there are 5 \(0 to 4\)/,
    ],
    ["l.json", "[1, 2, -1]", /label -1 of image 2/],
    ["l.json", "[1, 2, 1.5]", /label 1\.5 of image 2/],
    ["l.json", '[1, 2, "3"]', /no array of numbers/],
    ["l.json", "[1, 2", /no JSON/],
    ["l.csv", "1\ncat\n2\n", /line 2 has no whole number as its label: "cat"/],
    ["l.csv", "a,b\n1,2\n", /has 2 columns and none is called label/],
    ["l.csv", "label,label\n1,2\n", /two columns are called label/],
    [
      "l.csv",
      "index,label\n0,1\n0,2\n1,1\n",
      /line 3 is about image 0, which has a label already/,
    ],
    [
      "l.csv",
      "index,label\n0,1\n3,2\n1,1\n",
      /line 3 is about image 3, which is not one of 0 to 2/,
    ],
    ["l.txt", "1\n2\n3\n", /are read from \.npy, \.csv or \.json/],
  ])("refuses %s %j", (name, text, message) => {
    expect(() => read(name, text)).toThrow(UserError);
    expect(() => read(name, text)).toThrow(message);
  });

  it("are what is trained on, compared with the true ones; removed images keep those", () => {
    const labels = interleaved([4, 4]);
    const given = Int32Array.of(0, 0, 0, 1, 1, 1, 1, 1);
    const whole = poison(labels, 2, { ...clean, given });
    expect(whole).toMatchObject({
      kind: "labels",
      changed: 3,
      effectiveRate: 3 / 8,
      transition: [
        [2, 2],
        [1, 3],
      ],
      given,
    });
    expect(Array.from(whole.selected)).toEqual([1, 4, 6]);
    const half = poison(labels, 2, { ...clean, keep: 0.5, given });
    expect(half.kept).toHaveLength(4);
    labels.forEach((truth, image) => {
      expect(half.given[image]).toBe(
        half.kept.includes(image) ? given[image] : truth,
      );
    });
    expect(() => poison(labels, 2, { ...clean, noise: 0.2, given })).toThrow(
      /--labels: .* so does --noise 0\.2; leave one of them out/,
    );
  });
});

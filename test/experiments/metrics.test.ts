import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import {
  averagePrecision,
  evaluateLogits,
  macroCurve,
  microCurve,
  precisionAt,
  precisionRecallCurve,
} from "../../src/experiments/metrics.js";

interface Golden {
  cases: {
    name: string;
    classes: number;
    step: number;
    labels: number[];
    logits: number[];
    expected: {
      loss: number;
      top1: number;
      top5: number | null;
      ece: number;
      confusion: number[][];
      support: number[];
      tpr: number[];
      precision: number[];
      f1: number[];
      ap: number[];
      microAp: number;
      curves?: {
        thresholds: number[];
        precision: number[];
        recall: number[];
      }[];
    };
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../golden/metrics.json", import.meta.url), "utf8"),
) as Golden;

/** Both sides are f64 with short sums: 1e-12 leaves room for the two libraries' exp and log. */
function expectClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(
      Math.abs(actual[i]! - value),
      `element ${i}: ${actual[i]!} against ${value}`,
    ).toBeLessThan(1e-12);
  });
}

describe.each(golden.cases)(
  "scikit-learn: $name",
  ({ classes, step, labels, logits, expected }) => {
    const values = Float32Array.from(logits, (value) => value * step);
    const truth = Int32Array.from(labels);
    const result = evaluateLogits(values, truth, classes);

    it("has the same totals", () => {
      expectClose(
        [result.loss, result.top1, result.ece],
        [expected.loss, expected.top1, expected.ece],
      );
      expect(result.count).toBe(labels.length);
      if (expected.top5 === null) expect(result.top5).toBeNull();
      else expectClose([result.top5!], [expected.top5]);
    });

    it("has the same confusion matrix and class metrics", () => {
      expect(result.confusion).toEqual(expected.confusion);
      for (const key of ["support", "tpr", "precision", "f1", "ap"] as const) {
        expectClose(
          result.perClass.map((row) => row[key]),
          expected[key],
        );
      }
      for (const row of result.perClass) {
        expect(row.tp + row.fp + row.fn + row.tn).toBe(labels.length);
        expect(row.fpr).toBe(row.fp / (row.fp + row.tn));
      }
    });

    it("has the same micro average precision and curves", () => {
      expectClose(
        [averagePrecision(microCurve(values, truth, classes))],
        [expected.microAp],
      );
      expected.curves?.forEach((curve, c) => {
        for (const key of ["thresholds", "precision", "recall"] as const) {
          expectClose(result.curves[c]![key], curve[key]);
        }
      });
    });
  },
);

it("the golden cases hold what they are there for", () => {
  const [coarse, , special] = golden.cases;
  expect(
    coarse!.expected.curves!.some(
      (curve) => curve.thresholds.length < coarse!.labels.length,
    ),
  ).toBe(true);
  expect(special!.expected.support[4]).toBe(0);
  expect(special!.expected.confusion.every((row) => row[7] === 0)).toBe(true);
});

describe("ties", () => {
  it("in the argmax go to the lowest index", () => {
    const result = evaluateLogits(
      new Float32Array([1, 1, 0, 0, 2, 2]),
      new Int32Array([1, 1]),
      3,
    );
    expect(result.confusion[1]).toEqual([1, 1, 0]);
  });

  it("in the top 5 rank by index", () => {
    const flat = new Float32Array(12);
    expect(evaluateLogits(flat, new Int32Array([4, 5]), 6).top5).toBe(0.5);
  });

  it("in the score share one threshold", () => {
    const curve = precisionRecallCurve(
      new Float64Array([0.5, 0.5, 0.5, 0.1]),
      new Uint8Array([1, 0, 0, 1]),
    );
    expect([...curve.thresholds]).toEqual([0.5, 0.1]);
    expect([...curve.predicted]).toEqual([3, 4]);
    expect(averagePrecision(curve)).toBeCloseTo(0.5 / 3 + 0.25, 15);
  });
});

describe("edges", () => {
  it("keeps the loss finite where the label's probability underflows", () => {
    const result = evaluateLogits(
      new Float32Array([3000, 0, 0, 0]),
      new Int32Array([1, 0]),
      2,
    );
    expect(result.loss).toBeCloseTo((3000 + Math.LN2) / 2, 10);
  });

  it("a flat prediction is as confident as chance: calibration error 0", () => {
    const result = evaluateLogits(
      new Float32Array(9),
      new Int32Array([0, 1, 2]),
      3,
    );
    expect(result.ece).toBeCloseTo(0, 12);
    expect(result.loss).toBeCloseTo(Math.log(3), 14);
  });

  it.each([
    ["an empty set", new Float32Array(0), new Int32Array(0), 3],
    ["a shape that does not fit", new Float32Array(5), new Int32Array(2), 3],
    ["a label out of range", new Float32Array(3), new Int32Array([3]), 3],
    ["a negative label", new Float32Array(3), new Int32Array([-1]), 3],
    ["NaN", new Float32Array([0, NaN, 0]), new Int32Array([0]), 3],
    ["an infinity", new Float32Array([0, Infinity, 0]), new Int32Array([0]), 3],
    ["a single class", new Float32Array(1), new Int32Array(1), 1],
  ])("refuses %s", (_, logits, labels, classes) => {
    expect(() => evaluateLogits(logits, labels, classes)).toThrow(UserError);
  });
});

describe("curves", () => {
  const result = evaluateLogits(
    Float32Array.from(golden.cases[1]!.logits, (v) => v / 1024),
    Int32Array.from(golden.cases[1]!.labels),
    10,
  );

  it("read precision at the highest threshold that reaches the recall", () => {
    const curve = { precision: [1, 0.5, 0.6], recall: [0.2, 0.2, 1] };
    expect([0, 0.2, 0.21, 1].map((r) => precisionAt(curve, r))).toEqual([
      1, 1, 0.6, 0.6,
    ]);
    expect(precisionAt({ precision: [0], recall: [0] }, 0.5)).toBeNull();
  });

  it("the macro curve's mean tends to the mean average precision", () => {
    const mean = result.perClass.reduce((sum, row) => sum + row.ap, 0) / 10;
    const macro = macroCurve(result.curves, 20000).precision;
    expect(macro.reduce((a, b) => a + b, 0) / macro.length).toBeCloseTo(
      mean,
      3,
    );
  });

  it("the macro curve leaves out classes without support", () => {
    const with0 = [
      ...result.curves,
      precisionRecallCurve(new Float64Array(3), new Uint8Array(3)),
    ];
    expect(macroCurve(with0)).toEqual(macroCurve(result.curves));
    expect(macroCurve([with0[10]!])).toEqual({ recall: [], precision: [] });
  });
});

it("does not depend on the order of the images", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.array(fc.integer({ min: -4, max: 4 }), {
            minLength: 4,
            maxLength: 4,
          }),
          fc.nat(3),
        ),
        {
          minLength: 1,
          maxLength: 30,
        },
      ),
      (images) => {
        const evaluate = (list: typeof images) =>
          evaluateLogits(
            Float32Array.from(list.flatMap(([l]) => l)),
            Int32Array.from(list, ([, l]) => l),
            4,
          );
        const forward = evaluate(images);
        const backward = evaluate([...images].reverse());
        expect(backward.perClass).toEqual(forward.perClass);
        expect(backward.confusion).toEqual(forward.confusion);
        expect(backward.ece).toBeCloseTo(forward.ece, 12);
      },
    ),
    { numRuns: 100 },
  );
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseCsv, parseRecords, writeCsv } from "../../src/experiments/csv.js";
import {
  averagePrecision,
  evaluateLogits,
} from "../../src/experiments/metrics.js";
import {
  confusionCsv,
  parseConfusion,
  parsePerClass,
  parsePr,
  parseResults,
  perClassCsv,
  prCsv,
  resultsCsv,
  thinCurve,
} from "../../src/experiments/tables.js";
import { RandomStream } from "../../src/engine/random.js";

const names = ["plain", 'quo"te', "com,ma", "line\nbreak"];
const stream = new RandomStream(3, 100);
const labels = Int32Array.from({ length: 400 }, () => stream.integer(4));
const logits = Float32Array.from(
  { length: 1600 },
  (_, i) => stream.float() + (labels[i >> 2] === i % 4 ? 0.3 : 0),
);
const evaluation = evaluateLogits(logits, labels, 4);

describe("csv", () => {
  it("reads back what it wrote", () => {
    const cell = fc.oneof(
      fc.string(),
      fc.constantFrom('"', ",", "\n", '""', ",\r\n"),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }),
        (rows) => {
          expect(parseCsv(writeCsv(["a", "b", "c"], rows)).slice(1)).toEqual(
            rows,
          );
        },
      ),
    );
  });

  it("keeps numbers exactly and null as an empty cell", () => {
    const values = [0, -0, 1 / 3, 1e-9, 123456789.125, null];
    const [record] = parseRecords(
      writeCsv(["a", "b", "c", "d", "e", "f"], [values]),
      ["a"],
    );
    expect(["a", "b", "c", "d", "e", "f"].map((key) => record!.optional(key))).toEqual([0, 0, 1 / 3, 1e-9, 123456789.125, null]); // prettier-ignore
  });

  it.each([NaN, Infinity, -Infinity])("refuses %d", (value) => {
    expect(() => writeCsv(["loss"], [[1], [value]])).toThrow(/loss of row 2/);
  });

  it("names what is wrong with a damaged file", () => {
    expect(() => parseCsv("a,b\n1\n", "pr.csv")).toThrow(
      /pr.csv: row 2 has 1 cells/,
    );
    expect(() => parseCsv('a,"b\n1,2\n')).toThrow(/quote/);
    expect(() => parseRecords("a\n1\n", ["a", "b"])).toThrow(/no column b/);
    expect(() => parseRecords("a\nx\n", ["a"])[0]!.number("a")).toThrow(
      /no number: "x"/,
    );
  });
});

describe("tables", () => {
  it("per_class.csv", () => {
    const text = perClassCsv(evaluation, names);
    expect(text.split("\n")[0]).toBe(
      "class,index,support,tp,fp,fn,tn,tpr,fpr,precision,f1,ap",
    );
    expect(parsePerClass(text)).toEqual(
      evaluation.perClass.map((row, c) => ({ ...row, class: names[c] })),
    );
  });

  it("confusion.csv", () => {
    expect(parseConfusion(confusionCsv(evaluation, names))).toEqual({
      classes: names,
      counts: evaluation.confusion,
    });
    expect(() => parseConfusion("class,a,b\na,1,2\n")).toThrow(/square/);
  });

  it("pr.csv keeps the endpoints and the shape", () => {
    const text = prCsv(evaluation, names, 40);
    expect(text.split("\n")[0]).toBe("class,threshold,precision,recall");
    const tables = parsePr(text);
    expect(tables.map((table) => table.class)).toEqual(names);
    tables.forEach((table, c) => {
      const curve = evaluation.curves[c]!;
      expect(table.recall.length).toBeLessThanOrEqual(40);
      expect(table.thresholds[0]).toBeCloseTo(curve.thresholds[0]!, 8);
      expect(table.thresholds.at(-1)).toBeCloseTo(curve.thresholds.at(-1)!, 8);
      expect(table.recall.at(-1)).toBe(1);
      const thinned = {
        precision: Float64Array.from(table.precision),
        recall: Float64Array.from(table.recall),
      };
      expect(averagePrecision(thinned)).toBeCloseTo(
        evaluation.perClass[c]!.ap,
        1,
      );
    });
  });

  it("thinning picks distinct points in order", () => {
    const chosen = thinCurve(evaluation.curves[0]!, 25);
    expect(chosen).toHaveLength(25);
    expect([...new Set(chosen)].sort((a, b) => a - b)).toEqual(chosen);
  });

  it("results.csv", () => {
    const rows = [
      { model: "lenet", arm: "noise", level: 0.2, seed: 1, top1Last: 1 / 3, top1Best: 0.5, top5Last: null, lossLast: 2.5, status: "done", run: "runs/a" }, // prettier-ignore
      { model: "lenet", arm: "baseline", level: 0, seed: 1, top1Last: null, top1Best: null, top5Last: null, lossLast: null, status: "failed", run: "runs/b" }, // prettier-ignore
    ] as const;
    const text = resultsCsv(rows);
    expect(text.split("\n")[0]).toBe(
      "model,arm,level,seed,top1_last,top1_best,top5_last,loss_last,status,run",
    );
    expect(parseResults(text)).toEqual(rows);
    expect(parseResults(text.replace(",0.2,", `,${1 - 0.8},`))).toEqual(rows);
    expect(() => parseResults(text.replace("baseline", "control"))).toThrow(
      /unknown arm "control"/,
    );
  });

  it("refuses a number that is not finite and names that do not fit", () => {
    const broken = {
      ...evaluation,
      perClass: evaluation.perClass.map((row) => ({ ...row, ap: NaN })),
    };
    expect(() => perClassCsv(broken, names)).toThrow(/ap of row 1 is NaN/);
    expect(() => confusionCsv(evaluation, ["a"])).toThrow(
      /1 class names for 4 classes/,
    );
  });
});

/** The tables of a run folder and of a sweep: their text, and the way back. Columns as other programs rely on them. */
import { UserError } from "../errors.js";
import { type Cell, compact, parseCsv, parseRecords, writeCsv } from "./csv.js";
import type {
  ClassMetrics,
  Evaluation,
  PrecisionRecallCurve,
} from "./metrics.js";

const PER_CLASS = [
  "class",
  "index",
  "support",
  "tp",
  "fp",
  "fn",
  "tn",
  "tpr",
  "fpr",
  "precision",
  "f1",
  "ap",
] as const;
const PR = ["class", "threshold", "precision", "recall"] as const;
const RESULTS = [
  "model",
  "arm",
  "level",
  "seed",
  "top1_last",
  "top1_best",
  "top5_last",
  "loss_last",
  "status",
  "run",
] as const;

/** A row of per_class.csv. */
export type PerClassRow = ClassMetrics & { class: string };

/** confusion.csv: counts[t][p] images of class t predicted as p. */
export interface ConfusionTable {
  classes: string[];
  counts: number[][];
}

/** The thinned curve of one class in pr.csv, from the highest threshold to the lowest. */
export interface PrTable {
  class: string;
  thresholds: number[];
  precision: number[];
  recall: number[];
}

/**
 * `noise`: level = share of labels; `reduction`: level = share of images removed; `baseline`: level 0.
 * `reduction-steps`: a second reduction arm beside one that holds epochs constant, with as many steps as the baseline.
 */
export const arms = [
  "baseline",
  "noise",
  "reduction",
  "reduction-steps",
] as const;
export type Arm = (typeof arms)[number];

/** The arms that a sweep can be asked for. */
export const sweepArms = ["noise", "reduction"] as const satisfies Arm[];
export type SweepArm = (typeof sweepArms)[number];

/** What a reduced run holds constant: the epochs (fewer images, fewer steps) or the baseline's number of steps. */
export const budgets = ["epochs", "steps"] as const;
export type Budget = (typeof budgets)[number];

/** A row of results.csv. The measurements are null for a run that did not end. */
export interface ResultRow {
  model: string;
  arm: Arm;
  level: number;
  seed: number;
  top1Last: number | null;
  top1Best: number | null;
  top5Last: number | null;
  lossLast: number | null;
  status: string;
  /** The run folder, relative to the sweep folder. */
  run: string;
}

function classNames(
  evaluation: Evaluation,
  classes: readonly string[],
): readonly string[] {
  if (classes.length !== evaluation.perClass.length) {
    throw new RangeError(
      `${classes.length} class names for ${evaluation.perClass.length} classes`,
    );
  }
  return classes;
}

/** The text of per_class.csv. */
export function perClassCsv(
  evaluation: Evaluation,
  classes: readonly string[],
): string {
  const names = classNames(evaluation, classes);
  return writeCsv(
    PER_CLASS,
    evaluation.perClass.map((row) =>
      PER_CLASS.map((key): Cell =>
        key === "class" ? names[row.index]! : row[key],
      ),
    ),
  );
}

/** Reads per_class.csv. */
export function parsePerClass(
  text: string,
  name = "per_class.csv",
): PerClassRow[] {
  return parseRecords(text, PER_CLASS, name).map((record) => ({
    class: record.text("class"),
    index: record.number("index"),
    support: record.number("support"),
    tp: record.number("tp"),
    fp: record.number("fp"),
    fn: record.number("fn"),
    tn: record.number("tn"),
    tpr: record.number("tpr"),
    fpr: record.number("fpr"),
    precision: record.number("precision"),
    f1: record.number("f1"),
    ap: record.number("ap"),
  }));
}

/** The text of confusion.csv: one row per true class, one column per predicted class, names on both. */
export function confusionCsv(
  evaluation: Evaluation,
  classes: readonly string[],
): string {
  const names = classNames(evaluation, classes);
  return writeCsv(
    ["class", ...names],
    evaluation.confusion.map((row, t) => [names[t]!, ...row]),
  );
}

/** Reads confusion.csv. */
export function parseConfusion(
  text: string,
  name = "confusion.csv",
): ConfusionTable {
  const [header = [], ...rows] = parseCsv(text, name);
  const classes = header.slice(1);
  // A blank cell would be the number 0.
  const counts = rows.map((row) =>
    row.slice(1).map((cell) => (/^\d+$/.test(cell) ? Number(cell) : NaN)),
  );
  if (
    classes.length === 0 ||
    rows.length !== classes.length ||
    !counts.flat().every(Number.isSafeInteger)
  ) {
    throw new UserError(
      `${name}: not a square table of counts; the file is damaged or cut off`,
    );
  }
  return { classes, counts };
}

/**
 * At most `limit` points of a curve, for files and figures: first and last, and between them evenly chosen ones of
 * those where recall rises (the others lie straight below, at the same recall).
 */
export function thinCurve(
  curve: Pick<PrecisionRecallCurve, "recall">,
  limit: number,
): number[] {
  const last = curve.recall.length - 1;
  const rising: number[] = [];
  for (let k = 0; k <= last; k++) {
    if (k === 0 || k === last || curve.recall[k]! > curve.recall[k - 1]!)
      rising.push(k);
  }
  if (rising.length <= limit) return rising;
  return Array.from(
    { length: limit },
    (_, i) => rising[Math.round((i * (rising.length - 1)) / (limit - 1))]!,
  );
}

/** The text of pr.csv: each class's curve thinned to at most `limit` thresholds, endpoints kept. */
export function prCsv(
  evaluation: Evaluation,
  classes: readonly string[],
  limit = 100,
): string {
  const names = classNames(evaluation, classes);
  const rows = evaluation.curves.flatMap((curve, c) =>
    thinCurve(curve, limit).map((k): Cell[] => [
      names[c]!,
      compact(curve.thresholds[k]!),
      compact(curve.precision[k]!),
      compact(curve.recall[k]!),
    ]),
  );
  return writeCsv(PR, rows);
}

/** Reads pr.csv into one curve per class, in the file's order. */
export function parsePr(text: string, name = "pr.csv"): PrTable[] {
  const tables = new Map<string, PrTable>();
  for (const record of parseRecords(text, PR, name)) {
    const key = record.text("class");
    let table = tables.get(key);
    if (!table)
      tables.set(
        key,
        (table = { class: key, thresholds: [], precision: [], recall: [] }),
      );
    table.thresholds.push(record.number("threshold"));
    table.precision.push(record.number("precision"));
    table.recall.push(record.number("recall"));
  }
  return [...tables.values()];
}

/** The text of results.csv. */
export function resultsCsv(rows: readonly ResultRow[]): string {
  return writeCsv(
    RESULTS,
    rows.map((r) => [
      r.model,
      r.arm,
      r.level,
      r.seed,
      r.top1Last,
      r.top1Best,
      r.top5Last,
      r.lossLast,
      r.status,
      r.run,
    ]),
  );
}

/** Reads results.csv. */
export function parseResults(text: string, name = "results.csv"): ResultRow[] {
  return parseRecords(text, RESULTS, name).map((record) => {
    const text = record.text("arm");
    const arm = arms.find((known) => known === text);
    if (arm === undefined) {
      throw new UserError(
        `${name}: unknown arm "${text}"; expected one of ${arms.join(", ")}`,
      );
    }
    return {
      model: record.text("model"),
      arm,
      // 1 − 0.7 is not 0.3 in binary: levels are compared across the arms, so the last digits go.
      level: Number(record.number("level").toPrecision(12)),
      seed: record.number("seed"),
      top1Last: record.optional("top1_last"),
      top1Best: record.optional("top1_best"),
      top5Last: record.optional("top5_last"),
      lossLast: record.optional("loss_last"),
      status: record.text("status"),
      run: record.text("run"),
    };
  });
}

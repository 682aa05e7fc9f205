/** impact.csv, exchange.csv and sensitivity.csv of a sweep folder: their text, and the way back. */
import { UserError } from "../errors.js";
import { type CsvRecord, parseRecords, writeCsv } from "./csv.js";
import type {
  ExchangeRow,
  ImpactRow,
  IntervalKind,
  SensitivityRow,
} from "./measures.js";
import { budgets } from "./tables.js";

const IMPACT = [
  "model",
  "class",
  "level",
  "seeds",
  "tpr0",
  "tpr_noise",
  "tpr_reduction",
  "tprn_norm",
  "tprd_norm",
  "impact",
  "ci_low",
  "ci_high",
  "marked",
  "p",
  "interval",
] as const;
const EXCHANGE = [
  "model",
  "budget",
  "noise_level",
  "effective_rate",
  "equivalent_reduction",
  "censored",
  "ci_low",
  "ci_high",
  "interval",
  "seeds",
  "largest_reduction",
] as const;
const SENSITIVITY = ["model", "class", "index", "sensitivity", "rank"] as const;

/** The text of impact.csv. */
export function impactCsv(rows: readonly ImpactRow[]): string {
  return writeCsv(
    IMPACT,
    rows.map((r) => [
      r.model,
      r.class,
      r.level,
      r.seeds,
      r.tpr0,
      r.tprNoise,
      r.tprReduction,
      r.tprnNorm,
      r.tprdNorm,
      r.impact,
      r.ciLow,
      r.ciHigh,
      String(r.marked),
      r.p,
      r.interval,
    ]),
  );
}

/** Reads impact.csv. */
export function parseImpact(text: string, name = "impact.csv"): ImpactRow[] {
  return parseRecords(text, IMPACT, name).map((record) => ({
    model: record.text("model"),
    class: record.text("class"),
    level: record.number("level"),
    seeds: record.number("seeds"),
    tpr0: record.number("tpr0"),
    tprNoise: record.number("tpr_noise"),
    tprReduction: record.number("tpr_reduction"),
    tprnNorm: record.optional("tprn_norm"),
    tprdNorm: record.optional("tprd_norm"),
    impact: record.optional("impact"),
    ciLow: record.optional("ci_low"),
    ciHigh: record.optional("ci_high"),
    marked: word(record, "marked", ["true", "false"], name) === "true",
    p: record.optional("p"),
    interval: intervalOf(record, name),
  }));
}

/** The text of exchange.csv. */
export function exchangeCsv(rows: readonly ExchangeRow[]): string {
  return writeCsv(
    EXCHANGE,
    rows.map((r) => [
      r.model,
      r.budget,
      r.noiseLevel,
      r.effectiveRate,
      r.equivalentReduction,
      r.censored,
      r.ciLow,
      r.ciHigh,
      r.interval,
      r.seeds,
      r.largestReduction,
    ]),
  );
}

/** Reads exchange.csv. */
export function parseExchange(
  text: string,
  name = "exchange.csv",
): ExchangeRow[] {
  return parseRecords(text, EXCHANGE, name).map((record) => ({
    model: record.text("model"),
    budget: word(record, "budget", budgets, name),
    noiseLevel: record.number("noise_level"),
    effectiveRate: record.number("effective_rate"),
    equivalentReduction: record.optional("equivalent_reduction"),
    censored: optionalWord(record, "censored", ["below", "above"], name),
    ciLow: record.optional("ci_low"),
    ciHigh: record.optional("ci_high"),
    interval: intervalOf(record, name),
    seeds: record.number("seeds"),
    largestReduction: record.number("largest_reduction"),
  }));
}

/** The text of sensitivity.csv. */
export function sensitivityCsv(rows: readonly SensitivityRow[]): string {
  return writeCsv(
    SENSITIVITY,
    rows.map((r) => [r.model, r.class, r.index, r.sensitivity, r.rank]),
  );
}

/** Reads sensitivity.csv. */
export function parseSensitivity(
  text: string,
  name = "sensitivity.csv",
): SensitivityRow[] {
  return parseRecords(text, SENSITIVITY, name).map((record) => ({
    model: record.text("model"),
    class: record.text("class"),
    index: record.number("index"),
    sensitivity: record.optional("sensitivity"),
    rank: record.optional("rank"),
  }));
}

function intervalOf(record: CsvRecord, name: string): IntervalKind {
  return optionalWord(record, "interval", ["t", "bootstrap"], name);
}

/** A cell that is one of a few words, or empty. */
function optionalWord<T extends string>(
  record: CsvRecord,
  column: string,
  words: readonly T[],
  name: string,
): T | null {
  return record.text(column) === "" ? null : word(record, column, words, name);
}

/** A cell that is one of a few words. */
function word<T extends string>(
  record: CsvRecord,
  column: string,
  words: readonly T[],
  name: string,
): T {
  const text = record.text(column);
  const found = words.find((known) => known === text);
  if (found === undefined)
    throw new UserError(
      `${name}: ${column} is "${text}"; expected ${words.join(" or ")}`,
    );
  return found;
}

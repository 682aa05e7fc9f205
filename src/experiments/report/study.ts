/** A sweep or a single run as plain objects: what the report is made from, parsed from the texts of the files alone. */
import { UserError } from "../../errors.js";
import { isObject, type JsonObject, parseObject } from "../json.js";
import type { SweepTables } from "../node-tables.js";
import type {
  Arm,
  ConfusionTable,
  PerClassRow,
  PrTable,
  ResultRow,
} from "../tables.js";
import { parseConfusion, parsePerClass, parsePr } from "../tables.js";

/** A training step in metrics.jsonl: the step's own mean loss, before its update. */
export interface StepLine {
  step: number;
  epoch: number;
  loss: number;
}

/** An evaluation on the test split in metrics.jsonl. */
export interface EvalLine extends StepLine {
  top1: number;
  top5: number | null;
}

/** What the report needs of poison.json. */
export interface PoisonFacts {
  kind: string;
  /** Images chosen for poisoning, and those of them whose label really differs. */
  selected: number;
  changed: number;
  kept: number;
  /** Share of the kept images whose given label is wrong. */
  effectiveRate: number;
}

/** Counts of training images by what the network predicts them as; the file is summary.json. */
export interface MemorisationFacts {
  poisoned: number;
  asTrue: number;
  asGiven: number;
  asOther: number;
  clean: number;
  cleanCorrect: number;
}

/** What the report needs of one evaluation in summary.json. */
export interface Point {
  epoch: number | null;
  top1: number | null;
  top5: number | null;
  loss: number | null;
  ece: number | null;
}

export interface SummaryFacts {
  last: Point;
  best: Point;
  adapter: string | null;
  trainSeconds: number | null;
  memorisation: MemorisationFacts | null;
}

/** One run: its row of results.csv and its files. A member is null where its file is missing. */
export interface RunData {
  row: ResultRow;
  config: JsonObject | null;
  summary: SummaryFacts | null;
  steps: StepLine[];
  evals: EvalLine[];
  perClass: PerClassRow[] | null;
  confusion: ConfusionTable | null;
  pr: PrTable[] | null;
  poison: PoisonFacts | null;
  /** Names of files that a finished run should have. */
  missing: string[];
  /** Why it failed, where it did. */
  error: string | null;
}

/** The computed measures of a sweep; empty for a single run. */
export type Measures = Pick<
  SweepTables,
  "impact" | "exchange" | "sensitivity" | "claims"
> & { readonly concordance: SweepTables["concordance"] | null };

export const noMeasures: Measures = {
  impact: [],
  exchange: [],
  sensitivity: [],
  concordance: null,
  claims: [],
};

export interface StudyData {
  kind: "sweep" | "run";
  name: string;
  createdWith: string | null;
  /** Every run that was planned or found. */
  runs: RunData[];
  measures: Measures;
  /** What could not be used, in words. */
  problems: string[];
}

/** The files of a run folder that the report reads. */
export const RUN_FILES = [
  "config.json",
  "metrics.jsonl",
  "per_class.csv",
  "confusion.csv",
  "pr.csv",
  "summary.json",
  "poison.json",
] as const;

/** Texts of a run's files by name; a missing file has no entry. */
export type RunTexts = Partial<Record<(typeof RUN_FILES)[number], string>>;

/** An object's member as a finite number, else null. */
export function numberOf(
  object: JsonObject | null,
  key: string,
): number | null {
  const value = object?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** An object's member as text, else null. */
export function textOf(object: JsonObject | null, key: string): string | null {
  const value = object?.[key];
  return typeof value === "string" ? value : null;
}

/** An object's member as an object, else null. */
export function objectOf(
  object: JsonObject | null,
  key: string,
): JsonObject | null {
  const value = object?.[key];
  return isObject(value) ? value : null;
}

/** The lines of metrics.jsonl. A last line that a killed run left half-written is passed over. */
export function parseMetrics(
  text: string,
  name = "metrics.jsonl",
): { steps: StepLine[]; evals: EvalLine[] } {
  const steps: StepLine[] = [];
  const evals: EvalLine[] = [];
  const lines = text.split("\n");
  lines.forEach((line, i) => {
    if (line.trim() === "") return;
    let object: JsonObject;
    try {
      object = parseObject(line, `${name}, line ${i + 1}`);
    } catch (error) {
      // Only the last line has no newline after it.
      if (i === lines.length - 1) return;
      throw error;
    }
    const step = numberOf(object, "step");
    const epoch = numberOf(object, "epoch");
    const loss = numberOf(object, "loss");
    const top1 = numberOf(object, "top1");
    if (step === null || epoch === null || loss === null) return;
    if (object.kind === "step") steps.push({ step, epoch, loss });
    if (object.kind === "eval" && object.split === "test" && top1 !== null) {
      evals.push({ step, epoch, loss, top1, top5: numberOf(object, "top5") });
    }
  });
  return { steps, evals };
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

function parsePoison(text: string, name: string): PoisonFacts {
  const object = parseObject(text, name);
  const effectiveRate = numberOf(object, "effectiveRate");
  if (effectiveRate === null)
    throw new UserError(`${name}: effectiveRate is no number`);
  return {
    kind: textOf(object, "kind") ?? "",
    selected: lengthOf(object.selected),
    changed: numberOf(object, "changed") ?? 0,
    kept: lengthOf(object.kept),
    effectiveRate,
  };
}

export function parseSummary(text: string, name: string): SummaryFacts {
  const object = parseObject(text, name);
  const point = (key: string): Point => {
    const at = objectOf(object, key);
    return {
      epoch: numberOf(at, "epoch"),
      top1: numberOf(at, "top1"),
      top5: numberOf(at, "top5"),
      loss: numberOf(at, "loss"),
      ece: numberOf(at, "ece"),
    };
  };
  const split = objectOf(object, "memorisation");
  const count = (key: string): number => numberOf(split, key) ?? 0;
  return {
    last: point("last"),
    best: point("best"),
    adapter: textOf(object, "adapter"),
    trainSeconds: numberOf(object, "trainSeconds"),
    memorisation: split && {
      poisoned: count("poisoned"),
      asTrue: count("asTrue"),
      asGiven: count("asGiven"),
      asOther: count("asOther"),
      clean: count("clean"),
      cleanCorrect: count("cleanCorrect"),
    },
  };
}

/**
 * Puts a run together. What is missing is noted.
 * @param folder for messages
 * @throws UserError naming the file that is damaged
 */
export function parseRun(
  row: ResultRow,
  texts: RunTexts,
  folder: string,
): RunData {
  const missing: string[] = [];
  const read = <T>(
    file: (typeof RUN_FILES)[number],
    parse: (text: string, name: string) => T,
  ): T | null => {
    const text = texts[file];
    if (text !== undefined) return parse(text, `${folder}/${file}`);
    // A clean run has nothing to say about poison.
    const needed = file !== "poison.json" || row.arm !== "baseline";
    if (row.status === "done" && needed) missing.push(file);
    return null;
  };
  const metrics = read("metrics.jsonl", parseMetrics);
  return {
    row,
    config: read("config.json", parseObject),
    summary: read("summary.json", parseSummary),
    steps: metrics?.steps ?? [],
    evals: metrics?.evals ?? [],
    perClass: read("per_class.csv", parsePerClass),
    confusion: read("confusion.csv", parseConfusion),
    pr: read("pr.csv", parsePr),
    poison: read("poison.json", parsePoison),
    missing,
    error: null,
  };
}

/** The row that a single run stands for, from its own files. */
export function rowOfRun(
  config: JsonObject,
  summary: SummaryFacts | null,
): ResultRow {
  const noise = numberOf(config, "noise") ?? 0;
  // 1 − keep carries the rounding of a binary fraction; levels are given with a few digits.
  const removed = Number((1 - (numberOf(config, "keep") ?? 1)).toPrecision(12));
  const arm: Arm = noise > 0 ? "noise" : removed > 0 ? "reduction" : "baseline";
  return {
    model: textOf(config, "model") ?? "unknown",
    arm,
    level: arm === "noise" ? noise : removed,
    seed: numberOf(config, "seed") ?? 0,
    top1Last: summary?.last.top1 ?? null,
    top1Best: summary?.best.top1 ?? null,
    top5Last: summary?.last.top5 ?? null,
    lossLast: summary?.last.loss ?? null,
    status: summary === null ? "unfinished" : "done",
    run: ".",
  };
}

/** A sweep or a single run as plain objects: what the report is made from, parsed from the texts of the files alone. */
import { UserError } from "../../errors.js";
import {
  type JsonObject,
  parseObject,
  requireNumber,
  requireText,
} from "../json.js";
import type { SweepTables } from "../node-tables.js";
import {
  type EvalLine,
  type MetricLines,
  parseMetrics,
  parsePoison,
  parseSummary,
  type PoisonFacts,
  type StepLine,
  type SummaryFacts,
} from "../run-reading.js";
import type {
  Arm,
  ConfusionTable,
  PerClassRow,
  PrTable,
  ResultRow,
} from "../tables.js";
import { parseConfusion, parsePerClass, parsePr } from "../tables.js";

/** One run and its files. A member is null where its file is missing. */
export interface RunData {
  /** Its row of results.csv; the status may be a word of the report's own, which says how far the run got. */
  row: ResultRow;
  config: JsonObject | null;
  summary: SummaryFacts | null;
  steps: readonly StepLine[];
  evals: readonly EvalLine[];
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
  /** Every run that was planned or found, but for those that cannot be compared with the others. */
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
  const summary = read("summary.json", parseSummary);
  if (metrics && summary) checkEnd(metrics, summary, `${folder}/metrics.jsonl`);
  return {
    row,
    config: read("config.json", parseObject),
    summary,
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

/** A finished run evaluated after its last step. */
function checkEnd(
  { evals }: MetricLines,
  { steps }: SummaryFacts,
  name: string,
): void {
  const last = evals.at(-1)?.step;
  if (last !== steps)
    throw new UserError(
      `${name}: ${last === undefined ? "holds no evaluation" : `its last evaluation is of step ${last}`}, but the run took ${steps} steps; the file is cut off`,
    );
}

/** Share of images removed: 1 − keep carries the rounding of a binary fraction, and shares are given with a few digits. */
export function removedShare(keep: number): number {
  return Number((1 - keep).toPrecision(12));
}

/**
 * The row that a single run stands for, from its own files. Of one with wrong labels from a file the level is their share,
 * to two digits, as levels are where lines end.
 * @param name config.json's, for messages
 * @throws UserError where it is damaged
 */
export function rowOfRun(
  config: JsonObject,
  summary: SummaryFacts | null,
  poison: PoisonFacts | null,
  name: string,
): ResultRow {
  const noise =
    poison?.kind === "labels"
      ? Number(poison.effectiveRate.toPrecision(2))
      : requireNumber(config, "noise", name);
  const removed = removedShare(requireNumber(config, "keep", name));
  const arm: Arm = noise > 0 ? "noise" : removed > 0 ? "reduction" : "baseline";
  return {
    model: requireText(config, "model", name),
    arm,
    level: arm === "noise" ? noise : removed,
    seed: requireNumber(config, "seed", name),
    top1Last: summary?.last.top1 ?? null,
    top1Best: summary?.best.top1 ?? null,
    top5Last: summary?.last.top5 ?? null,
    lossLast: summary?.last.loss ?? null,
    status: summary === null ? "unfinished" : "done",
    run: ".",
  };
}

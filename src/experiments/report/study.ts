/** A sweep folder as plain objects: what the report is made from, parsed from the texts of the files alone. */
import { UserError } from "../../errors.js";
import type {
  Arm,
  ConfusionTable,
  PerClassRow,
  PrTable,
  ResultRow,
} from "../tables.js";
import { parseConfusion, parsePerClass, parsePr } from "../tables.js";

/** A JSON object whose members are not yet checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

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

/** One run: its row of results.csv and its files. A member is null where its file is missing or damaged. */
export interface RunData {
  row: ResultRow;
  config: JsonObject | null;
  summary: JsonObject | null;
  steps: StepLine[];
  evals: EvalLine[];
  perClass: PerClassRow[] | null;
  confusion: ConfusionTable | null;
  pr: PrTable[] | null;
  poison: PoisonFacts | null;
  /** What is missing or damaged, in words. */
  problems: string[];
}

/** A whole sweep. */
export interface StudyData {
  name: string;
  createdWith: string | null;
  runs: RunData[];
  /** What is missing of the sweep itself, in words. */
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

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws UserError where the text is no JSON object */
export function parseObject(text: string, name: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${name} is no JSON; the file is damaged or cut off`);
  }
  if (!isObject(value)) throw new UserError(`${name} holds no JSON object`);
  return value;
}

/** The lines of metrics.jsonl. A last line that a killed run left half-written is passed over. */
export function parseMetrics(text: string): {
  steps: StepLine[];
  evals: EvalLine[];
} {
  const steps: StepLine[] = [];
  const evals: EvalLine[] = [];
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  lines.forEach((line, i) => {
    let object: JsonObject;
    try {
      object = parseObject(line, `metrics.jsonl, line ${i + 1},`);
    } catch (error) {
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

/** The facts of poison.json. */
export function parsePoison(text: string): PoisonFacts {
  const object = parseObject(text, "poison.json");
  const effectiveRate = numberOf(object, "effectiveRate");
  if (effectiveRate === null)
    throw new UserError("poison.json: effectiveRate is no number");
  return {
    kind: textOf(object, "kind") ?? "",
    selected: lengthOf(object.selected),
    changed: numberOf(object, "changed") ?? 0,
    kept: lengthOf(object.kept),
    effectiveRate,
  };
}

/** Puts a run together; whatever is missing or damaged becomes a problem in words, never an exception. */
export function parseRun(row: ResultRow, texts: RunTexts): RunData {
  const problems: string[] = [];
  const read = <T>(
    name: (typeof RUN_FILES)[number],
    parse: (text: string) => T,
  ): T | null => {
    const text = texts[name];
    if (text === undefined) {
      // A clean run has nothing to say about poison.
      if (
        row.status === "done" &&
        !(name === "poison.json" && row.arm === "baseline")
      ) {
        problems.push(`${name} is missing`);
      }
      return null;
    }
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(error.message);
      return null;
    }
  };
  const metrics = read("metrics.jsonl", parseMetrics);
  return {
    row,
    config: read("config.json", (text) => parseObject(text, "config.json")),
    summary: read("summary.json", (text) => parseObject(text, "summary.json")),
    steps: metrics?.steps ?? [],
    evals: metrics?.evals ?? [],
    perClass: read("per_class.csv", parsePerClass),
    confusion: read("confusion.csv", parseConfusion),
    pr: read("pr.csv", parsePr),
    poison: read("poison.json", parsePoison),
    problems,
  };
}

/** A job of sweep.json. */
export interface JobState {
  id: string;
  hash: string;
  config: JsonObject;
  state: string;
  error: string | null;
}

/** The name, maker and jobs of sweep.json. */
export function parseSweep(text: string): {
  name: string | null;
  createdWith: string | null;
  jobs: JobState[];
} {
  const object = parseObject(text, "sweep.json");
  const jobs = Array.isArray(object.jobs) ? object.jobs.filter(isObject) : [];
  return {
    name: textOf(object, "name"),
    createdWith: textOf(object, "createdWith"),
    jobs: jobs.map((job) => ({
      id: textOf(job, "id") ?? "",
      hash: textOf(job, "hash") ?? "",
      config: isObject(job.config) ? job.config : {},
      state: textOf(job, "state") ?? "unknown",
      error: textOf(job, "error"),
    })),
  };
}

/** Arm and level that a job's settings stand for. */
function armOf(config: JsonObject): { arm: Arm; level: number } {
  const noise = numberOf(config, "noise") ?? 0;
  const removed = 1 - (numberOf(config, "keep") ?? 1);
  if (noise > 0) return { arm: "noise", level: noise };
  // 1 − keep carries the rounding of a binary fraction; levels are given with a few digits.
  if (removed > 0)
    return { arm: "reduction", level: Number(removed.toPrecision(12)) };
  return { arm: "baseline", level: 0 };
}

/** The row of a job that results.csv does not hold; the measurements come from its summary where there is one. */
export function rowOfJob(
  job: JobState,
  run: string,
  summary: JsonObject | null,
): ResultRow {
  const last = isObject(summary?.last) ? summary.last : null;
  const best = isObject(summary?.best) ? summary.best : null;
  return {
    model: textOf(job.config, "model") ?? "unknown",
    ...armOf(job.config),
    seed: numberOf(job.config, "seed") ?? 0,
    top1Last: numberOf(last, "top1"),
    top1Best: numberOf(best, "top1"),
    top5Last: numberOf(last, "top5"),
    lossLast: numberOf(last, "loss"),
    status: job.state,
    run,
  };
}

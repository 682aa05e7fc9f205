/** A run folder's files, as texts and bytes, turned into what the tables and the report of a study need. */
import { UserError } from "../errors.js";
import type { EpochResult } from "./checkpoint.js";
import {
  isObject,
  type JsonObject,
  parseObject,
  requireNumber,
  requireText,
} from "./json.js";
import type { RunRates } from "./measures.js";
import type { Memorisation } from "./memorisation.js";
import type { RunSummary } from "./run-files.js";
import type { RunName } from "./sweep.js";
import { type Budget, parsePerClass, type ResultRow } from "./tables.js";
import type { EvalRecord, StepRecord } from "./training-events.js";
import { decodeFile } from "./weights.js";

/** The files that a finished run must have, and the logits, which only bootstrap intervals need. */
export interface RunFiles {
  readonly "config.json": string;
  readonly "summary.json": string;
  readonly "per_class.csv": string;
  readonly "poison.json": string;
  readonly "test_logits.safetensors"?: Uint8Array | undefined;
}

/** A finished run as the tables need it. */
export interface FinishedRun {
  readonly rates: RunRates;
  readonly classes: readonly string[];
  /** True test labels; null without logits. */
  readonly testLabels: Int32Array | null;
  /** The measurements of its row in results.csv. */
  readonly result: Pick<
    ResultRow,
    "top1Last" | "top1Best" | "top5Last" | "lossLast"
  >;
  readonly data: string;
  /** Of the images and true labels; null in a config.json without it. */
  readonly dataSha256: string | null;
  readonly noiseKind: string;
  /** Training images before reduction. */
  readonly trainImages: number;
}

/** What tables and report need of summary.json. */
export type SummaryFacts = Pick<
  RunSummary,
  "steps" | "last" | "best" | "adapter" | "trainSeconds" | "memorisation"
>;

/** @throws UserError where the file is damaged */
export function parseSummary(text: string, name: string): SummaryFacts {
  const object = parseObject(text, name);
  return {
    steps: requireNumber(object, "steps", name),
    last: epochResult(object, "last", name),
    best: epochResult(object, "best", name),
    adapter: requireText(object, "adapter", name),
    trainSeconds: requireNumber(object, "trainSeconds", name),
    ...(object["memorisation"] !== undefined && {
      memorisation: parseMemorisation(object, name),
    }),
  };
}

function member(object: JsonObject, key: string, name: string): JsonObject {
  const value = object[key];
  if (!isObject(value)) throw new UserError(`${name}: no ${key}`);
  return value;
}

function epochResult(
  summary: JsonObject,
  key: string,
  name: string,
): EpochResult {
  const at = member(summary, key, name);
  return {
    epoch: requireNumber(at, "epoch", name),
    loss: requireNumber(at, "loss", name),
    top1: requireNumber(at, "top1", name),
    top5: at["top5"] === null ? null : requireNumber(at, "top5", name),
    ece: requireNumber(at, "ece", name),
  };
}

function parseMemorisation(summary: JsonObject, name: string): Memorisation {
  const split = member(summary, "memorisation", name);
  const count = (key: keyof Memorisation) => requireNumber(split, key, name);
  return {
    poisoned: count("poisoned"),
    asTrue: count("asTrue"),
    asGiven: count("asGiven"),
    asOther: count("asOther"),
    clean: count("clean"),
    cleanCorrect: count("cleanCorrect"),
  };
}

/** What tables and report need of poison.json. */
export interface PoisonFacts {
  readonly kind: string;
  /** Images chosen for poisoning, and those of them whose label really differs. */
  readonly selected: number;
  readonly changed: number;
  readonly kept: number;
  /** Share of the kept images whose given label is wrong. */
  readonly effectiveRate: number;
}

/** @throws UserError where the file is damaged */
export function parsePoison(text: string, name: string): PoisonFacts {
  const object = parseObject(text, name);
  const length = (key: string): number => {
    const value = object[key];
    if (!Array.isArray(value)) throw new UserError(`${name}: ${key} is no list`); // prettier-ignore
    return value.length;
  };
  return {
    kind: requireText(object, "kind", name),
    selected: length("selected"),
    changed: requireNumber(object, "changed", name),
    kept: length("kept"),
    effectiveRate: requireNumber(object, "effectiveRate", name),
  };
}

/** What the report needs of a training step in metrics.jsonl. */
export type StepLine = Pick<StepRecord, "step" | "epoch" | "loss">;

/** What the report needs of an evaluation on the test split in metrics.jsonl. */
export type EvalLine = Pick<
  EvalRecord,
  "step" | "epoch" | "loss" | "top1" | "top5"
>;

export interface MetricLines {
  readonly steps: readonly StepLine[];
  readonly evals: readonly EvalLine[];
}

/**
 * The lines of metrics.jsonl. A last line that a killed run left half-written is passed over.
 * @throws UserError where another line is damaged
 */
export function parseMetrics(text: string, name: string): MetricLines {
  const steps: StepLine[] = [];
  const evals: EvalLine[] = [];
  // What follows the last newline was not written to its end.
  text
    .split("\n")
    .slice(0, -1)
    .forEach((line, i) => {
      const at = `${name}, line ${i + 1}`;
      const object = parseObject(line, at);
      const number = (key: string) => requireNumber(object, key, at);
      const common = {
        step: number("step"),
        epoch: number("epoch"),
        loss: number("loss"),
      };
      const { kind, top5 } = object;
      if (kind === "step") steps.push(common);
      else if (kind === "eval")
        evals.push({
          ...common,
          top1: number("top1"),
          top5: top5 === null ? null : number("top5"),
        });
      else throw new UserError(`${at}: kind is neither step nor eval`);
    });
  return { steps, evals };
}

/** @throws UserError naming the file that is damaged */
export function parseFinishedRun(name: RunName, files: RunFiles): FinishedRun {
  const config = parseObject(files["config.json"], "config.json");
  const { last, best } = parseSummary(files["summary.json"], "summary.json");
  const poison = parsePoison(files["poison.json"], "poison.json");
  const perClass = parsePerClass(files["per_class.csv"]).sort(
    (a, b) => a.index - b.index,
  );
  const logits = files["test_logits.safetensors"];
  const predictions = logits ? readPredictions(logits) : null;
  const { model, arm, level, seed } = name;
  const { dataSha256 } = config;
  return {
    rates: {
      model,
      arm,
      level,
      seed,
      top1: last.top1,
      tpr: perClass.map(({ tpr }) => tpr),
      effectiveRate: poison.effectiveRate,
      budget: budgetOf(config),
      correct: predictions?.correct ?? null,
    },
    classes: perClass.map((row) => row.class),
    testLabels: predictions?.labels ?? null,
    result: {
      top1Last: last.top1,
      top1Best: best.top1,
      top5Last: last.top5,
      lossLast: last.loss,
    },
    data: requireText(config, "data", "config.json"),
    dataSha256: typeof dataSha256 === "string" ? dataSha256 : null,
    noiseKind: requireText(config, "noiseKind", "config.json"),
    trainImages: Math.round(
      poison.kept / requireNumber(config, "keep", "config.json"),
    ),
  };
}

/** What a run's length was counted in. One that --max-steps ended has the steps of all that it ended. */
function budgetOf({ steps, maxSteps, totalSteps }: JsonObject): Budget {
  const ended = Number(maxSteps) < Number(totalSteps);
  return steps === undefined && !ended ? "epochs" : "steps";
}

/** Labels and hits from test_logits.safetensors. Of equal logits the lowest class is predicted, as in per_class.csv. */
function readPredictions(bytes: Uint8Array): {
  labels: Int32Array;
  correct: Uint8Array;
} {
  const name = "test_logits.safetensors";
  const { tensors } = decodeFile(bytes, name);
  const logits = tensors.get("logits");
  const labels = tensors.get("labels");
  if (
    !(logits?.data instanceof Float32Array) ||
    !(labels?.data instanceof Int32Array)
  )
    throw new UserError(`${name}: no logits or labels`);
  const [count, classes] = logits.shape as [number, number];
  if (count !== labels.data.length)
    throw new UserError(
      `${name}: ${count} rows for ${labels.data.length} labels`,
    );
  const { data } = logits;
  const correct = labels.data.map((label, i) => {
    const row = data.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row)) === label ? 1 : 0;
  });
  return { labels: labels.data, correct: Uint8Array.from(correct) };
}

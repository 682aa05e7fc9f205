/** A run folder's files, as texts and bytes, turned into what the tables of a sweep need. */
import { decodeSafetensors } from "../engine/safetensors.js";
import { UserError } from "../errors.js";
import {
  isObject,
  type JsonObject,
  parseObject,
  requireNumber,
  requireText,
} from "./json.js";
import type { RunRates } from "./measures.js";
import type { RunName } from "./sweep.js";
import { parsePerClass, type ResultRow } from "./tables.js";

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

/** @throws UserError naming the file that is damaged */
export function parseFinishedRun(name: RunName, files: RunFiles): FinishedRun {
  const config = parseObject(files["config.json"], "config.json");
  const summary = parseObject(files["summary.json"], "summary.json");
  const poison = parseObject(files["poison.json"], "poison.json");
  const [last, best] = (["last", "best"] as const).map((key) => {
    const value = summary[key];
    if (!isObject(value)) throw new UserError(`summary.json: no ${key}`);
    return value;
  }) as [JsonObject, JsonObject];
  const perClass = parsePerClass(files["per_class.csv"]).sort(
    (a, b) => a.index - b.index,
  );
  const logits = files["test_logits.safetensors"];
  const predictions = logits ? readPredictions(logits) : null;
  const { model, arm, level, seed } = name;
  const { kept } = poison;
  const top1 = requireNumber(last, "top1", "summary.json");
  const { dataSha256 } = config;
  return {
    rates: {
      model,
      arm,
      level,
      seed,
      top1,
      tpr: perClass.map(({ tpr }) => tpr),
      effectiveRate: requireNumber(poison, "effectiveRate", "poison.json"),
      budget: config["steps"] === undefined ? "epochs" : "steps",
      correct: predictions?.correct ?? null,
    },
    classes: perClass.map((row) => row.class),
    testLabels: predictions?.labels ?? null,
    result: {
      top1Last: top1,
      top1Best: requireNumber(best, "top1", "summary.json"),
      top5Last:
        last["top5"] === null
          ? null
          : requireNumber(last, "top5", "summary.json"),
      lossLast: requireNumber(last, "loss", "summary.json"),
    },
    data: requireText(config, "data", "config.json"),
    dataSha256: typeof dataSha256 === "string" ? dataSha256 : null,
    noiseKind: requireText(config, "noiseKind", "config.json"),
    trainImages: Math.round(
      (Array.isArray(kept) ? kept.length : 0) /
        requireNumber(config, "keep", "config.json"),
    ),
  };
}

/** Labels and hits from test_logits.safetensors. Of equal logits the lowest class is predicted, as in per_class.csv. */
function readPredictions(bytes: Uint8Array): {
  labels: Int32Array;
  correct: Uint8Array;
} {
  const name = "test_logits.safetensors";
  const { tensors } = decodeSafetensors(bytes);
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

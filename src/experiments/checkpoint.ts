/**
 * Checkpoints: all that the rest of a run depends on, as a .safetensors file. Weights, batch-norm state and momentum are
 * tensors under PyTorch's names; where the run stands is in the metadata. Everything else (the order of the images,
 * augmentation, the learning rate) is a function of the settings and the step. Runs in a browser as in Node.
 */
import type { ParameterSpec } from "../engine/parameters.js";
import type { LossScaling } from "../engine/loss-scaling.js";
import type { SafetensorsTensor } from "../engine/safetensors.js";
import type { KernelRecord } from "../engine/tuning.js";
import { UserError } from "../errors.js";
import { isObject, parseObject } from "./json.js";
import type { Course } from "./settings.js";
import {
  decodeFile,
  encodeWeights,
  fitWeights,
  momentumPrefix,
  type Weights,
} from "./weights.js";

/** Version of the format, in each file's metadata. */
export const checkpointFormat = "3";

/** An evaluation as summary.json tells it. */
export interface EpochResult {
  readonly epoch: number;
  readonly loss: number;
  readonly top1: number;
  readonly top5: number | null;
  readonly ece: number;
}

/** Time spent on training steps so far, and how much of it counts for the speed. */
export interface Timing {
  /** Images trained on. */
  readonly images: number;
  readonly ms: number;
  /** Without the first steps of each start, which compile shaders. */
  readonly warmImages: number;
  readonly warmMs: number;
}

/** Where a run stands. Steps and epochs count from 1. */
export interface Position {
  /** Optimiser steps done. */
  readonly step: number;
  /** The epoch of that step. */
  readonly epoch: number;
  /** Epochs of which all is done, the evaluation too: `epoch` or one less. */
  readonly epochsDone: number;
  /** Records (lines of metrics.jsonl) made so far. */
  readonly records: number;
  /** Of mixed precision; in f32 its scale is 1. */
  readonly lossScaling: LossScaling;
  /** The best evaluation so far; undefined before the first one. */
  readonly best?: EpochResult | undefined;
  readonly timing: Timing;
}

/** A run's state, read back from the device. */
export interface Checkpoint {
  readonly position: Position;
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly momentum: Weights;
}

/** Whose run it is: a checkpoint is good for that run alone. */
export interface RunIdentity {
  /** Hash of the settings. */
  readonly config: string;
  /** Version of the program. */
  readonly version: string;
  /** Adapters that the run has been on, the present one last. */
  readonly adapters: readonly string[];
  /** The kernel choices that it runs with, as JSON. */
  readonly kernels: string;
}

/** Whose run it is that begins now, or goes on from a checkpoint; its kernels are known when the model is compiled. */
export function runIdentity(
  config: string,
  version: string,
  adapter: string,
  resumeFrom: CheckpointFile | undefined,
): RunIdentity {
  const adapters = resumeFrom?.adapters ?? [];
  return {
    config,
    version,
    adapters: adapters.at(-1) === adapter ? adapters : [...adapters, adapter],
    kernels: "{}",
  };
}

/** The kernels that a checkpoint's run went with; those that make no sense here are chosen by rule. */
export function recordedKernels({
  kernels,
  path,
}: CheckpointFile): KernelRecord {
  return parseObject(kernels, path) as KernelRecord;
}

/** A checkpoint file: `last.safetensors`. */
export function encodeCheckpoint(
  { position, specs, weights, momentum }: Checkpoint,
  { config, version, adapters, kernels }: RunIdentity,
): Uint8Array<ArrayBuffer> {
  const { step, epoch, epochsDone, records, lossScaling, best, timing } =
    position;
  return encodeWeights(specs, weights, momentum, {
    format: checkpointFormat,
    config,
    version,
    adapters: JSON.stringify(adapters),
    kernels,
    step: String(step),
    epoch: String(epoch),
    epochsDone: String(epochsDone),
    records: String(records),
    lossScale: String(lossScaling.scale),
    goodSteps: String(lossScaling.goodSteps),
    skippedSteps: String(lossScaling.skipped),
    timing: JSON.stringify(timing),
    ...(best && { best: JSON.stringify(best) }),
  });
}

/** A checkpoint as read from a file, its tensors not yet compared with a model. */
export interface CheckpointFile extends RunIdentity {
  /** For messages. */
  readonly path: string;
  readonly position: Position;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
}

/** Reads a checkpoint file. @throws UserError naming the file and what is damaged. */
export function decodeCheckpoint(
  bytes: Uint8Array,
  path: string,
): CheckpointFile {
  const { tensors, metadata } = decodeFile(bytes, path);
  const { format } = metadata;
  if (format !== checkpointFormat)
    throw new UserError(
      format === undefined
        ? `${path}: is no checkpoint (its metadata has no format)`
        : `${path}: is of checkpoint format ${format}, this version of tarnish reads format ${checkpointFormat}`,
    );
  const text = (key: string) => {
    const value = metadata[key];
    if (value === undefined)
      throw new UserError(`${path}: is damaged (its metadata has no ${key})`);
    return value;
  };
  const damaged = (key: string) =>
    new UserError(`${path}: is damaged (its ${key} is "${text(key)}")`);
  const count = (key: string) => {
    const value = Number(text(key));
    if (!/^\d+$/.test(text(key)) || !Number.isSafeInteger(value))
      throw damaged(key);
    return value;
  };
  const json = <T>(key: string, fits: (value: unknown) => value is T): T => {
    let value: unknown;
    try {
      value = JSON.parse(text(key));
    } catch {
      throw new UserError(`${path}: is damaged (its ${key} is no JSON)`);
    }
    if (!fits(value)) throw damaged(key);
    return value;
  };
  const positive = (key: string) => {
    const value = Number(text(key));
    if (!(value > 0 && Number.isFinite(value))) throw damaged(key);
    return value;
  };
  const checkedText = (key: string, fits: (value: unknown) => boolean) => {
    json(key, (value): value is unknown => fits(value));
    return text(key);
  };
  return {
    path,
    tensors,
    config: text("config"),
    version: text("version"),
    adapters: json("adapters", isNameList),
    kernels: checkedText("kernels", isKernelRecord),
    position: {
      step: count("step"),
      epoch: count("epoch"),
      epochsDone: count("epochsDone"),
      records: count("records"),
      lossScaling: {
        scale: positive("lossScale"),
        goodSteps: count("goodSteps"),
        skipped: count("skippedSteps"),
      },
      timing: json("timing", isTiming),
      best: "best" in metadata ? json("best", isEpochResult) : undefined,
    },
  };
}

const isAmount = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;

const isShare = (value: unknown) => isAmount(value) && value <= 1;

function isNameList(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((name) => typeof name === "string")
  );
}

function isKernelRecord(value: unknown): value is KernelRecord {
  return (
    isObject(value) &&
    Object.values(value).every((variant) => typeof variant === "string")
  );
}

function isTiming(value: unknown): value is Timing {
  return (
    isObject(value) &&
    ["images", "ms", "warmImages", "warmMs"].every((key) =>
      isAmount(value[key]),
    )
  );
}

function isEpochResult(value: unknown): value is EpochResult {
  if (!isObject(value)) return false;
  const { epoch, loss, top1, top5, ece } = value;
  return (
    Number.isSafeInteger(epoch) &&
    Number(epoch) >= 1 &&
    Number.isFinite(loss) &&
    [top1, ece].every(isShare) &&
    (top5 === null || isShare(top5))
  );
}

/** Refuses a checkpoint whose place is not one that a run of this course comes to. @throws UserError naming the file */
export function requireOnCourse(
  { position, path }: CheckpointFile,
  { stepsPerEpoch, lastStep }: Course,
): void {
  const { step, epoch, epochsDone, best } = position;
  const complete = step === Math.min(epoch * stepsPerEpoch, lastStep);
  const possible =
    step <= lastStep &&
    epoch === Math.ceil(step / stepsPerEpoch) &&
    (epochsDone === epoch - 1 || (epochsDone === epoch && complete)) &&
    (best?.epoch ?? 0) <= epoch;
  if (!possible)
    throw new UserError(
      `${path}: is damaged (step ${step} of ${lastStep}, epoch ${epoch}, ${epochsDone} of them done` +
        `${best ? `, epoch ${best.epoch} the best` : ""}); put back an intact copy, or start the run again`,
    );
}

/** A checkpoint's weights and momentum for a model. @throws UserError naming the file and the tensors that do not fit. */
export function fitCheckpoint(
  { tensors, path }: CheckpointFile,
  specs: readonly ParameterSpec[],
): { weights: Map<string, Float32Array>; momentum: Map<string, Float32Array> } {
  const trained = specs.filter(({ role }) => role === "parameter");
  return {
    weights: fitWeights(tensors, path, specs),
    momentum: fitWeights(tensors, path, trained, momentumPrefix),
  };
}

/** The files of a run folder as texts and bytes: what Node writes to the disk and the lab keeps in the browser. */
import { writeNpy } from "../data/npy.js";
import type { Dataset } from "../data/types.js";
import {
  encodeSafetensors,
  type SafetensorsTensor,
} from "../engine/safetensors.js";
import {
  checkpointFormat,
  type EpochResult,
  type RunIdentity,
} from "./checkpoint.js";
import { jsonText } from "./json.js";
import type { Memorisation } from "./memorisation.js";
import type { Evaluation as Metrics } from "./metrics.js";
import { poisonRecord, type PoisonResult } from "./poison.js";
import type { TrainSettings } from "./settings.js";
import { confusionCsv, perClassCsv, prCsv } from "./tables.js";
import type { StartInfo, TrainEvents, TrainResult } from "./training-events.js";
import { encodeWeights, weightsSha256 } from "./weights.js";

type Files = Record<string, string | Uint8Array<ArrayBuffer>>;

/** What config.json says besides the settings: everything needed to make the run again. */
export interface RunFacts {
  readonly version: string;
  readonly adapter: string;
  readonly kernels: object;
  readonly classes: readonly string[];
  readonly normalisation: object;
  /** Of images and true labels, training and test: a run goes on with the data it began with. */
  readonly dataSha256: string;
  readonly images: number;
  readonly totalSteps: number;
  readonly parameters: number;
  readonly memory: object;
  /** Of the file that --init names. */
  readonly initSha256?: string | undefined;
}

/** What `dataSha256` is made of, in this order. */
export function hashedParts({
  train,
  test,
}: Dataset): Uint8Array<ArrayBuffer>[] {
  return [train, test]
    .flatMap(({ images, labels }) => [images, labels])
    .map(
      ({ buffer, byteOffset, byteLength }) =>
        new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
    );
}

/** The object of summary.json. */
export interface RunSummary {
  readonly run: string;
  readonly model: string;
  readonly data: string;
  /** Where a resumed run changed it, all of them: "A, then B". */
  readonly adapter: string;
  readonly precision: string;
  readonly steps: number;
  readonly epochs: number;
  readonly last: EpochResult;
  readonly best: EpochResult;
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
  readonly weightsSha256: string;
  /** Only where labels were changed. */
  readonly memorisation?: Memorisation;
}

/** A run as its files tell of it. */
export interface RunOrigin {
  readonly settings: TrainSettings;
  readonly dataset: Dataset;
  readonly dataSha256: string;
  readonly initSha256?: string | undefined;
  readonly poisoned: PoisonResult;
  readonly identity: RunIdentity;
}

/** What a run's folder holds from the start: config.json, labels.npy and poison.json. */
export async function firstFiles(
  { settings, dataset, dataSha256, initSha256, poisoned, identity }: RunOrigin,
  { session, course, images }: StartInfo,
): Promise<Files> {
  const facts: RunFacts = {
    version: identity.version,
    adapter: identity.adapters.at(-1)!,
    kernels: session.kernels,
    classes: dataset.classNames,
    normalisation: { mean: dataset.mean, std: dataset.std },
    dataSha256,
    images,
    totalSteps: course.totalSteps,
    parameters: session.store.parameterCount,
    memory: session.memory,
    initSha256,
  };
  return {
    "config.json": jsonText({ ...settings, ...facts }),
    "labels.npy": writeNpy(poisoned.given),
    "poison.json": jsonText(await poisonRecord(poisoned)),
  };
}

/** checkpoints/best.safetensors: weights, and which epoch's. */
export function bestWeights(
  {
    specs,
    weights,
    epoch,
    step,
  }: Parameters<NonNullable<TrainEvents["onBest"]>>[0],
  { config }: RunIdentity,
): Uint8Array<ArrayBuffer> {
  return encodeWeights(specs, weights, undefined, {
    format: checkpointFormat,
    config,
    epoch: String(epoch),
    step: String(step),
  });
}

/** The summary of a run that ended, by the name of its folder. */
export async function summaryOf(
  run: string,
  { model, data, precision }: TrainSettings,
  { adapters }: RunIdentity,
  result: TrainResult,
): Promise<RunSummary> {
  const { steps, epochs, last, best, trainSeconds, imagesPerSecond } = result;
  const { specs, weights, memorisation } = result;
  return {
    run,
    model,
    data,
    adapter: adapters.join(", then "),
    precision,
    steps,
    epochs,
    last,
    best,
    trainSeconds,
    imagesPerSecond,
    weightsSha256: await weightsSha256(specs, weights),
    ...(memorisation && { memorisation }),
  };
}

/** per_class.csv, confusion.csv, pr.csv and test_logits.safetensors (`logits` [n, C]). */
export function evaluationFiles(
  { classNames, test }: Dataset,
  metrics: Metrics,
  logits: Float32Array,
): Files {
  const shape = [test.count, classNames.length];
  const tensors = new Map<string, SafetensorsTensor>([
    ["logits", { dtype: "F32", shape, data: logits }],
    ["labels", { dtype: "I32", shape: [test.count], data: test.labels }],
  ]);
  return {
    "per_class.csv": perClassCsv(metrics, classNames),
    "confusion.csv": confusionCsv(metrics, classNames),
    "pr.csv": prCsv(metrics, classNames),
    "test_logits.safetensors": encodeSafetensors(tensors),
  };
}

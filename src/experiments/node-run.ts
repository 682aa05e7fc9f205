/** A training run on disk: its folder and every file that contracts promise. Node and Deno only. */
import { appendFileSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { writeNpy } from "../data/npy.js";
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import {
  encodeSafetensors,
  type SafetensorsTensor,
} from "../engine/safetensors.js";
import { UserError } from "../errors.js";
import type { Evaluation as Metrics } from "./metrics.js";
import {
  requireFreshFolder,
  requireOwnFolder,
  writeFileAtomic,
  writeFolder,
} from "./node-files.js";
import { poison, poisonRecord } from "./poison.js";
import type { TrainSettings } from "./settings.js";
import { confusionCsv, perClassCsv, prCsv } from "./tables.js";
import {
  type EpochResult,
  type StartInfo,
  train,
  type TrainEvents,
  type TrainResult,
} from "./trainer.js";
import { decodeWeights, encodeWeights, weightsSha256 } from "./weights.js";

/** Version of the checkpoint format. */
const checkpointFormat = "1";

export interface RunRequest {
  readonly device: Device;
  readonly dataset: Dataset;
  readonly settings: TrainSettings;
  /** The run folder. */
  readonly out: string;
  readonly overwrite?: boolean;
  /**
   * Goes on where an earlier run of the same settings stopped, or starts where there is nothing to go on with; a run that
   * is done gives its summary at once.
   */
  readonly resume?: boolean;
  /** Stops the run after the step in flight: a checkpoint is written, then the call rejects with InterruptedError. */
  readonly signal?: AbortSignal;
  /** How often a checkpoint is written (default: every epoch, and every ten minutes). */
  readonly checkpoint?: CheckpointInterval;
  /** Version of the program, for config.json. */
  readonly version: string;
  readonly events?: Pick<TrainEvents, "onProgress" | "onStart" | "onRecord">;
}

/** The object of summary.json. */
export interface RunSummary {
  readonly run: string;
  readonly model: string;
  readonly data: string;
  readonly adapter: string;
  readonly precision: string;
  readonly steps: number;
  readonly epochs: number;
  readonly last: EpochResult;
  readonly best: EpochResult;
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
  readonly weightsSha256: string;
}

/** When checkpoints are due, whichever comes first. */
export interface CheckpointInterval {
  readonly epochs?: number;
  readonly seconds?: number;
}

/** Trains into a run folder. Throws UserError before anything is written when the request does not fit. */
export async function trainToFolder(request: RunRequest): Promise<RunSummary> {
  const { device, dataset, settings, out, events } = request;
  const poisoned = poison(dataset.train.labels, dataset.classNames.length, {
    noise: settings.noise,
    kind: settings.noiseKind,
    keep: settings.keep,
    seed: settings.seed,
  });
  const { init } = settings;
  const initBytes =
    init === undefined ? undefined : await readFileOrRefuse(init);
  await requireRunFolder(out, request.overwrite ?? false);
  const metricsFile = join(out, "metrics.jsonl");
  const checkpoints = join(out, "checkpoints");
  const save = (
    name: string,
    state: Pick<TrainResult, "specs" | "weights"> & Partial<TrainResult>,
    at: { epoch: number; step: number },
  ) =>
    writeFileAtomic(
      join(checkpoints, name),
      encodeWeights(state.specs, state.weights, state.momentum, {
        format: checkpointFormat,
        epoch: String(at.epoch),
        step: String(at.step),
      }),
    );
  const result = await train(device, dataset, settings, poisoned, {
    ...events,
    // The model is compiled and everything fits: only now is the folder made, so that a refused request leaves nothing.
    onStart: async (info) => {
      const { session } = info;
      if (init !== undefined && initBytes) {
        session.store.write(
          device,
          decodeWeights(initBytes, init, session.store.specs),
        );
      }
      await rm(out, { recursive: true, force: true });
      await mkdir(checkpoints, { recursive: true });
      await writeFolder(out, {
        "config.json": json({ ...settings, ...describe(request, info) }),
        "labels.npy": writeNpy(poisoned.given),
        "poison.json": json(await poisonRecord(poisoned)),
        "metrics.jsonl": "",
      });
      await events?.onStart?.(info);
    },
    onRecord: (record) => {
      appendFileSync(metricsFile, `${JSON.stringify(record)}\n`);
      events?.onRecord?.(record);
    },
    onBest: async ({ epoch }, step, session) => {
      await save(
        "best.safetensors",
        {
          specs: session.store.specs,
          weights: await session.store.read(device),
        },
        { epoch, step },
      );
    },
  });
  await save("last.safetensors", result, {
    epoch: result.epochs,
    step: result.steps,
  });
  await writeEvaluation(out, dataset, result.metrics, result.logits);
  const summary: RunSummary = {
    run: basename(out),
    model: settings.model,
    data: settings.data,
    adapter: device.adapterName,
    precision: settings.precision,
    steps: result.steps,
    epochs: result.epochs,
    last: result.last,
    best: result.best,
    trainSeconds: result.trainSeconds,
    imagesPerSecond: result.imagesPerSecond,
    weightsSha256: await weightsSha256(result.specs, result.weights),
  };
  await writeFileAtomic(join(out, "summary.json"), json(summary));
  return summary;
}

/** Refuses a folder that has anything in it; with `overwrite`, one that has anything but a run in it. Throws UserError. */
export async function requireRunFolder(
  out: string,
  overwrite: boolean,
): Promise<void> {
  if (overwrite) await requireOwnFolder(out, "config.json", "run folder");
  else await requireFreshFolder(out, false);
}

/** Writes per_class.csv, confusion.csv, pr.csv and test_logits.safetensors. */
export async function writeEvaluation(
  folder: string,
  { classNames, test }: Dataset,
  metrics: Metrics,
  logits: Float32Array,
): Promise<void> {
  const shape = [test.count, classNames.length];
  const tensors = new Map<string, SafetensorsTensor>([
    ["logits", { dtype: "F32", shape, data: logits }],
    ["labels", { dtype: "I32", shape: [test.count], data: test.labels }],
  ]);
  await writeFolder(folder, {
    "per_class.csv": perClassCsv(metrics, classNames),
    "confusion.csv": confusionCsv(metrics, classNames),
    "pr.csv": prCsv(metrics, classNames),
    "test_logits.safetensors": encodeSafetensors(tensors),
  });
}

/** The bytes of a file named on the command line. */
export async function readFileOrRefuse(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UserError(`${path}: cannot be read (${code})`);
  }
}

/** What config.json says besides the settings: everything needed to make the run again. */
function describe(
  { device, dataset, version }: RunRequest,
  { session, course, images }: StartInfo,
): object {
  return {
    version,
    adapter: device.adapterName,
    kernels: device.target,
    classes: dataset.classNames,
    normalisation: { mean: dataset.mean, std: dataset.std },
    images,
    totalSteps: course.totalSteps,
    parameters: session.store.parameterCount,
    memory: session.memory,
  };
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

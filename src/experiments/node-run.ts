/** A training run on disk: its folder and every file that contracts promise. Node and Deno only. */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { basename } from "node:path";
import { writeNpy } from "../data/npy.js";
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import type { KernelRecord } from "../engine/tuning.js";
import {
  encodeSafetensors,
  type SafetensorsTensor,
} from "../engine/safetensors.js";
import { UserError } from "../errors.js";
import {
  type CheckpointFile,
  checkpointFormat,
  encodeCheckpoint,
  type Position,
  type RunIdentity,
} from "./checkpoint.js";
import { configHash } from "./config-hash.js";
import type { Evaluation as Metrics } from "./metrics.js";
import { poisonForSettings } from "./node-dataset.js";
import {
  readFileOrRefuse,
  removeLeftovers,
  StorageError,
  storageError,
  writeFileAtomic,
  writeFolder,
} from "./node-files.js";
import { parseObject } from "./json.js";
import { MetricsLog } from "./node-metrics-log.js";
import {
  clearRunFolder,
  findRun,
  pathsOf,
  readCheckpoint,
  type RunFacts,
  type RunSummary,
} from "./node-run-folder.js";
import { poisonRecord } from "./poison.js";
import type { TrainSettings } from "./settings.js";
import { confusionCsv, perClassCsv, prCsv } from "./tables.js";
import { train } from "./trainer.js";
import type {
  CheckpointInterval,
  StartInfo,
  TrainEvents,
} from "./training-events.js";
import { decodeWeights, encodeWeights, weightsSha256 } from "./weights.js";

export type { RunSummary } from "./node-run-folder.js";

/** What a run tells while it goes on. */
export interface RunEvents extends Pick<
  TrainEvents,
  "onPlan" | "onProgress" | "onStart" | "onRecord"
> {
  /** A checkpoint is on the disk. */
  onCheckpoint?: (position: Position) => void;
  /** Something that the user should know and that stops nothing. */
  onNotice?: (line: string) => void;
}

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
  readonly events?: RunEvents;
}

/**
 * Trains into a run folder.
 *
 * @throws UserError before anything is written when the request does not fit; DivergedError, InterruptedError,
 *   StorageError or one of the engine's errors later. The last checkpoint stays good whatever happens.
 */
export async function trainToFolder(request: RunRequest): Promise<RunSummary> {
  const { device, dataset, settings, out, events } = request;
  const state = await findRun(out, settings, request);
  if (state.kind === "done") return state.summary;
  const paths = pathsOf(out);
  const poisoned = await poisonForSettings(dataset, settings);
  const labels = writeNpy(poisoned.given);
  const resumeFrom =
    state.kind === "resume" ? await readCheckpoint(out, settings) : undefined;
  if (state.kind === "resume")
    await requireSameData(out, state.config, dataset, labels);
  const init = resumeFrom ? undefined : settings.init;
  const initBytes =
    init === undefined ? undefined : await readFileOrRefuse(init);
  let identity = await identify(request, resumeFrom);
  let metrics: MetricsLog | undefined;
  const { signal, checkpoint } = request;
  try {
    const result = await train(
      device,
      dataset,
      settings,
      poisoned,
      {
        ...events,
        // The model is compiled and everything fits: only now is the folder touched, so that a refused request leaves nothing.
        onStart: async (info) => {
          const { session } = info;
          identity = { ...identity, kernels: JSON.stringify(session.kernels) };
          if (resumeFrom) noticeChanges(request, resumeFrom, identity);
          if (init !== undefined && initBytes)
            session.store.write(
              device,
              decodeWeights(initBytes, init, session.store.specs),
            );
          metrics = resumeFrom
            ? MetricsLog.resume(paths.metrics, resumeFrom.position.records)
            : await beginFolder(out, {
                "config.json": json({ ...settings, ...facts(request, info) }),
                "labels.npy": labels,
                "poison.json": json(await poisonRecord(poisoned)),
              });
          if (resumeFrom)
            for (const folder of [out, paths.checkpoints])
              await removeLeftovers(folder);
          await events?.onStart?.(info);
        },
        onRecord: (record) => {
          metrics!.append(record);
          events?.onRecord?.(record);
        },
        onBest: ({ specs, weights, epoch, step }) =>
          writeFileAtomic(
            paths.best,
            encodeWeights(specs, weights, undefined, {
              format: checkpointFormat,
              config: identity.config,
              epoch: String(epoch),
              step: String(step),
            }),
          ),
        onCheckpoint: async (state) => {
          metrics!.sync();
          await writeFileAtomic(paths.last, encodeCheckpoint(state, identity));
          events?.onCheckpoint?.(state.position);
        },
      },
      {
        resumeFrom,
        signal,
        checkpoint,
        kernels: resumeFrom && recordedKernels(resumeFrom),
      },
    );
    await writeEvaluation(out, dataset, result.metrics, result.logits);
    const summary: RunSummary = {
      run: basename(out),
      model: settings.model,
      data: settings.data,
      adapter: identity.adapters.join(", then "),
      precision: settings.precision,
      steps: result.steps,
      epochs: result.epochs,
      last: result.last,
      best: result.best,
      trainSeconds: result.trainSeconds,
      imagesPerSecond: result.imagesPerSecond,
      weightsSha256: await weightsSha256(result.specs, result.weights),
      ...(result.memorisation && { memorisation: result.memorisation }),
    };
    // Last of all: a run that has a summary is done.
    await writeFileAtomic(paths.summary, json(summary));
    return summary;
  } finally {
    metrics?.close();
  }
}

/** Makes the folder with its first files, in place of what is there. @throws UserError where it cannot be written. */
async function beginFolder(
  out: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<MetricsLog> {
  try {
    await clearRunFolder(out);
    await writeFolder(out, files);
    const { checkpoints, metrics } = pathsOf(out);
    await mkdir(checkpoints);
    return MetricsLog.create(metrics);
  } catch (error) {
    const failure = storageError(out, error);
    if (failure instanceof StorageError) throw new UserError(failure.message);
    throw failure;
  }
}

/** Refuses to go on with data or given labels other than those that the run began with. */
async function requireSameData(
  out: string,
  { dataSha256 }: Partial<RunFacts>,
  dataset: Dataset,
  labels: Uint8Array,
): Promise<void> {
  const anew =
    "name another folder with --out, or start again with --overwrite";
  if (dataSha256 !== datasetSha256(dataset))
    throw new UserError(
      `${out}: was started with other data (images or labels of the data set have changed since); ${anew}`,
    );
  const path = pathsOf(out).labels;
  if (Buffer.compare(await readFileOrRefuse(path), labels) !== 0)
    throw new UserError(
      `${path}: holds other labels than these settings give; ${anew}`,
    );
}

/** The kernels that a checkpoint's run went with; those that make no sense here are chosen by rule. */
function recordedKernels({ kernels, path }: CheckpointFile): KernelRecord {
  return parseObject(kernels, path) as KernelRecord;
}

/** Whose run it is, but for the kernels, which are known when the model is compiled. */
async function identify(
  { device, settings, version }: RunRequest,
  resumeFrom: CheckpointFile | undefined,
): Promise<RunIdentity> {
  const adapters = resumeFrom?.adapters ?? [];
  const name = device.adapterName;
  return {
    config: await configHash(settings),
    version,
    adapters: adapters.at(-1) === name ? adapters : [...adapters, name],
    kernels: "{}",
  };
}

/** Says what has changed since the checkpoint that may change the last bits of the result. */
function noticeChanges(
  { out, events }: RunRequest,
  was: RunIdentity,
  is: RunIdentity,
): void {
  const changes = [
    ["adapter", was.adapters.at(-1), is.adapters.at(-1)],
    ["tarnish version", was.version, is.version],
    ["kernel choice", was.kernels, is.kernels],
  ] as const;
  for (const [what, before, now] of changes)
    if (before !== now)
      events?.onNotice?.(
        `${out}: the ${what} was ${before} and is now ${now}. The run goes on, but will not end with the same bits as one ` +
          `that has kept to one ${what}.`,
      );
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

/** What config.json says besides the settings: everything needed to make the run again. */
function facts(
  { device, dataset, version }: RunRequest,
  { session, course, images }: StartInfo,
): RunFacts {
  return {
    version,
    adapter: device.adapterName,
    kernels: session.kernels,
    classes: dataset.classNames,
    normalisation: { mean: dataset.mean, std: dataset.std },
    dataSha256: datasetSha256(dataset),
    images,
    totalSteps: course.totalSteps,
    parameters: session.store.parameterCount,
    memory: session.memory,
  };
}

const fingerprints = new WeakMap<Dataset, string>();

/** SHA-256 in hex of a data set's images and true labels. A sweep asks for the same data set again and again. */
function datasetSha256(dataset: Dataset): string {
  let fingerprint = fingerprints.get(dataset);
  if (fingerprint === undefined) {
    const hash = createHash("sha256");
    for (const { images, labels } of [dataset.train, dataset.test])
      hash.update(images).update(labels);
    fingerprint = hash.digest("hex");
    fingerprints.set(dataset, fingerprint);
  }
  return fingerprint;
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

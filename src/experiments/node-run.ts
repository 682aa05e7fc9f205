/** A training run on disk: its folder and every file that contracts promise. Node and Deno only. */
import { basename } from "node:path";
import { writeNpy } from "../data/npy.js";
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { UserError } from "../errors.js";
import {
  encodeCheckpoint,
  type Position,
  recordedKernels,
  type RunIdentity,
  runIdentity,
} from "./checkpoint.js";
import { configHash } from "./config-hash.js";
import type { Evaluation as Metrics } from "./metrics.js";
import { datasetSha256, poisonForSettings, sha256Of } from "./node-dataset.js";
import {
  holdFolder,
  makeFolder,
  readFileOrRefuse,
  removeLeftovers,
  StorageError,
  storageError,
  writeFileAtomic,
  writeFolder,
} from "./node-files.js";
import { clearFolder } from "./node-folder-kinds.js";
import { jsonText } from "./json.js";
import { MetricsLog } from "./node-metrics-log.js";
import {
  findRun,
  lockFile,
  pathsOf,
  readCheckpoint,
  training,
} from "./node-run-folder.js";
import {
  bestWeights,
  evaluationFiles,
  firstFiles,
  type RunFacts,
  type RunSummary,
  summaryOf,
} from "./run-files.js";
import type { TrainSettings } from "./settings.js";
import { train } from "./trainer.js";
import type { CheckpointInterval, TrainEvents } from "./training-events.js";
import { decodeWeights } from "./weights.js";

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
  const { settings, out, events } = request;
  // Looks before it writes a lock into a folder that may be somebody else's.
  const state = await findRun(out, settings, request);
  if (state.kind === "done") return state.summary;
  const lock = await holdFolder(out, lockFile, {
    doing: training(out),
    onWait: events?.onNotice,
  });
  try {
    return await trainLocked(request);
  } finally {
    await lock.release();
  }
}

async function trainLocked(request: RunRequest): Promise<RunSummary> {
  const { device, dataset, settings, out, events } = request;
  const state = await findRun(out, settings, request);
  if (state.kind === "done") return state.summary;
  const paths = pathsOf(out);
  const poisoned = await poisonForSettings(dataset, settings);
  const resumeFrom =
    state.kind === "resume" ? await readCheckpoint(out, settings) : undefined;
  if (state.kind === "resume")
    await requireSameData(out, state.config, dataset, writeNpy(poisoned.given));
  const init = resumeFrom ? undefined : settings.init;
  const initBytes =
    init === undefined ? undefined : await readFileOrRefuse(init);
  let identity = runIdentity(
    await configHash(settings),
    request.version,
    device.adapterName,
    resumeFrom,
  );
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
            : await beginFolder(
                out,
                await firstFiles(
                  {
                    settings,
                    dataset,
                    dataSha256: datasetSha256(dataset),
                    initSha256: initBytes && sha256Of(initBytes),
                    poisoned,
                    identity,
                  },
                  info,
                ),
              );
          if (resumeFrom)
            for (const folder of [out, paths.checkpoints])
              await removeLeftovers(folder);
          await events?.onStart?.(info);
        },
        onRecord: (record) => {
          metrics!.append(record);
          events?.onRecord?.(record);
        },
        onBest: (best) =>
          writeFileAtomic(paths.best, bestWeights(best, identity)),
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
    const summary = await summaryOf(basename(out), settings, identity, result);
    // Last of all: a run that has a summary is done.
    await writeFileAtomic(paths.summary, jsonText(summary));
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
    await clearFolder(out, "run");
    await writeFolder(out, files);
    const { checkpoints, metrics } = pathsOf(out);
    await makeFolder(checkpoints);
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
  dataset: Dataset,
  metrics: Metrics,
  logits: Float32Array,
): Promise<void> {
  await writeFolder(folder, evaluationFiles(dataset, metrics, logits));
}

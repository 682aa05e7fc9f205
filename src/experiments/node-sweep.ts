/**
 * Runs a sweep's jobs into a sweep folder: skips what is done, goes on with what was stopped, trains again what failed,
 * goes on past what fails now. Node and Deno only.
 */
import { join } from "node:path";
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { DeviceLostError } from "../engine/errors.js";
import { LockedError } from "../node-lock.js";
import { holdFolder, StorageError } from "./node-files.js";
import { type RunEvents, trainToFolder } from "./node-run.js";
import { readSummary } from "./node-run-folder.js";
import type { RunSummary } from "./run-files.js";
import {
  clearFailure,
  type Failure,
  openSweep,
  readSweep,
  type StoredJob,
  type SweepFile,
  writeFailure,
  writeSweep,
} from "./node-sweep-folder.js";
import { requireInputs, requireSameInputs } from "./node-sweep-inputs.js";
import { type Shard, shardOf, type SweepJob } from "./sweep.js";
import { DivergedError, InterruptedError } from "./trainer.js";
import { briefMessage } from "./training-errors.js";
import type { CheckpointInterval } from "./training-events.js";

export interface SweepRequest {
  readonly name: string;
  readonly device: Device;
  readonly dataset: Dataset;
  /** All jobs of the sweep. */
  readonly jobs: readonly SweepJob[];
  /** Runs this part of them alone. */
  readonly shard?: Shard | undefined;
  /** Trains at most so many. */
  readonly limit?: number | undefined;
  /** The sweep folder; an existing one is continued. */
  readonly out: string;
  readonly version: string;
  /** How often a run writes a checkpoint (default: every epoch, and every ten minutes). */
  readonly checkpoint?: CheckpointInterval;
  /** Stops the job in flight with a checkpoint, and the sweep after it. */
  readonly signal?: AbortSignal | undefined;
  readonly watcher?: SweepWatcher | undefined;
}

/** What became of a job. */
export type JobOutcome =
  | { readonly summary: RunSummary; readonly skipped: boolean }
  | { readonly failure: Failure };

/** Who looks on. */
export interface SweepWatcher {
  /** A job is about to train; the events watch its run. */
  readonly start: (job: SweepJob) => RunEvents;
  /** A job is done, was done before, or has failed. */
  readonly end: (job: SweepJob, outcome: JobOutcome) => void;
}

export interface SweepOutcome {
  /** Jobs trained now, done before, and failed now. */
  readonly trained: number;
  readonly skipped: number;
  readonly failed: readonly { job: SweepJob; failure: Failure }[];
  /** Jobs of this part that are neither done nor failed: stopped, or beyond the limit. */
  readonly left: number;
  /** What stopped the sweep: InterruptedError, DeviceLostError, StorageError or LockedError; its job will go on another time. */
  readonly stoppedBy: Error | undefined;
}

/**
 * What a sweep folder has so far, plus the jobs that are new to it. Writes nothing.
 *
 * @throws UserError where the folder is no sweep or one with other settings or data, or a file that jobs name is missing
 */
export async function checkSweep({
  out,
  name,
  jobs,
  version,
  dataset,
}: Pick<
  SweepRequest,
  "out" | "name" | "jobs" | "version" | "dataset"
>): Promise<SweepFile> {
  const file = await openSweep(out, name, jobs, version);
  await requireInputs(jobs, dataset);
  await requireSameInputs(out, jobs, dataset);
  return file;
}

/**
 * Runs the jobs; the tables are not made. Parts of a sweep may share a folder, the same part twice may not.
 *
 * @throws UserError before anything is written where the folder is no sweep or one with other settings or data;
 *   LockedError where another process runs this part
 */
export async function runSweep(request: SweepRequest): Promise<SweepOutcome> {
  const { out, shard } = request;
  await checkSweep(request);
  const part = shard ? `-${shard.k}-of-${shard.n}` : "";
  const lock = await holdFolder(out, `tarnish${part}.lock`, {
    doing: `${out}: ${shard ? `part ${shard.k} of ${shard.n} of this sweep` : "this sweep"} is being run`,
  });
  try {
    return await runJobs(request);
  } finally {
    await lock.release();
  }
}

async function runJobs(request: SweepRequest): Promise<SweepOutcome> {
  const { name, jobs, out, version, watcher } = request;
  const state = new State(out, await openSweep(out, name, jobs, version));
  const part = request.shard ? shardOf(jobs, request.shard) : jobs;
  await state.save();
  const failed: { job: SweepJob; failure: Failure }[] = [];
  let trained = 0;
  let skipped = 0;
  let stoppedBy: Error | undefined;
  for (const job of part) {
    const before = await readSummary(join(out, job.folder));
    if (before) {
      skipped++;
      state.set(job, "done");
      watcher?.end(job, { summary: before, skipped: true });
      continue;
    }
    if (request.signal?.aborted)
      stoppedBy ??= new InterruptedError(0, request.signal.reason);
    if (stoppedBy || trained + failed.length >= (request.limit ?? Infinity))
      continue;
    state.set(job, "running");
    await state.save();
    const outcome = await runJob(request, job);
    if (outcome instanceof Error) {
      stoppedBy = outcome;
      state.set(job, "pending");
    } else if ("failure" in outcome) {
      failed.push({ job, failure: outcome.failure });
      state.set(job, outcome.failure.state, outcome.failure.error);
      watcher?.end(job, outcome);
    } else {
      trained++;
      state.set(job, "done");
      watcher?.end(job, outcome);
    }
    await state.save();
  }
  await state.save();
  return {
    trained,
    skipped,
    failed,
    left: part.length - trained - skipped - failed.length,
    stoppedBy,
  };
}

/** Trains a job; an error where it is not the job that went wrong. */
async function runJob(
  { device, dataset, out, version, checkpoint, signal, watcher }: SweepRequest,
  job: SweepJob,
): Promise<JobOutcome | Error> {
  const folder = join(out, job.folder);
  try {
    await clearFailure(folder);
    const summary = await trainToFolder({
      device,
      dataset,
      settings: job.settings,
      out: folder,
      resume: true,
      version,
      ...(checkpoint && { checkpoint }),
      ...(signal && { signal }),
      ...(watcher && { events: watcher.start(job) }),
    });
    return { summary, skipped: false };
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    if (
      error instanceof InterruptedError ||
      error instanceof DeviceLostError ||
      error instanceof StorageError ||
      error instanceof LockedError
    )
      return error;
    const failure: Failure = {
      state: error instanceof DivergedError ? "diverged" : "failed",
      error: briefMessage(error),
    };
    await writeFailure(folder, failure);
    return { failure };
  }
}

/** sweep.json in memory. Other processes may run other parts in the same folder: what they write is kept. */
class State {
  readonly #mine = new Map<string, StoredJob>();

  constructor(
    private readonly out: string,
    private readonly file: SweepFile,
  ) {}

  /** A new state of a job; an error of an earlier try goes. */
  set({ id }: SweepJob, state: StoredJob["state"], error?: string): void {
    const { hash, config } = this.file.jobs.find((known) => known.id === id)!;
    const note = error === undefined ? {} : { error };
    this.#mine.set(id, { id, hash, config, state, ...note });
  }

  async save(): Promise<void> {
    const onDisk = new Map(
      (await readSweep(this.out))?.jobs.map((job) => [job.id, job]),
    );
    const known = new Set(this.file.jobs.map(({ id }) => id));
    await writeSweep(this.out, {
      ...this.file,
      jobs: [
        ...this.file.jobs.map(
          (job) => this.#mine.get(job.id) ?? onDisk.get(job.id) ?? job,
        ),
        ...[...onDisk.values()].filter(({ id }) => !known.has(id)),
      ],
    });
  }
}

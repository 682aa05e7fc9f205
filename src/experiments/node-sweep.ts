/** Runs a sweep's jobs into a sweep folder: skips what is done, goes on past what fails. Node and Deno only. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { DeviceLostError } from "../engine/errors.js";
import { writeFileAtomic } from "./node-files.js";
import { trainToFolder } from "./node-run.js";
import { readSummary, type RunSummary } from "./node-run-folder.js";
import type { SweepJob } from "./sweep.js";
import { resultsCsv, type ResultRow } from "./tables.js";
import { DivergedError, type TrainEvents } from "./trainer.js";

type JobState = "pending" | "running" | "done" | "failed" | "diverged";

export interface SweepRequest {
  readonly name: string;
  readonly device: Device;
  readonly dataset: Dataset;
  readonly jobs: readonly SweepJob[];
  /** The sweep folder; an existing one is continued. */
  readonly out: string;
  readonly version: string;
  /** Called before a job runs; the result's events watch the run, and `end` is called with what became of it. */
  readonly watch?: (job: SweepJob) => JobWatcher;
}

export interface JobWatcher {
  readonly events: Pick<TrainEvents, "onStart" | "onProgress">;
  readonly end: (
    outcome: { summary: RunSummary; skipped: boolean } | { error: Error },
  ) => void;
}

export interface SweepOutcome {
  readonly rows: readonly ResultRow[];
  readonly failed: readonly { job: SweepJob; error: Error }[];
}

/** Runs every job that is not done. A lost device ends the sweep; any other failure is noted and the next job runs. */
export async function runSweep(request: SweepRequest): Promise<SweepOutcome> {
  const { name, device, dataset, jobs, out, version } = request;
  await mkdir(join(out, "runs"), { recursive: true });
  const states = new Map<string, { state: JobState; error?: string }>();
  const rows: ResultRow[] = [];
  const failed: { job: SweepJob; error: Error }[] = [];
  const save = async () => {
    await writeFileAtomic(
      join(out, "sweep.json"),
      `${JSON.stringify(
        {
          name,
          createdWith: `tarnish ${version}`,
          jobs: jobs.map(({ id, hash, settings }) => ({
            id,
            hash,
            config: settings,
            ...(states.get(id) ?? { state: "pending" }),
          })),
        },
        undefined,
        2,
      )}\n`,
    );
    await writeFileAtomic(join(out, "results.csv"), resultsCsv(rows));
  };
  for (const job of jobs) {
    const folder = join(out, job.folder);
    const watcher = request.watch?.(job);
    const done = await readSummary(folder);
    if (done) {
      states.set(job.id, { state: "done" });
      rows.push(rowOf(job, "done", done));
      watcher?.end({ summary: done, skipped: true });
      continue;
    }
    states.set(job.id, { state: "running" });
    await save();
    try {
      const { settings } = job;
      const summary = await trainToFolder({
        device,
        dataset,
        settings,
        out: folder,
        resume: true,
        version,
        ...(watcher && { events: watcher.events }),
      });
      states.set(job.id, { state: "done" });
      rows.push(rowOf(job, "done", summary));
      watcher?.end({ summary, skipped: false });
    } catch (thrown) {
      const error =
        thrown instanceof Error ? thrown : new Error(String(thrown));
      const state = error instanceof DivergedError ? "diverged" : "failed";
      states.set(job.id, { state, error: error.message });
      rows.push(rowOf(job, state));
      failed.push({ job, error });
      watcher?.end({ error });
      if (error instanceof DeviceLostError) {
        await save();
        throw error;
      }
    }
    await save();
  }
  await save();
  return { rows, failed };
}

function rowOf(
  { settings, arm, level, folder }: SweepJob,
  status: JobState,
  summary?: RunSummary,
): ResultRow {
  const { last, best } = summary ?? {};
  return {
    model: settings.model,
    arm,
    level,
    seed: settings.seed,
    top1Last: last?.top1 ?? null,
    top1Best: best?.top1 ?? null,
    top5Last: last?.top5 ?? null,
    lossLast: last?.loss ?? null,
    status,
    run: folder,
  };
}

/** A sweep as its user sees it: progress over all runs, results one by one, failures at the end. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Dataset } from "../data/types.js";
import {
  type JobOutcome,
  runSweep,
  type SweepOutcome,
  type SweepRequest,
  type SweepWatcher,
} from "../experiments/node-sweep.js";
import { StorageError } from "../experiments/node-files.js";
import { withLock } from "../node-lock.js";
import {
  rebuildTables,
  type SweepTables,
  tablesLock,
} from "../experiments/node-tables.js";
import { writeReport } from "../experiments/report/node-write.js";
import {
  CostModel,
  type DataSize,
  imagesOf,
} from "../experiments/sweep-cost.js";
import type { ResultRow } from "../experiments/tables.js";
import { shardOf, type SweepJob } from "../experiments/sweep.js";
import { AdvisedError } from "./errors.js";
import { formatDuration, formatPercent } from "./format.js";
import { sameCommand, stoppable } from "./interrupt.js";
import type { Output } from "./output.js";
import { createProgress, type Progress } from "./progress.js";

export function sizeOf({
  train,
  test,
  classNames,
  imageSize,
}: Dataset): DataSize {
  return {
    trainImages: train.count,
    testImages: test.count,
    classes: classNames.length,
    imageSize,
  };
}

/** What a run does to the training data, in a few words. */
function describeCondition({
  arm,
  level,
}: Pick<SweepJob, "arm" | "level">): string {
  const share = `${Number((100 * level).toFixed(6))} %`;
  switch (arm) {
    case "baseline":
      return "clean, all images";
    case "noise":
      return `${share} noisy labels`;
    case "reduction":
      return `${share} of images removed`;
    case "reduction-steps":
      return `${share} of images removed, as many steps`;
  }
}

/**
 * Runs a sweep with progress, lists what failed, and writes the report. A sweep that stops early says how to go on.
 * Failed runs make the exit code 1.
 *
 * @param printResults Shows the results before the last line, which names the report.
 */
export async function watchedSweep(
  request: Omit<SweepRequest, "watcher" | "signal">,
  output: Output,
  printResults: (rows: readonly ResultRow[]) => void = () => undefined,
): Promise<{ outcome: SweepOutcome; tables: SweepTables; report: string }> {
  const { jobs, shard, out, dataset } = request;
  const part = shard ? shardOf(jobs, shard) : jobs;
  const started = performance.now();
  const progress = createProgress({
    total: part.length,
    unit: "runs",
    label: request.name,
    json: output.json,
  });
  const watcher = new Watcher(part, sizeOf(dataset), progress);
  const goOn = `Go on with:\n  ${sameCommand("--overwrite")}`;
  try {
    const outcome = await stoppable(
      (signal) => runSweep({ ...request, signal, watcher }),
      (line) => {
        progress.log(line);
      },
    ).finally(() => {
      progress.stop();
    });
    const { failed, stoppedBy, left, skipped, trained } = outcome;
    if (failed.length > 0) {
      output.warn(`${failed.length} of ${part.length} runs failed:`);
      for (const { job, failure } of failed)
        for (const line of `${job.id}: ${failure.error}`.split("\n"))
          output.warn(`  ${line}`);
      process.exitCode = 1;
    }
    if (stoppedBy) {
      // What stopped the sweep is what to tell, even where the tables cannot be written any more.
      await withLock(join(out, tablesLock), () => rebuildTables(out)).catch(
        () => undefined,
      );
      throw new AdvisedError(
        stoppedBy,
        `${out}: ${trained + skipped} of ${part.length} runs are done. ${goOn}`,
      );
    }
    const { page, problems, tables } = await writeReport(out);
    for (const problem of problems) output.warn(problem);
    if (tables!.damaged.length > 0) process.exitCode = 1;
    printResults(tables!.results);
    if (left > 0)
      output.print(`${left} ${left === 1 ? "run is" : "runs are"} left to do`);
    output.print(
      `${formatDuration((performance.now() - started) / 1000)} in all. The report: ${pathToFileURL(page).href}`,
    );
    return { outcome, tables: tables!, report: page };
  } catch (error) {
    throw error instanceof StorageError ? new AdvisedError(error, goOn) : error;
  }
}

class Watcher implements SweepWatcher {
  readonly #cost: CostModel;
  readonly #waiting: Set<SweepJob>;
  #ended = 0;
  #before = 0;
  #started = 0;

  constructor(
    private readonly jobs: readonly SweepJob[],
    private readonly size: DataSize,
    private readonly progress: Progress,
  ) {
    this.#cost = new CostModel(size);
    this.#waiting = new Set(jobs);
  }

  start(job: SweepJob) {
    this.#tellSkipped();
    this.#waiting.delete(job);
    const waiting = [...this.#waiting];
    const { trained } = imagesOf(job, this.size);
    this.#started = performance.now();
    let first = 0;
    return {
      onNotice: (line: string) => {
        this.progress.log(line);
      },
      onStart: ({
        resumed,
      }: {
        resumed: { timing: { images: number } } | undefined;
      }) => {
        first = resumed?.timing.images ?? 0;
      },
      onProgress: ({ images, loss }: { images: number; loss: number }) => {
        const share = Math.min(1, images / trained);
        const secondsLeft = this.#cost.secondsLeft(waiting, {
          job,
          part: share - first / trained,
          left: 1 - share,
          seconds: this.#seconds,
        });
        this.progress.update(this.#ended + share, {
          loss,
          ...(secondsLeft !== null && { secondsLeft }),
        });
      },
    };
  }

  end(job: SweepJob, outcome: JobOutcome): void {
    this.#waiting.delete(job);
    this.#ended++;
    if ("failure" in outcome) {
      this.progress.log(`${this.#nameOf(job)}: ${outcome.failure.error}`);
    } else {
      const { summary, skipped } = outcome;
      this.#cost.learn(job, 1, skipped ? summary.trainSeconds : this.#seconds);
      if (skipped) this.#before++;
      else
        this.progress.log(
          `${this.#nameOf(job)}: top-1 ${formatPercent(summary.last.top1)}`,
        );
    }
    const secondsLeft = this.#cost.secondsLeft([...this.#waiting]);
    this.progress.update(
      this.#ended,
      secondsLeft === null ? {} : { secondsLeft },
    );
    if (this.#waiting.size === 0) this.#tellSkipped();
  }

  get #seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  #tellSkipped(): void {
    if (this.#before > 0)
      this.progress.log(
        `${this.#before} ${this.#before === 1 ? "run was" : "runs were"} done before`,
      );
    this.#before = 0;
  }

  /** Model and seed are left out where all jobs have the same. */
  #nameOf(job: SweepJob): string {
    const several = (key: "model" | "seed") =>
      this.jobs.some((other) => other[key] !== job[key]);
    return [
      ...(several("model") ? [job.model] : []),
      describeCondition(job),
      ...(several("seed") ? [`seed ${job.seed}`] : []),
    ].join(", ");
  }
}

/** `sweep --dry-run`: the runs, and what they will cost in time and disk, from a few real steps of each model. */
import { join } from "node:path";
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { estimateJob, measureCost } from "../experiments/measure-cost.js";
import { readSummary } from "../experiments/node-run-folder.js";
import type { SweepJob } from "../experiments/sweep.js";
import { formatBytes, formatDuration, formatNumber } from "./format.js";
import type { Output } from "./output.js";
import { sizeOf } from "./watch-sweep.js";

export async function dryRun(
  jobs: readonly SweepJob[],
  out: string,
  dataset: Dataset,
  device: Device,
  output: Output,
): Promise<void> {
  const size = sizeOf(dataset);
  const rows: {
    job: SweepJob;
    seconds: number;
    bytes: number;
    done: boolean;
  }[] = [];
  output.print("measured by a few steps of each model:");
  for (const model of new Set(jobs.map((job) => job.model))) {
    const own = jobs.filter((job) => job.model === model);
    const cost = await measureCost(device, dataset, own[0]!.settings);
    for (const job of own) {
      const done = (await readSummary(join(out, job.folder))) !== undefined;
      rows.push({ job, done, ...estimateJob(job, size, cost) });
    }
    output.print(
      `  ${model.padEnd(10)} ${formatNumber(1 / cost.secondsPerTrainedImage)} images/s in training, ` +
        `${formatNumber(1 / cost.secondsPerEvaluatedImage)} in evaluation, ${formatBytes(cost.deviceBytes)} on the device`,
    );
  }
  output.print();
  for (const { job, seconds, done } of rows)
    output.print(
      `  ${job.id.padEnd(34)} ${done ? "done" : `about ${formatDuration(seconds)}`}`,
    );
  const left = rows.filter(({ done }) => !done);
  const sum = (key: "seconds" | "bytes") =>
    left.reduce((total, row) => total + row[key], 0);
  output.print();
  output.print(
    `${jobs.length} runs, ${left.length} of them to do: about ${formatDuration(sum("seconds"))} and ${formatBytes(sum("bytes"))} in ${out}`,
  );
  output.result({
    out,
    adapter: device.adapterName,
    jobs: rows.map(({ job, ...row }) => ({ id: job.id, ...row })),
    seconds: sum("seconds"),
    bytes: sum("bytes"),
  });
}

/** `tarnish demo`: what a newcomer runs first: a small study on the embedded sample, with a report at the end. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { loadDataset } from "../../data/node-load.js";
import { openDevice } from "../../engine/device.js";
import { requireOwnFolder } from "../../experiments/node-files.js";
import { type JobWatcher, runSweep } from "../../experiments/node-sweep.js";
import { writeReport } from "../../experiments/report/node-write.js";
import { planCourse, resolveSettings } from "../../experiments/settings.js";
import { planSweep, type SweepJob } from "../../experiments/sweep.js";
import type { ResultRow } from "../../experiments/tables.js";
import { announceAdapter } from "../adapter.js";
import { formatDuration, formatPercent } from "../format.js";
import { commonOptions, integerOption } from "../options.js";
import { createOutput, type Output } from "../output.js";
import { createProgress } from "../progress.js";
import { version } from "../version.js";

interface Options {
  out: string;
  seed: number;
  epochs: number;
  adapter: string;
  overwrite?: boolean;
  json?: boolean;
}

const levels = [0.2, 0.4, 0.6];

export function register(program: Command): void {
  program
    .command("demo")
    .summary("a first study on the embedded sample, in a few minutes")
    .description(
      "Trains LeNet on 2,000 real CIFAR-10 images with 0, 20, 40 and 60 % noisy labels, and with 20, 40 and 60 % of the " +
        "images removed, and writes a report that shows what each costs, class by class.",
    )
    .option(
      "--out <dir>",
      "the sweep folder; an existing one is continued",
      join("sweeps", "demo"),
    )
    .addOption(
      integerOption("--epochs <n>", "passes over the training set", {
        min: 1,
      }).default(8),
    )
    .addOption(commonOptions.seed())
    .addOption(commonOptions.overwrite())
    .addOption(commonOptions.adapter())
    .addOption(commonOptions.json())
    .action(run);
}

/** What a job does, in a few words. */
function describe({ arm, level }: SweepJob): string {
  if (arm === "baseline") return "clean, all images";
  return arm === "noise"
    ? `${formatPercent(level, 0)} noisy labels`
    : `${formatPercent(level, 0)} of images removed`;
}

async function run(options: Options): Promise<void> {
  const { out, seed, epochs, json = false } = options;
  const output = createOutput(options);
  const dataset = await loadDataset("sample");
  const jobs = await planSweep(
    { models: ["lenet"], levels, arms: ["noise", "reduction"], seeds: [seed] },
    (model) =>
      resolveSettings({
        model,
        seed,
        epochs,
        batch: 40,
        lr: 0.02,
        nesterov: true,
        augment: "none",
      }),
  );
  // A demo continues its own folder; anything else in its place is refused.
  await requireOwnFolder(out, "sweep.json", "sweep folder");
  if (options.overwrite) await rm(out, { recursive: true, force: true });
  const device = await openDevice(options.adapter);
  announceAdapter(device, output);
  const started = performance.now();
  const imagesOf = ({ settings }: SweepJob) =>
    planCourse(settings, Math.round(dataset.train.count * settings.keep))
      .totalSteps * settings.batch;
  const progress = createProgress({
    total: jobs.reduce((sum, job) => sum + imagesOf(job), 0),
    unit: "images",
    label: `${jobs.length} runs`,
    json,
  });
  let done = 0;
  const watch = (job: SweepJob): JobWatcher => ({
    events: {
      onProgress: ({ images, loss, imagesPerSecond }) => {
        progress.update(done + images, { loss, rate: imagesPerSecond });
      },
    },
    end: (outcome) => {
      done += imagesOf(job);
      progress.update(done);
      progress.log(
        `${describe(job)}: ${"error" in outcome ? outcome.error.message : outcomeText(outcome)}`,
      );
    },
  });
  const { rows, failed } = await runSweep({
    name: "demo",
    device,
    dataset,
    jobs,
    out,
    version: version(),
    watch,
  }).finally(() => {
    progress.stop();
  });
  const { page } = await writeReport(out);
  printTable(rows, output);
  output.print(
    `${formatDuration((performance.now() - started) / 1000)} in all. The report: ${pathToFileURL(page).href}`,
  );
  output.result({
    out,
    report: page,
    results: rows,
    failed: failed.map(({ job, error }) => ({
      id: job.id,
      error: error.message,
    })),
  });
  if (failed.length > 0) process.exitCode = 1;
}

function outcomeText({
  summary,
  skipped,
}: {
  summary: { last: { top1: number } };
  skipped: boolean;
}): string {
  return `top-1 ${formatPercent(summary.last.top1)}${skipped ? " (done before)" : ""}`;
}

function printTable(rows: readonly ResultRow[], output: Output): void {
  const top1 = (arm: string, level: number) => {
    const value =
      rows.find((row) => row.arm === arm && row.level === level)?.top1Last ??
      null;
    return (value === null ? "failed" : formatPercent(value)).padStart(14);
  };
  output.print();
  output.print("top-1 accuracy on untouched test labels");
  output.print("level      noisy labels   images removed");
  output.print(`  0 %    ${top1("baseline", 0)}   ${top1("baseline", 0)}`);
  for (const level of levels) {
    output.print(
      ` ${formatPercent(level, 0).padStart(4)}   ${top1("noise", level)}   ${top1("reduction", level)}`,
    );
  }
  output.print();
}

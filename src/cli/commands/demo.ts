/** `tarnish demo`: what a newcomer runs first: a small study on the embedded sample, with a report at the end. */
import { join } from "node:path";
import type { Command } from "commander";
import { loadDataset } from "../../data/node-load.js";
import { requireWritable } from "../../experiments/node-files.js";
import {
  clearFolder,
  requireOwnFolder,
} from "../../experiments/node-folder-kinds.js";
import { lockFile } from "../../experiments/node-run-folder.js";
import { checkSweep } from "../../experiments/node-sweep.js";
import { refuseLocked } from "../../node-lock.js";
import { planSweep } from "../../experiments/sweep.js";
import { demoSweep } from "../../experiments/sweep-definition.js";
import type { ResultRow } from "../../experiments/tables.js";
import { type AdapterOptions, openAdapter } from "../adapter.js";
import { formatPercent } from "../format.js";
import { commonOptions, integerOption } from "../options.js";
import { createOutput, type Output } from "../output.js";
import { version } from "../version.js";
import { watchedSweep } from "../watch-sweep.js";

interface Options {
  out: string;
  seed: number;
  epochs: number;
  adapter: string;
  gpuApi: AdapterOptions["gpuApi"];
  overwrite?: boolean;
  json?: boolean;
}

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
    .addOption(commonOptions.gpuApi())
    .addOption(commonOptions.json())
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { out, seed, epochs } = options;
  const output = createOutput(options);
  const dataset = await loadDataset("sample");
  const definition = demoSweep(seed, epochs);
  const jobs = await planSweep(definition, dataset);
  if (options.overwrite) {
    await requireOwnFolder(out, "sweep");
    await refuseLocked(join(out, lockFile), `${out}: this sweep is being run`);
    await clearFolder(out, "sweep");
  }
  const about = { name: definition.name, dataset, jobs, out, version: version() }; // prettier-ignore
  await checkSweep(about);
  await requireWritable(out);
  const device = await openAdapter(options, output);
  const { outcome, tables, report } = await watchedSweep(
    { ...about, device },
    output,
    (rows) => {
      printTable(rows, definition.levels, output);
    },
  );
  output.result({
    out,
    report,
    results: tables.results,
    failed: outcome.failed.map(({ job, failure }) => ({
      id: job.id,
      error: failure.error,
    })),
  });
}

function printTable(
  rows: readonly ResultRow[],
  levels: readonly number[],
  output: Output,
): void {
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

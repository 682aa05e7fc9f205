/** `tarnish sweep`: a whole study: every model, arm, level and seed, into a sweep folder with tables and a report. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { UserError } from "../../errors.js";
import { readNoiseMatrix } from "../../experiments/node-dataset.js";
import {
  readFileOrRefuse,
  requireWritable,
} from "../../experiments/node-files.js";
import { checkSweep } from "../../experiments/node-sweep.js";
import { parseNoiseKind } from "../../experiments/poison.js";
import { checkLength, defaultData } from "../../experiments/settings.js";
import {
  planSweep,
  type Shard,
  shardOf,
  type SweepSettings,
} from "../../experiments/sweep.js";
import {
  builtInSweeps,
  firstSeeds,
  overrideSweep,
  parseSweepDefinition,
  type SweepDefinition,
} from "../../experiments/sweep-definition.js";
import { maxSeeds } from "../../experiments/sweep-schema.js";
import {
  type Budget,
  budgets,
  type SweepArm,
  sweepArms,
} from "../../experiments/tables.js";
import { modelNames } from "../../models/registry.js";
import { openAdapter } from "../adapter.js";
import { loadData } from "../data.js";
import { dryRun } from "../dry-run.js";
import { formatCount } from "../format.js";
import {
  choiceOption,
  commonOptions,
  integerOption,
  listOption,
  parseChoice,
  parsedOption,
  parseInteger,
  parseList,
  parseShare,
} from "../options.js";
import { createOutput } from "../output.js";
import { version } from "../version.js";
import { watchedSweep } from "../watch-sweep.js";
import {
  addWorkOptions,
  checkpointOf,
  deviceOptionsOf,
  type WorkOptions,
} from "../work-options.js";
import { addTrainingOptions } from "./train.js";

interface Options extends WorkOptions {
  models?: string[];
  levels?: number[];
  arms?: SweepArm[];
  seeds?: number[];
  budget?: Budget;
  bothBudgets?: string[];
  shard?: Shard;
  jobs?: number;
  dryRun?: boolean;
  out?: string;
  json?: boolean;
}

/** Options of `train` that are a sweep's axes. */
const axes = new Set(["model", "noise", "keep", "seed"]);

/** The options of `train` that a sweep takes for all its runs. */
function runOptions() {
  return addTrainingOptions(new Command()).options.filter(
    (option) => !axes.has(option.attributeName()),
  );
}

const help = `
Sweeps:
${builtInSweeps.map(({ name, summary }) => `  ${name.padEnd(14)}${summary!}`).join("\n")}
  FILE          a JSON file of your own, see docs/sweeps.md and docs/sweep.schema.json

Examples:
  tarnish sweep impact-index --dry-run
      the runs, and what they will cost on this adapter
  tarnish sweep impact-index --models lenet,shallow --data sample --epochs 10
  tarnish sweep impact-index --shard 2/8
      the second of eight parts, for eight machines; their folders merge by copying
  tarnish sweep dirty-data --data cifar10 --models resnet8 --seeds 3

A sweep that was stopped, killed or has failed runs goes on with the same command: what is done is not trained again.
Exit codes: 0 all runs are done, 1 some failed, 2 the request was wrong, 130 stopped by Ctrl-C (after a checkpoint).`;

export function register(program: Command): void {
  const command = program
    .command("sweep")
    .summary("a study: many runs, their tables and report")
    .description(
      "Trains every model and seed once on all data and once per level of each arm, and compares what wrong labels and " +
        "missing images cost, class by class.",
    )
    .argument("<name|file>", "impact-index, dirty-data, or a JSON file")
    .addOption(
      listOption(
        "--models <names>",
        `networks, with commas (${modelNames.join(", ")})`,
        (flag, name) => parseChoice(flag, name, modelNames),
      ),
    )
    .addOption(
      listOption(
        "--levels <shares>",
        "shares of wrong labels and of removed images, with commas",
        parseShare,
      ),
    )
    .addOption(
      listOption("--arms <names>", "noise, reduction, or both", (flag, name) =>
        parseChoice(flag, name, sweepArms),
      ),
    )
    .addOption(
      parsedOption(
        "--seeds <n|list>",
        "n for the seeds 0 to n - 1, or seeds with commas",
        parseSeeds,
      ),
    )
    .addOption(
      choiceOption("--budget <what>", "what reduction holds constant", budgets),
    )
    .addOption(
      parsedOption(
        "--both-budgets <models>",
        "models reduced under both budgets, or none",
        (flag, text) =>
          text === "none"
            ? []
            : parseList(flag, text, (_, name) =>
                parseChoice(flag, name, modelNames),
              ),
      ),
    )
    .addOption(
      parsedOption(
        "--shard <k/n>",
        "run the k-th of n parts alone",
        parseShard,
      ),
    )
    .addOption(
      integerOption("--jobs <n>", "train at most n runs now", { min: 1 }),
    )
    .option(
      "--dry-run",
      "show the runs and their cost; train and write nothing",
    )
    .option(
      "--out <dir>",
      "the sweep folder (default: sweeps/<name>); an existing one is continued",
    )
    .addOption(commonOptions.json());
  for (const option of runOptions()) command.addOption(option);
  addWorkOptions(command).addHelpText("after", help).action(run);
}

function parseSeeds(flag: string, text: string): number[] {
  return text.includes(",")
    ? parseList(flag, text, parseInteger)
    : firstSeeds(parseInteger(flag, text, 1, maxSeeds));
}

function parseShard(flag: string, text: string): Shard {
  const [k, n] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).slice(1).map(Number);
  if (k === undefined || n === undefined || k < 1 || k > n)
    throw new UserError(
      `${flag}: expected k/n with 1 ≤ k ≤ n, such as 2/8, got ${text}`,
    );
  return { k, n };
}

async function findDefinition(name: string): Promise<SweepDefinition> {
  const builtIn = builtInSweeps.find((sweep) => sweep.name === name);
  if (builtIn) return builtIn;
  if (!existsSync(name))
    throw new UserError(
      `sweep ${name}: there is no such sweep or file; name ${builtInSweeps.map((sweep) => sweep.name).join(", ")} or a JSON file`,
    );
  const text = new TextDecoder().decode(await readFileOrRefuse(name));
  return parseSweepDefinition(text, name);
}

/** The settings that were given on the command line. */
function givenSettings(command: Command): SweepSettings {
  const values: Record<string, unknown> = command.opts();
  const given = runOptions()
    .map((option) => option.attributeName())
    .filter((name) => command.getOptionValueSource(name) === "cli");
  const settings = Object.fromEntries(
    given.map((name) => [name, values[name]]),
  );
  if (typeof settings["noiseKind"] === "string")
    parseNoiseKind(settings["noiseKind"]);
  checkLength(settings);
  return settings;
}

async function run(
  name: string,
  options: Options,
  command: Command,
): Promise<void> {
  const output = createOutput(options);
  const { shard, jobs: limit, dryRun: dry = false, ...given } = options;
  const { models, levels, arms, seeds, budget, bothBudgets } = given;
  const definition = overrideSweep(await findDefinition(name), {
    models,
    levels,
    arms,
    seeds,
    budget,
    bothBudgets,
    settings: givenSettings(command),
  });
  const out = given.out ?? join("sweeps", definition.name);
  // The data alone: settings of the models are theirs, and need not suit every model.
  const data = { ...defaultData, ...definition.settings };
  const dataset = await loadData(data, options, output);
  const jobs = await planSweep(definition, dataset, (kind) =>
    readNoiseMatrix(kind, dataset.classNames),
  );
  const about = { name: definition.name, dataset, jobs, out, version: version() }; // prettier-ignore
  // Refuses what the sweep cannot go on with before the adapter is opened.
  await checkSweep(about);
  if (!dry) await requireWritable(out);
  const device = await openAdapter(options, output, deviceOptionsOf(options));
  output.print(
    `${definition.name}: ${jobs.length} runs${shard ? `, part ${shard.k} of ${shard.n}` : ""}; ${data.data}, ` +
      `${formatCount(dataset.train.count)} training and ${formatCount(dataset.test.count)} test images`,
  );
  if (dry) {
    const part = shard ? shardOf(jobs, shard) : jobs;
    await dryRun(part, out, dataset, device, output);
    return;
  }
  const { outcome, tables, report } = await watchedSweep(
    { ...about, device, shard, limit, checkpoint: checkpointOf(options) },
    output,
  );
  output.result({
    out,
    report,
    results: tables.results,
    exchange: tables.exchange,
    claims: tables.claims,
    failed: outcome.failed.map(({ job, failure }) => ({
      id: job.id,
      ...failure,
    })),
    left: outcome.left,
  });
}

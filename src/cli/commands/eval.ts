/** `tarnish eval`: evaluates a run's weights, or any weights of a known model, on a data set. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { Normalisation } from "../../data/normalisation.js";
import { UserError } from "../../errors.js";
import { evaluateWeights } from "../../experiments/evaluate-weights.js";
import {
  readFileOrRefuse,
  requireFreshOut,
  writeFileAtomic,
} from "../../experiments/node-files.js";
import { jsonText } from "../../experiments/json.js";
import { writeEvaluation } from "../../experiments/node-run.js";
import {
  checkpointPath,
  readRunConfig,
} from "../../experiments/node-run-config.js";
import { type DataSettings, defaultData } from "../../experiments/settings.js";
import type { ModelOptions, Stem } from "../../models/options.js";
import { findModel, modelNames } from "../../models/registry.js";
import { type AdapterOptions, openAdapter } from "../adapter.js";
import { loadData } from "../data.js";
import { formatPercent } from "../format.js";
import { choiceOption, commonOptions, positiveOption } from "../options.js";
import { createOutput } from "../output.js";

interface Options extends Partial<DataSettings> {
  run?: string;
  weights?: string;
  model?: string;
  width?: number;
  stem?: Stem;
  mirror?: string;
  split: "test" | "train";
  out?: string;
  overwrite?: boolean;
  adapter: string;
  gpuApi: AdapterOptions["gpuApi"];
  json?: boolean;
}

const examples = `
Examples:
  tarnish eval --run runs/lenet_sample_s0
  tarnish eval --weights lenet.safetensors --model lenet --data cifar10 --out evaluated`;

export function register(program: Command): void {
  program
    .command("eval")
    .summary("evaluate weights on a data set")
    .description(
      "Evaluates a run's last weights, or a .safetensors file in PyTorch's names, on true labels.",
    )
    .option("--run <dir>", "a run folder: its last weights, model and data")
    .option("--weights <file>", "a .safetensors file, with --model and --data")
    .addOption(
      choiceOption("--model <name>", "the network of --weights", modelNames),
    )
    .addOption(
      positiveOption("--width <factor>", "the width of --weights' network"),
    )
    .addOption(commonOptions.stem())
    .option(
      "--data <name|path>",
      "sample, cifar10, cifar100, or a path (default: the run's, with its limits)",
    )
    .addOption(commonOptions.coarse())
    .addOption(commonOptions.trainLimit())
    .addOption(commonOptions.testLimit())
    .addOption(commonOptions.dataSplit())
    .addOption(commonOptions.splitSeed())
    .addOption(commonOptions.valFraction())
    .addOption(commonOptions.imageSize())
    .addOption(commonOptions.mirror())
    .addOption(
      choiceOption("--split <name>", "the images to evaluate", [
        "test",
        "train",
      ]).default("test"),
    )
    .option(
      "--out <dir>",
      "also write summary.json, the tables and the logits there",
    )
    .addOption(commonOptions.overwrite())
    .addOption(commonOptions.adapter())
    .addOption(commonOptions.gpuApi())
    .addOption(commonOptions.json())
    .addHelpText("after", examples)
    .action(run);
}

interface Subject extends ModelOptions {
  readonly weights: string;
  readonly model: string;
  readonly data: DataSettings;
  /** What the run scaled its images by; the data's own where there is no run. */
  readonly normalisation?: Normalisation | undefined;
}

/** The words that say what data to load, where they are given. */
function dataWords(from: Partial<DataSettings>): Partial<DataSettings> {
  const { data, coarse, trainLimit, testLimit } = from;
  const { dataSplit, splitSeed, valFraction, imageSize } = from;
  const words = {
    ...{ data, coarse, trainLimit, testLimit },
    ...{ dataSplit, splitSeed, valFraction, imageSize },
  };
  return Object.fromEntries(
    Object.entries(words).filter(([, value]) => value !== undefined),
  );
}

/** What to evaluate, from --run's config.json or from --weights, --model and --data. */
async function subjectOf(options: Options): Promise<Subject> {
  const { run: folder, weights } = options;
  if ((folder === undefined) === (weights === undefined)) {
    throw new UserError(
      "name either --run DIR or --weights FILE with --model M --data D",
    );
  }
  if (weights !== undefined) {
    if (!options.model || !options.data)
      throw new UserError("--weights: needs --model and --data beside it");
    const { model, width, stem } = options;
    const data = { ...defaultData, ...dataWords(options) };
    return { weights, model, width, stem, data };
  }
  const { model, width, stem } = options;
  if ([model, width, stem].some((given) => given !== undefined))
    throw new UserError(
      "--run: brings its own model; leave out --model, --width and --stem",
    );
  const config = await readRunConfig(folder!);
  const { trainLimit, testLimit, ...rest } = dataWords(config);
  // The run's limits are about the run's data.
  const limits = options.data === undefined ? { trainLimit, testLimit } : {};
  return {
    weights: checkpointPath(folder!, "last"),
    model: config.model,
    width: config.width,
    stem: config.stem,
    data: { ...defaultData, ...rest, ...limits, ...dataWords(options) },
    normalisation: config.normalisation,
  };
}

async function run(options: Options): Promise<void> {
  const output = createOutput(options);
  if (options.overwrite && options.out === undefined)
    throw new UserError(
      "--overwrite: replaces nothing without --out; name a folder with --out, or leave --overwrite out",
    );
  const subject = await subjectOf(options);
  const { model } = subject;
  findModel(model, subject);
  if (options.out !== undefined)
    await requireFreshOut(options.out, options.overwrite ?? false);
  const bytes = await readFileOrRefuse(subject.weights);
  const loaded = await loadData(subject.data, options, output);
  const dataset = {
    ...loaded,
    ...subject.normalisation,
    ...(options.split === "train" && { test: loaded.train }),
  };
  const device = await openAdapter(options, output);
  const { metrics, logits } = await evaluateWeights(device, dataset, {
    model,
    options: subject,
    bytes,
    path: subject.weights,
  });
  const { loss, top1, top5, ece, count } = metrics;
  const summary = {
    model,
    data: subject.data.data,
    split: options.split,
    weights: subject.weights,
    adapter: device.adapterName,
    count,
    loss,
    top1,
    top5,
    ece,
  };
  if (options.out !== undefined) {
    const path = join(options.out, "summary.json");
    // An earlier one goes first and the new one comes last: it never stands beside another evaluation's tables.
    await rm(path, { force: true });
    await writeEvaluation(options.out, dataset, metrics, logits);
    await writeFileAtomic(path, jsonText(summary));
  }
  output.print(
    `${model} on ${count} ${options.split} images: top-1 ${formatPercent(top1)}` +
      `${top5 === null ? "" : `, top-5 ${formatPercent(top5)}`}, loss ${loss.toFixed(4)}, calibration error ${formatPercent(ece)}`,
  );
  for (const { index, tpr, precision, ap } of metrics.perClass) {
    output.print(
      `  ${dataset.classNames[index]!.padEnd(16)} recall ${formatPercent(tpr).padStart(6)}  ` +
        `precision ${formatPercent(precision).padStart(6)}  AP ${formatPercent(ap).padStart(6)}`,
    );
  }
  if (options.out !== undefined) output.print(`written to ${options.out}`);
  output.result(summary);
}

/** `tarnish train`: one training run into a run folder. */
import { join } from "node:path";
import type { Command } from "commander";
import { precisions } from "../../engine/precision.js";
import { Profiler } from "../../engine/profiler.js";
import { findRun } from "../../experiments/node-run-folder.js";
import { parseNoiseKind } from "../../experiments/poison.js";
import { orders } from "../../experiments/schedule.js";
import {
  augmentations,
  checkBatch,
  checkLength,
  defaultSettings,
  resolveSettings,
  type TrainSettings,
} from "../../experiments/settings.js";
import { defaultStem } from "../../models/options.js";
import { modelNames } from "../../models/registry.js";
import { openAdapter } from "../adapter.js";
import { loadData } from "../data.js";
import {
  choiceOption,
  commonOptions,
  integerOption,
  nonNegativeOption,
  positiveOption,
  shareOption,
} from "../options.js";
import { createOutput } from "../output.js";
import { printProfile } from "../profile.js";
import { version } from "../version.js";
import { printSummary, watchedRun } from "../watch-run.js";
import {
  addWorkOptions,
  checkpointOf,
  deviceOptionsOf,
  withoutWorkOptions,
  type WorkOptions,
} from "../work-options.js";

type Options = Partial<Omit<TrainSettings, "noiseKind">> & {
  noiseKind: string;
  out?: string;
  resume?: boolean;
  overwrite?: boolean;
  profile?: boolean;
  json?: boolean;
} & WorkOptions;

const examples = `
Examples:
  tarnish train
      LeNet on the embedded sample, 30 epochs
  tarnish train --model resnet8 --data cifar10 --epochs 20 --noise 0.4 --noise-kind uniform --out runs/noisy
  tarnish train --model shallow --width 0.5 --keep 0.7 --augment none --seed 3
  tarnish train --model resnet8 --data cifar10 --epochs 20 --out runs/long --resume
      goes on with runs/long where it was stopped, or starts it

Ctrl-C and SIGTERM write a checkpoint first (exit codes 130 and 143); a second one stops at once.`;

/** Options that say how a model is trained; a sweep's jobs take the same. */
export function addTrainingOptions(command: Command): Command {
  const d = defaultSettings;
  return command
    .addOption(
      choiceOption("--model <name>", "the network", modelNames).default(
        d.model,
      ),
    )
    .addOption(
      positiveOption(
        "--width <factor>",
        "scales the channels, rounded to multiples of 8 (all but lenet)",
      ).default(d.width),
    )
    .addOption(commonOptions.stem())
    .addOption(commonOptions.data())
    .addOption(commonOptions.coarse())
    .addOption(commonOptions.trainLimit())
    .addOption(commonOptions.testLimit())
    .addOption(commonOptions.dataSplit())
    .addOption(commonOptions.splitSeed())
    .addOption(commonOptions.valFraction())
    .addOption(commonOptions.imageSize())
    .addOption(
      integerOption("--epochs <n>", "passes over the training set", {
        min: 1,
      }).default(d.epochs),
    )
    .addOption(
      integerOption(
        "--batch <n>",
        `images per step; an epoch's smaller last batch is trained on too (default: ${d.batch}, or all there are)`,
        { min: 1 },
      ),
    )
    .addOption(
      integerOption(
        "--micro-batch <n>",
        "images on the device at once: gradients add up over a batch; batch norm sees each part alone (default: the batch)",
        { min: 1 },
      ),
    )
    .option(
      "--recompute",
      "less memory, the same result: compute batch norm's outputs again in the backward pass",
    )
    .addOption(
      positiveOption(
        "--lr <rate>",
        "peak learning rate (default: the model's own)",
      ),
    )
    .addOption(
      nonNegativeOption("--momentum <m>", "momentum of SGD").default(
        d.momentum,
      ),
    )
    .addOption(
      nonNegativeOption(
        "--weight-decay <d>",
        "L2 penalty, as in PyTorch's SGD",
      ).default(d.weightDecay),
    )
    .option("--nesterov", "Nesterov momentum", d.nesterov)
    .addOption(
      nonNegativeOption(
        "--warmup <epochs>",
        "linear warm-up before the cosine decay",
      ).default(d.warmup),
    )
    .addOption(
      nonNegativeOption(
        "--label-smoothing <s>",
        "share of the target spread over all classes",
      ).default(d.labelSmoothing),
    )
    .addOption(commonOptions.noise().default(d.noise))
    .addOption(commonOptions.noiseKind().default(d.noiseKind))
    .addOption(
      shareOption("--keep <share>", "share of each class that is kept").default(
        d.keep,
      ),
    )
    .addOption(
      choiceOption(
        "--augment <name>",
        "random changes to training images",
        Object.keys(augmentations),
      ).default(d.augment),
    )
    .addOption(
      choiceOption(
        "--order <name>",
        "order of the images in an epoch",
        orders,
      ).default(d.order),
    )
    .addOption(commonOptions.seed())
    .option(
      "--init <file>",
      "initial weights, a .safetensors file in PyTorch's names",
    )
    .addOption(
      choiceOption(
        "--precision <p>",
        "arithmetic; mixed stores activations as f16 (needs shader-f16)",
        precisions,
      ).default(d.precision),
    )
    .addOption(
      integerOption(
        "--steps <n>",
        "all optimiser steps, instead of epochs × batches",
        { min: 1 },
      ),
    )
    .addOption(
      integerOption(
        "--max-steps <n>",
        "stop after so many steps, the schedule unchanged",
        { min: 1 },
      ),
    )
    .addOption(
      integerOption("--eval-every <epochs>", "evaluate every so many epochs", {
        min: 1,
      }).default(d.evalEvery),
    )
    .addOption(
      integerOption("--log-every <steps>", "log every so many steps", {
        min: 1,
      }).default(d.logEvery),
    );
}

export function register(program: Command): void {
  const command = program
    .command("train")
    .summary("train one network into a run folder")
    .description(
      "Trains a network on clean, poisoned or reduced data and evaluates it on untouched labels.",
    );
  addWorkOptions(addTrainingOptions(command))
    .addOption(commonOptions.labels())
    .option("--out <dir>", "the run folder (default: runs/<what it is>)")
    .option(
      "--resume",
      "go on with the run in the folder, or start where there is none",
    )
    .addOption(commonOptions.overwrite())
    .option("--profile", "at the end, show where a step goes, kernel by kernel")
    .addOption(commonOptions.json())
    .addHelpText("after", examples)
    .action((options: Options) => {
      if (command.getOptionValueSource("epochs") === "cli")
        checkLength(options);
      return run(options);
    });
}

/** A folder name that says what the run is. */
function defaultFolder({
  model,
  width,
  stem = defaultStem,
  data,
  noise,
  noiseKind,
  keep,
  seed,
}: TrainSettings): string {
  const parts = [model];
  if (width !== 1) parts.push(`w${width}`);
  if (stem !== defaultStem) parts.push(stem);
  parts.push(data.split(/[\\/]/).filter(Boolean).at(-1) ?? "data");
  if (noise > 0) parts.push(`${noiseKind.replace(/:.*$/, "")}${noise}`);
  if (keep < 1) parts.push(`keep${keep}`);
  return join("runs", `${parts.join("_")}_s${seed}`);
}

async function run(options: Options): Promise<void> {
  const {
    out: given,
    resume = false,
    overwrite = false,
    profile: profiled = false,
    json = false,
    noiseKind,
    ...rest
  } = withoutWorkOptions(options);
  const output = createOutput({ json });
  const settings = resolveSettings({
    ...rest,
    noiseKind: parseNoiseKind(noiseKind),
  });
  const out = given ?? defaultFolder(settings);
  const state = await findRun(out, settings, { resume, overwrite });
  if (state.kind === "done") {
    output.print(`${out}: is done, there is nothing left to train`);
    printSummary(state.summary, out, output);
    return;
  }
  const dataset = await loadData(settings, options, output);
  checkBatch(rest.batch, dataset.train.count);
  const device = await openAdapter(options, output, deviceOptionsOf(options));
  if (profiled) device.profiler = new Profiler(device);
  const summary = await watchedRun(
    {
      device,
      dataset,
      settings,
      out,
      resume,
      overwrite,
      checkpoint: checkpointOf(options),
      version: version(),
    },
    output,
  );
  const profile = await device.profiler?.report();
  if (profile) printProfile(profile, output);
  else if (profiled) output.warn("--profile: too few steps for a profile");
  printSummary(summary, out, output, profile && { profile });
}

/** `tarnish bench`: how fast the adapter computes convolutions and trains models. */
import type { Command } from "commander";
import type { Device } from "../../engine/device.js";
import { type Precision, precisions } from "../../engine/precision.js";
import { UserError } from "../../errors.js";
import {
  bench,
  type BenchOptions,
  type BenchResult,
} from "../../experiments/bench/bench.js";
import { type ConvPass, convPasses } from "../../experiments/bench/conv.js";
import {
  type ConvShape,
  convShapesOf,
  parseConvShape,
} from "../../experiments/bench/shapes.js";
import { findModel, modelNames } from "../../models/registry.js";
import { type AdapterOptions, openAdapter } from "../adapter.js";
import {
  type Cells,
  convCells,
  modelCells,
  peakCells,
} from "../bench-tables.js";
import { formatFlops, formatNumber } from "../format.js";
import {
  choiceOption,
  commonOptions,
  integerOption,
  listOption,
  parseChoice,
  positiveOption,
} from "../options.js";
import { createOutput, endWithReader, type Output } from "../output.js";
import { printProfile } from "../profile.js";
import { formatTable } from "../table.js";

/** An entry of --shapes: all convolutions of a model, or one of its own. */
type ShapeChoice = { readonly model: string } | { readonly shape: ConvShape };

interface Options {
  models?: (string | undefined)[];
  width: number;
  batch?: number;
  shapes?: (ShapeChoice | undefined)[];
  passes: ConvPass[];
  precision: Precision;
  rounds: number;
  seconds: number;
  profile?: boolean;
  adapter: string;
  gpuApi: AdapterOptions["gpuApi"];
  tune: boolean;
  json?: boolean;
}

/** What is measured where nothing is said: a second or two a piece on either kind of adapter. */
const defaults = {
  software: {
    batch: 32,
    models: ["lenet", "resnet8"],
    shapes: ["16x32x32x64-3x3-64"],
  },
  hardware: {
    batch: 512,
    models: ["lenet", "resnet8", "resnet18"],
    shapes: ["resnet18"],
  },
} as const;

const help = `
--shapes takes models, whose different convolutions are measured at --batch, and convolutions of your own as
NxHxWxC-KxK-O[-sS]: batch, height, width, channels, kernel, output channels, stride.

Examples:
  tarnish bench
  tarnish bench --models resnet18 --batch 128 --shapes none --profile
  tarnish bench --models none --shapes resnet50,16x32x32x64-3x3-64 --passes forward,wgrad --json`;

export function register(program: Command): void {
  const { software, hardware } = defaults;
  program
    .command("bench")
    .summary("measure convolutions and training speed")
    .description(
      "Measures the adapter: convolutions in GFLOP/s beside its measured peak, training speed of models, memory, and what a " +
        "kernel launch costs the host. Everything is measured in turn, round after round; medians count.",
    )
    .addOption(
      listOption(
        "--models <names>",
        `models to train, or none (default: ${software.models.join(",")}; on hardware ${hardware.models.join(",")})`,
        (flag, item) =>
          item === "none" ? undefined : parseChoice(flag, item, modelNames),
      ),
    )
    .addOption(
      positiveOption(
        "--width <factor>",
        "scales the channels of the models",
      ).default(1),
    )
    .addOption(
      integerOption(
        "--batch <n>",
        `images per step (default: ${software.batch}; on hardware ${hardware.batch})`,
        { min: 1 },
      ),
    )
    .addOption(
      listOption(
        "--shapes <list>",
        `convolutions to measure, or none (default: ${software.shapes.join(",")}; on hardware ${hardware.shapes.join(",")})`,
        parseShapes,
      ),
    )
    .addOption(
      listOption(
        "--passes <list>",
        `of each convolution (${convPasses.join(", ")})`,
        (flag, item) => parseChoice(flag, item, convPasses),
      ).default([...convPasses], "all"),
    )
    .addOption(
      choiceOption("--precision <p>", "arithmetic", precisions).default("f32"),
    )
    .addOption(
      integerOption("--rounds <n>", "timings of everything", {
        min: 1,
      }).default(5),
    )
    .addOption(
      positiveOption(
        "--seconds <s>",
        "how long each thing is measured, over all rounds",
      ).default(2),
    )
    .option(
      "--profile",
      "also show where a step of each model goes, kernel by kernel",
    )
    .addOption(commonOptions.adapter())
    .addOption(commonOptions.gpuApi())
    .addOption(commonOptions.tune())
    .addOption(commonOptions.json())
    .addHelpText("after", help)
    .action(run);
}

function parseShapes(flag: string, item: string): ShapeChoice | undefined {
  if (item === "none") return undefined;
  return modelNames.includes(item)
    ? { model: item }
    : { shape: parseConvShape(flag, item) };
}

/** The options with the defaults of the adapter's kind filled in. */
function resolve(options: Options, device: Device): BenchOptions {
  const preset = device.isSoftware ? defaults.software : defaults.hardware;
  const {
    width,
    passes,
    precision,
    rounds,
    seconds,
    batch = preset.batch,
  } = options;
  const models = options.models ?? preset.models;
  const shapes =
    options.shapes ??
    preset.shapes.map((item) => parseShapes("--shapes", item));
  return {
    width,
    batch,
    passes,
    precision,
    rounds,
    seconds,
    profile: options.profile ?? false,
    models: models.filter((name) => name !== undefined),
    shapes: shapes.flatMap((choice) => {
      if (!choice) return [];
      return "shape" in choice
        ? [choice.shape]
        : convShapesOf(choice.model, width, batch);
    }),
  };
}

async function run(options: Options): Promise<void> {
  const output = createOutput(options);
  endWithReader();
  for (const model of options.models ?? [])
    if (model !== undefined) findModel(model, { width: options.width });
  const { tune } = options;
  const device = await openAdapter(options, output, { tune });
  if (options.profile && !device.gpu.features.has("timestamp-query"))
    throw new UserError(
      `--profile: ${device.adapterName} offers no timestamp queries; leave --profile out`,
    );
  const resolved = resolve(options, device);
  const result = await bench(device, resolved, (line) => {
    output.print(`measuring ${line}`);
  });
  print(result, output);
  output.result(result);
  for (const { model, loss } of result.models)
    if (!Number.isFinite(loss)) {
      output.warn(`${model}: its loss became ${loss}; its speed means nothing`);
      process.exitCode = 1;
    }
}

function print(result: BenchResult, output: Output): void {
  const table = ({ head, rows }: Cells) => {
    output.print();
    for (const line of formatTable(head, rows)) output.print(line);
  };
  const { conv, models } = result;
  table(peakCells(result));
  if (conv.length > 0) table(convCells(result));
  if (models.length > 0) table(modelCells(result));
  for (const { model, profile } of models)
    if (profile) {
      output.print();
      output.print(model);
      printProfile(profile, output);
    }
  output.print();
  output.print(
    `peak: ${formatFlops(result.peakGflops * 1e9)}; a copy reads and writes ${formatNumber(result.copyGigabytesPerSecond)} GB/s`,
  );
}

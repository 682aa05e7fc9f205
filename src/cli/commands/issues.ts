/** `tarnish issues`: which training labels are most likely wrong. */
import { join } from "node:path";
import type { Command } from "commander";
import type { Dataset } from "../../data/types.js";
import { UserError } from "../../errors.js";
import {
  crossValidate,
  crossValidationImages,
  issueQuality,
  rankIssues,
} from "../../experiments/issues.js";
import {
  datasetSha256,
  poisonForSettings,
} from "../../experiments/node-dataset.js";
import {
  requireFreshFolder,
  requireWritable,
} from "../../experiments/node-files.js";
import { requireOwnFolder } from "../../experiments/node-folder-kinds.js";
import {
  issueSummary,
  readEarlierRun,
  stagingFolder,
  words,
  writeIssues,
} from "../../experiments/node-issues.js";
import { parseNoiseKind } from "../../experiments/poison.js";
import {
  checkBatch,
  type DataSettings,
  defaultData,
  flagOf,
  replaceSettings,
  resolveSettings,
  type TrainSettings,
} from "../../experiments/settings.js";
import { modelNames } from "../../models/registry.js";
import { type AdapterOptions, openAdapter } from "../adapter.js";
import { loadData } from "../data.js";
import { formatDuration, formatPercent } from "../format.js";
import {
  choiceOption,
  commonOptions,
  integerOption,
  positiveOption,
} from "../options.js";
import { createOutput, type Output } from "../output.js";
import { createProgress } from "../progress.js";

/** What the flags say of data and training. */
type Words = Partial<Omit<TrainSettings, "noiseKind">> & { noiseKind?: string };

type Options = Words & {
  folds: number;
  repeats: number;
  gallery: number;
  mirror?: string;
  out?: string;
  overwrite?: boolean;
  adapter: string;
  gpuApi: AdapterOptions["gpuApi"];
  json?: boolean;
};

/** How a data set's labels are judged where nothing else is said: docs/issues.md has the measurements behind it. */
const judge = {
  model: "lenet",
  epochs: 20,
  batch: 64,
} as const satisfies Partial<TrainSettings>;

const help = `
Every image is judged by networks that were trained on the others (k-fold cross-validation). Writes into DIR: issues.csv
(all images, most suspicious first), index.html (a gallery of the suspects, to look through and to mark) and summary.json.
With RUN, the folder of an earlier run, its data, its labels and its model are taken; where it was poisoned, the ranking
is compared with what is known to be wrong. docs/issues.md explains the method.

Examples:
  tarnish issues --data photos/
  tarnish issues --data sample --noise 0.2 --noise-kind uniform
      how well planted noise is found
  tarnish issues runs/noisy --repeats 3`;

export function register(program: Command): void {
  program
    .command("issues")
    .summary("rank the training labels that are most likely wrong")
    .description(
      "Finds likely label errors in a data set, or in the training set of an earlier run.",
    )
    .argument("[run]", "a run folder: its data, labels and model")
    .option("--data <name|path>", "a data set instead of a run")
    .addOption(commonOptions.coarse())
    .addOption(commonOptions.trainLimit())
    .addOption(commonOptions.dataSplit())
    .addOption(commonOptions.splitSeed())
    .addOption(commonOptions.valFraction())
    .addOption(commonOptions.imageSize())
    .addOption(commonOptions.labels())
    .addOption(commonOptions.mirror())
    .addOption(commonOptions.noise())
    .addOption(commonOptions.noiseKind())
    .addOption(
      integerOption("--folds <k>", "folds of the cross-validation", {
        min: 2,
        max: 100,
      }).default(4),
    )
    .addOption(
      integerOption(
        "--repeats <n>",
        "cross-validations whose probabilities are averaged",
        { min: 1, max: 100 },
      ).default(1),
    )
    .addOption(
      choiceOption(
        "--model <name>",
        `the network that judges; by default the run's, or ${judge.model}`,
        modelNames,
      ),
    )
    .addOption(positiveOption("--width <factor>", "scales its channels"))
    .addOption(
      integerOption(
        "--epochs <n>",
        `of each training (default: the run's, or ${judge.epochs})`,
        { min: 1 },
      ),
    )
    .addOption(
      integerOption(
        "--batch <n>",
        `images per step (default: the run's, or ${judge.batch})`,
        { min: 1 },
      ),
    )
    .addOption(
      positiveOption(
        "--lr <rate>",
        "peak learning rate (default: the model's)",
      ),
    )
    .addOption(
      integerOption("--seed <n>", "of the folds and the networks (default: 0)"),
    )
    .addOption(
      integerOption(
        "--gallery <n>",
        "suspects that the gallery shows at most",
      ).default(200),
    )
    .option("--out <dir>", "the folder (default: issues/<what it is about>)")
    .addOption(commonOptions.overwrite())
    .addOption(commonOptions.adapter())
    .addOption(commonOptions.gpuApi())
    .addOption(commonOptions.json())
    .addHelpText("after", help)
    .action(run);
}

/** What is judged: the data, the labels of the images that have one, and how to train on them. */
interface Subject {
  readonly dataset: Dataset;
  readonly settings: TrainSettings;
  readonly given: Int32Array;
  readonly kept: Int32Array;
}

type Load = { mirror?: string | undefined; json: boolean };

/** The training set of an earlier run, with the labels that it was trained on. */
async function subjectOfRun(
  runFolder: string,
  words: Words,
  load: Load,
  output: Output,
): Promise<Subject> {
  const { noiseKind, ...others } = words;
  const clash = ["noise", "labels", "trainLimit"].some((key) => key in others);
  if (clash || noiseKind !== undefined)
    throw new UserError(
      `${runFolder}: a run brings its own data and labels; leave out --data, --train-limit, --labels, --noise and --noise-kind`,
    );
  const { dataSha256, given, kept, ...earlier } =
    await readEarlierRun(runFolder);
  requireOwnData(others, earlier.settings);
  const asked = resolveSettings({
    ...replaceSettings(earlier.settings, others),
    // The run's folder has its labels, wherever the file of --labels has gone.
    labels: undefined,
  });
  const dataset = await loadData(asked, load, output);
  if (dataset.train.count !== given.length)
    throw new UserError(
      `${runFolder}: is about ${given.length} training images, but ${asked.data} has ${dataset.train.count} now`,
    );
  if (dataSha256 !== undefined && dataSha256 !== datasetSha256(dataset))
    throw new UserError(
      `${runFolder}: images or labels of ${asked.data} have changed since this run was trained, whose given labels go by ` +
        `the images' order; put back what was there, or judge the data as they are with --data ${asked.data}`,
    );
  return { dataset, settings: asked, given, kept };
}

/** What a run says of its data; flags may repeat it. */
const ofData = [
  "coarse",
  "dataSplit",
  "splitSeed",
  "valFraction",
  "imageSize",
] as const satisfies readonly (keyof DataSettings)[];

/** @throws UserError for flags that mean other images than the run's, or their labels */
function requireOwnData(
  words: Partial<DataSettings>,
  settings: Partial<DataSettings>,
): void {
  const was: Partial<DataSettings> = { ...defaultData, ...settings };
  for (const name of ofData) {
    const value = words[name];
    if (value === undefined || value === was[name]) continue;
    throw new UserError(
      `${flagOf(name)}${value === true ? "" : ` ${value}`}: the run was trained ` +
        `${was[name] === undefined ? "without it" : `with ${was[name]}`}; a run brings its own data: leave it out`,
    );
  }
}

/** A data set with its own labels, a file's, or planted noise. */
async function subjectOfData(
  { noiseKind, ...words }: Words,
  load: Load,
  output: Output,
): Promise<Subject> {
  const asked = resolveSettings({
    ...judge,
    ...words,
    ...(noiseKind !== undefined && { noiseKind: parseNoiseKind(noiseKind) }),
  });
  const dataset = await loadData(asked, load, output);
  const { given, kept } = await poisonForSettings(dataset, asked);
  return { dataset, settings: asked, given, kept };
}

async function run(
  runFolder: string | undefined,
  options: Options,
): Promise<void> {
  const started = performance.now();
  const output = createOutput(options);
  const {
    folds,
    repeats,
    gallery,
    mirror,
    overwrite = false,
    adapter,
    gpuApi,
    json = false,
    out: givenOut,
    ...words_
  } = options;
  if ((runFolder === undefined) === (words_.data === undefined))
    throw new UserError("name either a run folder or --data D");
  const about = runFolder ?? words_.data!;
  const out =
    givenOut ??
    join("issues", about.split(/[\\/]/).filter(Boolean).at(-1) ?? "data");
  if (overwrite) await requireOwnFolder(out, "issues");
  else await requireFreshFolder(out, false);
  // The results are written into a folder in it first; that this works is known before anything is trained.
  await requireWritable(stagingFolder(out), out);
  const load = { mirror, json };
  const subject =
    runFolder === undefined
      ? await subjectOfData(words_, load, output)
      : await subjectOfRun(runFolder, words_, load, output);
  const { dataset, given, kept } = subject;
  const smallest = Math.floor((kept.length * (folds - 1)) / folds);
  checkBatch(words_.batch, smallest);
  const { settings } = subject;
  const device = await openAdapter({ adapter, gpuApi }, output);
  const trainings = folds * repeats;
  const request = { device, dataset, settings, given, kept, folds, repeats };
  const total = crossValidationImages(request);
  const progress = createProgress({
    total,
    unit: "images",
    label: `${trainings} trainings of ${settings.model}`,
    json,
  });
  const probabilities = await crossValidate({
    ...request,
    onTraining: (training) => ({
      onProgress: ({ images, loss, imagesPerSecond }) => {
        progress.update((training * total) / trainings + images, {
          loss,
          rate: imagesPerSecond,
        });
      },
      onRecord: (record) => {
        if (record.kind === "eval")
          progress.log(
            `fold ${(training % folds) + 1} of ${folds}${repeats > 1 ? `, round ${Math.floor(training / folds) + 1} of ${repeats}` : ""}: ` +
              `agrees with ${formatPercent(record.top1)} of its labels`,
          );
      },
    }),
  }).finally(() => {
    progress.stop();
  });
  const judged = kept.map((image) => given[image]!);
  const classes = dataset.classNames.length;
  const ranking = rankIssues(probabilities, judged, kept, classes);
  const report = {
    dataset,
    settings,
    ranking,
    quality: issueQuality(
      ranking.suspects,
      (image) => given[image] !== dataset.train.labels[image],
    ),
    folds,
    repeats,
    agreement: agreementOf(probabilities, judged, classes),
    gallery,
    adapter: device.adapterName,
  };
  await writeIssues(out, report);
  for (const line of words(report)) output.print(line);
  output.print("the most suspicious:");
  for (const suspect of ranking.suspects.slice(0, 10)) {
    const path =
      dataset.train.paths?.[suspect.image] ?? `image ${suspect.image}`;
    output.print(
      `  ${path}: ${dataset.classNames[suspect.given]!} (${formatPercent(suspect.selfConfidence)}), ` +
        `rather ${dataset.classNames[suspect.suggested]!} (${formatPercent(suspect.suggestedConfidence)})`,
    );
  }
  output.print(
    `${formatDuration((performance.now() - started) / 1000)} in all; ${join(out, "issues.csv")} has all of them, ${join(out, "index.html")} shows the suspects`,
  );
  output.result({ out, ...issueSummary(report) });
}

/** Share of the images whose most probable class is the one given. */
function agreementOf(
  probabilities: Float64Array,
  given: Int32Array,
  classes: number,
): number {
  let agree = 0;
  given.forEach((label, i) => {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    if (row.indexOf(Math.max(...row)) === label) agree++;
  });
  return agree / given.length;
}

/** `tarnish data`: fetches and verifies the official data sets, and shows what a data set is. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { md5Of } from "../../data/node-download.js";
import {
  dataFolders,
  findOfficial,
  obtainOfficial,
} from "../../data/node-official.js";
import {
  isOfficial,
  type OfficialArchive,
  officialArchives,
} from "../../data/official.js";
import type { Dataset } from "../../data/types.js";
import { UserError } from "../../errors.js";
import { type DataSettings, defaultData } from "../../experiments/settings.js";
import { LoadBar, loadData } from "../data.js";
import { formatCount } from "../format.js";
import { commonOptions } from "../options.js";
import { createOutput, type Output } from "../output.js";

interface FetchOptions {
  dir?: string;
  mirror?: string;
  json?: boolean;
}

type ShowOptions = Partial<Omit<DataSettings, "data">> & {
  mirror?: string;
  json?: boolean;
};

const examples = `
Examples:
  tarnish data fetch cifar10
  tarnish data verify cifar10
  tarnish data show photos/
      counts per class, the size of the images, the normalisation`;

const dataArgument = "sample, cifar10, cifar100, or a path";

export function register(program: Command): void {
  const data = program
    .command("data")
    .summary("fetch, verify and show data sets")
    .description(
      "Fetches and verifies the official data sets; shows what a data set is.",
    )
    .addHelpText("after", examples);
  data
    .command("fetch")
    .description(
      "Downloads an official data set into the data folder, unless it is there.",
    )
    .argument("<name>", "cifar10 or cifar100")
    .option(
      "--dir <dir>",
      "the data folder (default: $TARNISH_DATA, or ./data)",
    )
    .addOption(commonOptions.mirror())
    .addOption(commonOptions.json())
    .action(runFetch);
  data
    .command("verify")
    .description(
      "Checks an official archive's MD5 and reads every record or image of a data set.",
    )
    .argument("<data>", dataArgument)
    .option("--dir <dir>", "look for cifar10 and cifar100 here first")
    .addOption(commonOptions.json())
    .action(runVerify);
  data
    .command("show")
    .description(
      "Prints a data set's classes with their counts, the image size and the normalisation.",
    )
    .argument("<data>", dataArgument)
    .addOption(commonOptions.coarse())
    .addOption(commonOptions.trainLimit())
    .addOption(commonOptions.testLimit())
    .addOption(commonOptions.dataSplit())
    .addOption(commonOptions.splitSeed())
    .addOption(commonOptions.valFraction())
    .addOption(commonOptions.imageSize())
    .addOption(commonOptions.mirror())
    .addOption(commonOptions.json())
    .action(runShow);
}

async function runFetch(name: string, options: FetchOptions): Promise<void> {
  const output = createOutput(options);
  if (!isOfficial(name))
    throw new UserError(
      `data fetch ${name}: only ${Object.keys(officialArchives).join(" and ")} can be fetched`,
    );
  const where = { dataDir: options.dir, mirror: options.mirror };
  const there = findOfficial(name, where);
  const bar = new LoadBar(options.json ?? false);
  const path =
    there ??
    (await obtainOfficial(name, { ...where, onProgress: bar.update }).finally(
      () => {
        bar.stop();
      },
    ));
  output.print(
    there
      ? `${there}: is there already`
      : `${path}: downloaded, MD5 ${officialArchives[name].md5}`,
  );
  output.result({ data: name, path, downloaded: there === undefined });
}

async function runVerify(data: string, options: FetchOptions): Promise<void> {
  const output = createOutput(options);
  const path = isOfficial(data)
    ? findOfficial(data, { dataDir: options.dir })
    : data;
  if (isOfficial(data) && path === undefined) {
    const places = dataFolders(options.dir).map((place) => resolve(place));
    throw new UserError(
      `data verify ${data}: is not in ${places.join(" nor in ")}; 'tarnish data fetch ${data}' downloads it`,
    );
  }
  const published = isOfficial(data)
    ? publishedDigests(officialArchives[data], path!)
    : [];
  for (const [file, expected] of published) {
    const md5 = existsSync(file) ? await md5Of(file) : undefined;
    if (md5 === expected) continue;
    output.warn(
      md5 === undefined
        ? `${file}: is missing`
        : `${file}: its MD5 is ${md5}, not ${expected}: it is damaged, or not the official one`,
    );
    output.result({ data, path, file, md5: md5 ?? null, expected, ok: false });
    process.exitCode = 1;
    return;
  }
  if (published.length > 0) output.print(`${path!}: MD5 as published`);
  const { train, test, classNames } = await loadData(
    { ...defaultData, data: path! },
    options,
    output,
  );
  output.print(
    `${path!}: ${formatCount(train.count)} training and ${formatCount(test.count)} test images of ${classNames.length} classes, all readable`,
  );
  output.result({
    data,
    path,
    md5: Object.fromEntries(published),
    train: train.count,
    test: test.count,
    classes: classNames.length,
    ok: true,
  });
}

/** Paths of an official data set, of its archive or unpacked folder, with their published MD5 as far as it is known. */
function publishedDigests(
  { md5, files }: OfficialArchive,
  path: string,
): [path: string, md5: string][] {
  if (path.endsWith(".tar.gz")) return [[path, md5]];
  return Object.entries(files).map(([name, digest]) => [
    join(path, name),
    digest,
  ]);
}

async function runShow(data: string, options: ShowOptions): Promise<void> {
  const output = createOutput(options);
  const { mirror, json, ...words } = options;
  const dataset = await loadData(
    { ...defaultData, ...words, data },
    { mirror, json },
    output,
  );
  const { name, layout, classNames, imageSize, mean, std } = dataset;
  const counts = countClasses(dataset);
  printCounts(dataset, counts, output);
  output.print(`images    ${imageSize}×${imageSize}, RGB`);
  output.print(
    `mean      ${mean.map(fourDigits).join(", ")} (R, G, B; pixels scaled to [0, 1])`,
  );
  output.print(`std       ${std.map(fourDigits).join(", ")}`);
  output.result({
    data: name,
    layout,
    classes: classNames,
    imageSize,
    normalisation: { mean, std },
    train: { count: dataset.train.count, perClass: counts.train },
    test: { count: dataset.test.count, perClass: counts.test },
  });
}

const fourDigits = (value: number): string => value.toFixed(4);

function countClasses({ classNames, train, test }: Dataset) {
  const count = (labels: Int32Array) => {
    const counts = new Array<number>(classNames.length).fill(0);
    for (const label of labels) counts[label]!++;
    return counts;
  };
  return { train: count(train.labels), test: count(test.labels) };
}

function printCounts(
  { name, classNames, train, test }: Dataset,
  counts: ReturnType<typeof countClasses>,
  output: Output,
): void {
  const width = Math.max(5, ...classNames.map((label) => label.length));
  const row = (label: string, training: string, testing: string) => {
    output.print(
      `  ${label.padEnd(width)}  ${training.padStart(9)}  ${testing.padStart(9)}`,
    );
  };
  output.print(`${name}, ${classNames.length} classes`);
  row("", "training", "test");
  classNames.forEach((label, c) => {
    row(label, formatCount(counts.train[c]!), formatCount(counts.test[c]!));
  });
  row("all", formatCount(train.count), formatCount(test.count));
}

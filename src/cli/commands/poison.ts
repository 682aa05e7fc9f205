/** `tarnish poison`: the poisoned labels alone, for use elsewhere. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { writeNpy } from "../../data/npy.js";
import type { Dataset } from "../../data/types.js";
import { writeCsv } from "../../experiments/csv.js";
import { poisonForSettings } from "../../experiments/node-dataset.js";
import {
  parseNoiseKind,
  poisonRecord,
  type PoisonRecord,
  type PoisonResult,
} from "../../experiments/poison.js";
import { requireFreshOut, writeFolder } from "../../experiments/node-files.js";
import { type DataSettings, defaultData } from "../../experiments/settings.js";
import { loadData } from "../data.js";
import { formatCount, formatPercent } from "../format.js";
import { commonOptions, shareOption } from "../options.js";
import { createOutput, type Output } from "../output.js";

interface Options extends Partial<Omit<DataSettings, "testLimit">> {
  noise: number;
  noiseKind: string;
  keep: number;
  seed: number;
  out: string;
  mirror?: string;
  overwrite?: boolean;
  json?: boolean;
}

const help = `
Writes into DIR: labels.npy (int32, one label per training image in the data set's own order), labels.csv
(index,label,true,selected,kept) and poison.json (the chosen images, the rates, the transition counts, a hash).
An image that --keep removes keeps its place and its true label there, with kept = 0.

Kinds of noise, for the share of each class that --noise chooses:
  shuffle     the chosen images' labels are pooled and permuted: class sizes stay exactly the same
  uniform     a wrong label, each of the other classes alike
  symmetric   any label, the true one included
  pairflip    the next class
  matrix:FILE, confusion:RUN
              counts by the rows of a transition matrix (.csv, .json, .npy), or of an earlier run's mistakes

With --labels the labels come from a file and are compared with the true ones; --noise does not go with it.

Examples:
  tarnish poison --noise 0.2 --out poisoned
  tarnish poison --data cifar100 --coarse --noise 0.4 --noise-kind uniform --seed 7 --out poisoned-40
  tarnish poison --data cifar10 --keep 0.7 --out reduced`;

export function register(program: Command): void {
  program
    .command("poison")
    .summary("write poisoned (or reduced) training labels to files")
    .description(
      "Poisons or reduces a training set and writes its labels, for use elsewhere.",
    )
    .requiredOption("--out <dir>", "the folder to write into")
    .addOption(commonOptions.data())
    .addOption(commonOptions.noise().default(0))
    .addOption(commonOptions.noiseKind().default("shuffle"))
    .addOption(
      shareOption("--keep <share>", "share of each class that is kept").default(
        1,
      ),
    )
    .addOption(commonOptions.seed())
    .addOption(commonOptions.coarse())
    .addOption(commonOptions.trainLimit())
    .addOption(commonOptions.dataSplit())
    .addOption(commonOptions.splitSeed())
    .addOption(commonOptions.valFraction())
    .addOption(commonOptions.imageSize())
    .addOption(commonOptions.labels())
    .addOption(commonOptions.mirror())
    .addOption(commonOptions.overwrite())
    .addOption(commonOptions.json())
    .addHelpText("after", help)
    .action(run);
}

async function run(options: Options): Promise<void> {
  const output = createOutput(options);
  const {
    out,
    noise,
    keep,
    seed,
    noiseKind,
    mirror,
    json,
    overwrite,
    ...data
  } = options;
  const kind = parseNoiseKind(noiseKind);
  await requireFreshOut(out, overwrite ?? false);
  const dataset = await loadData(
    { ...defaultData, ...data },
    { mirror, json },
    output,
  );
  const { labels } = dataset.train;
  const result = await poisonForSettings(dataset, {
    noise,
    noiseKind: kind,
    keep,
    seed,
  });
  const record = await poisonRecord(result);
  // An earlier one goes first: it never stands beside other labels.
  await rm(join(out, "poison.json"), { force: true });
  await writeFolder(out, {
    "labels.npy": writeNpy(result.given),
    "labels.csv": labelsCsv(labels, result),
    "poison.json": `${JSON.stringify(record)}\n`, // last: where it is, all is there
  });
  explain(output, dataset, result, out);
  output.result(summary(dataset, record, out));
}

function labelsCsv(labels: Int32Array, result: PoisonResult): string {
  const selected = new Set(result.selected);
  const kept = new Set(result.kept);
  return writeCsv(
    ["index", "label", "true", "selected", "kept"],
    Array.from(labels, (truth, image) => [
      image,
      result.given[image]!,
      truth,
      selected.has(image) ? 1 : 0,
      kept.has(image) ? 1 : 0,
    ]),
  );
}

function explain(
  output: Output,
  { name, classNames, train }: Dataset,
  result: PoisonResult,
  out: string,
): void {
  const { kind, nominal, selected, kept, changed, effectiveRate } = result;
  const removed = train.count - kept.length;
  output.print(
    `${name}: ${formatCount(train.count)} training images in ${classNames.length} classes, seed ${result.seed}`,
  );
  if (removed > 0)
    output.print(
      `removed  ${formatCount(removed)} images; ${formatCount(kept.length)} are kept (${formatPercent(kept.length / train.count)})`,
    );
  output.print(
    kind === "labels"
      ? `labels   from the file: ${formatCount(selected.length)} differ from the true ones`
      : `chosen   ${formatCount(selected.length)} images for ${kind} noise (${formatPercent(nominal)} of each class asked for)`,
  );
  output.print(
    `changed  ${formatCount(changed)} labels really are wrong now: an effective rate of ${formatPercent(effectiveRate, 2)}`,
  );
  output.print(
    `wrote    ${["labels.npy", "labels.csv", "poison.json"].map((file) => join(out, file)).join(", ")}`,
  );
}

/** poison.json without its long lists. */
function summary(
  { name, train }: Dataset,
  record: PoisonRecord,
  out: string,
): object {
  const { selected, kept, ...rest } = record;
  return {
    out,
    data: name,
    images: train.count,
    selected: selected.length,
    kept: kept.length,
    ...rest,
  };
}

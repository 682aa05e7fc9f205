/** Loading data for a command: progress bars for downloads and decoding, and words about what an image folder turned out to be. */
import type { LoadProgress } from "../data/types.js";
import type { FolderReport } from "../data/node-image-folder.js";
import type { Dataset } from "../data/types.js";
import { compareLabels } from "../experiments/labels-file.js";
import { loadForSettings } from "../experiments/node-dataset.js";
import type { DataSettings } from "../experiments/settings.js";
import { formatCount, formatPercent } from "./format.js";
import type { Output } from "./output.js";
import { createProgress, type Progress } from "./progress.js";

/** Files that are not used and are named; more are counted. */
const namedFiles = 5;

/** Flags of a command that say how to load, not what. */
export interface LoadFlags {
  readonly mirror?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Loads what settings describe, with progress, and says what there is to say. */
export async function loadData(
  settings: DataSettings,
  { mirror, json = false }: LoadFlags,
  output: Output,
): Promise<Dataset> {
  const progress = new LoadBar(json);
  try {
    const dataset = await loadForSettings(settings, {
      mirror,
      onProgress: progress.update,
      onFolder: (report) => {
        progress.stop();
        describeFolder(report, settings, output);
      },
    });
    describeLabels(dataset, settings, output);
    return dataset;
  } finally {
    progress.stop();
  }
}

/**
 * Below this Cohen's kappa the labels of a file may be about other images, or in another order: such labels agree with the
 * data's own by chance alone. An annotator's may be as bad, and labels drawn at random are worth a study: it is no error.
 */
const hardlyAgrees = 0.1;

function describeLabels(
  { train, classNames }: Dataset,
  { labels, dataSplit }: DataSettings,
  output: Output,
): void {
  if (labels === undefined || !train.given) return;
  const { differing, kappa } = compareLabels(
    train.given,
    train.labels,
    classNames.length,
  );
  const line = `${labels}: ${formatCount(differing)} of ${formatCount(train.count)} labels differ from the data's own`;
  if (kappa >= hardlyAgrees) output.print(line);
  else
    output.warn(
      `${line}, hardly fewer than by chance. Is the file in the order of these training images?` +
        (dataSplit === "random" ? " --data-split random drew them anew." : ""),
    );
}

/** One bar per piece of work, made when it starts. */
export class LoadBar {
  #bar: Progress | undefined;

  constructor(private readonly json: boolean) {}

  update: LoadProgress = ({ task, what, done, total }) => {
    const unit = task === "download" ? 2 ** 20 : 1;
    this.#bar ??= createProgress({
      total: (total ?? done) / unit,
      unit: task === "download" ? "MiB" : "images",
      label: `${task === "download" ? "downloading" : "decoding"} ${what}`,
      json: this.json,
    });
    this.#bar.update(done / unit);
    if (done === total) this.stop();
  };

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function describeFolder(
  { source, dataset, heldOut, skipped, cache }: FolderReport,
  { valFraction }: DataSettings,
  output: Output,
): void {
  const { classNames, imageSize, train, test } = dataset;
  output.print(
    `${source}: ${formatCount(train.count + test.count)} images in ${classNames.length} classes: ${formatCount(train.count)} ` +
      `to train on and ${formatCount(test.count)} ${heldOut ? `held out (${formatPercent(valFraction, 0)} of each class)` : "to test on"}`,
  );
  output.print(
    `the shorter side is scaled to ${imageSize} pixels and the centre cropped` +
      {
        used: " (pixels from the cache)",
        written: "",
        unwritable:
          " (the cache folder cannot be written: the next run decodes again)",
      }[cache],
  );
  if (skipped.length > 0) {
    const named = skipped
      .slice(0, namedFiles)
      .map(({ path, reason }) => `${path} (${reason})`);
    const more = skipped.length - named.length;
    output.warn(
      `not used: ${named.join(", ")}${more > 0 ? ` and ${formatCount(more)} more` : ""}`,
    );
  }
}

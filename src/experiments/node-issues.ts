/** `tarnish issues` on disk: what it is about (a data set or an earlier run), and its folder of results. Node and Deno only. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { openImages } from "../data/node-load.js";
import { readNpy } from "../data/npy.js";
import type { Dataset } from "../data/types.js";
import { UserError } from "../errors.js";
import { temporaryPath } from "../node-atomic.js";
import { writeCsv } from "./csv.js";
import type { IssueQuality, IssueRanking, Suspect } from "./issues.js";
import { type GalleryItem, galleryPage } from "./issues-gallery.js";
import { jsonText, parseObject } from "./json.js";
import {
  readFileOrRefuse,
  StorageError,
  storageError,
  writeFolder,
} from "./node-files.js";
import { labelsSha256 } from "./poison.js";
import type { TrainSettings } from "./settings.js";
import { settingsError } from "./settings-schema.js";

/** An earlier run: how it was trained, on which labels and images. */
export interface EarlierRun {
  readonly settings: Partial<TrainSettings>;
  /** Of the images and true labels; undefined where a run from before does not say. */
  readonly dataSha256: string | undefined;
  readonly given: Int32Array;
  readonly kept: Int32Array;
}

/** Reads config.json, labels.npy and poison.json of a run folder. Throws UserError where one is missing or damaged. */
export async function readEarlierRun(folder: string): Promise<EarlierRun> {
  const read = (name: string) => readFileOrRefuse(join(folder, name));
  const readObject = async (name: string) =>
    parseObject(new TextDecoder().decode(await read(name)), join(folder, name));
  const settings = await readObject("config.json");
  const error = settingsError(settings);
  if (error !== null)
    throw new UserError(`${join(folder, "config.json")}: ${error}`);
  const poison = await readObject("poison.json");
  const given = readNpy(await read("labels.npy"), join(folder, "labels.npy"));
  if ((await labelsSha256(given)) !== poison["labelsSha256"])
    throw new UserError(
      `${folder}: labels.npy and poison.json do not belong together; the run folder is damaged`,
    );
  if (!isSubset(poison["kept"], given.length))
    throw new UserError(
      `${join(folder, "poison.json")}: kept is no list of different images below ${given.length}`,
    );
  const { dataSha256 } = settings;
  return {
    settings,
    dataSha256: typeof dataSha256 === "string" ? dataSha256 : undefined,
    given,
    kept: Int32Array.from(poison["kept"]),
  };
}

/** Whether a value is a list of different whole numbers from 0 to `count` − 1. */
function isSubset(value: unknown, count: number): value is number[] {
  return (
    Array.isArray(value) &&
    new Set(value).size === value.length &&
    value.every((one) => Number.isInteger(one) && one >= 0 && one < count)
  );
}

export interface IssueReport {
  readonly dataset: Dataset;
  readonly settings: TrainSettings;
  readonly ranking: IssueRanking;
  /** Null where no label is known to be wrong. */
  readonly quality: IssueQuality | null;
  readonly folds: number;
  readonly repeats: number;
  /** Share of the images whose most probable class is the given one, out of fold. */
  readonly agreement: number;
  /** Suspects that the gallery shows, at most. */
  readonly gallery: number;
  readonly adapter: string;
}

/** The object of the folder's summary.json. */
export function issueSummary(report: IssueReport): object {
  const { settings, ranking, quality, folds, repeats, agreement } = report;
  const { model, epochs, batch, lr, seed } = settings;
  return {
    data: settings.data,
    images: ranking.suspects.length,
    ...{ model, epochs, batch, lr, seed, folds, repeats },
    adapter: report.adapter,
    agreement,
    candidates: ranking.suspects.filter(({ candidate }) => candidate).length,
    thresholds: ranking.thresholds,
    confidentJoint: ranking.confidentJoint,
    ...(quality && { quality }),
  };
}

/** A folder in `out` for its files until all are written; nothing that anybody put into `out` has such a name. */
export function stagingFolder(out: string): string {
  return temporaryPath(join(out, "issues"));
}

/**
 * Writes issues.csv, index.html and summary.json, in place of earlier ones; whatever else is in `out` stays. An earlier list
 * is kept until all of the new one is on the disk.
 *
 * @throws StorageError where it cannot be written
 */
export async function writeIssues(
  out: string,
  report: IssueReport,
): Promise<void> {
  const csv = issuesCsv(report);
  const items = await galleryItems(report);
  // In this order they are moved to their places: by issues.csv the folder is known for what it is, whenever this is
  // stopped, and where summary.json is, all is there.
  const files = {
    "issues.csv": csv,
    "index.html": galleryPage({
      title: report.dataset.name,
      summary: words(report),
      items,
      csv,
    }),
    "summary.json": jsonText(issueSummary(report)),
  };
  const staging = stagingFolder(out);
  try {
    await writeFolder(staging, files);
    for (const name of ["summary.json", "index.html"])
      await rm(join(out, name), { recursive: true, force: true });
    for (const name of Object.keys(files))
      await rename(join(staging, name), join(out, name));
  } catch (error) {
    // Of the staging folder nobody has heard.
    throw storageError(
      out,
      error instanceof StorageError ? error.cause : error,
    );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function issuesCsv({ dataset, ranking, quality }: IssueReport): string {
  const { classNames, train } = dataset;
  const name = (label: number) => classNames[label]!;
  // True labels are only worth a column where they are known to be others than the given ones.
  const truth = quality !== null;
  return writeCsv(
    [
      ...["rank", "index", "path", "given", "suggested"],
      ...["self_confidence", "suggested_confidence", "candidate"],
      ...(truth ? ["true"] : []),
    ],
    ranking.suspects.map((suspect, i) => [
      ...[i + 1, suspect.image, train.paths?.[suspect.image] ?? ""],
      ...[name(suspect.given), name(suspect.suggested)],
      ...[suspect.selfConfidence, suspect.suggestedConfidence],
      suspect.candidate ? 1 : 0,
      ...(truth ? [name(train.labels[suspect.image]!)] : []),
    ]),
  );
}

/** Longer side of a photograph in the gallery, in pixels. */
const thumbnailSize = 192;

async function galleryItems({
  dataset,
  settings,
  ranking,
  gallery,
}: IssueReport): Promise<GalleryItem[]> {
  const shown = ranking.suspects
    .map((suspect, i) => ({ ...suspect, rank: i + 1 }))
    .filter(({ candidate }) => candidate)
    .slice(0, gallery);
  const thumbnails = await thumbnailsOf(shown, dataset, settings.data);
  return shown.map((suspect, i) => ({
    rank: suspect.rank,
    name: dataset.train.paths?.[suspect.image] ?? `image ${suspect.image}`,
    given: dataset.classNames[suspect.given]!,
    suggested: dataset.classNames[suspect.suggested]!,
    selfConfidence: suspect.selfConfidence,
    suggestedConfidence: suspect.suggestedConfidence,
    thumbnail: thumbnails[i]!,
  }));
}

/** The files themselves where there are any, larger than what the networks saw; else the pixels. */
async function thumbnailsOf(
  suspects: readonly Suspect[],
  { train, imageSize }: Dataset,
  data: string,
): Promise<string[]> {
  const thumbnails: string[] = [];
  if (suspects.length === 0) return thumbnails;
  const { thumbnailOfFile, thumbnailOfPixels } =
    await import("../data/node-decode.js");
  if (!train.paths) {
    const bytes = 3 * imageSize ** 2;
    for (const { image } of suspects) {
      const pixels = train.images.subarray(image * bytes, (image + 1) * bytes);
      thumbnails.push(await thumbnailOfPixels(pixels, imageSize));
    }
    return thumbnails;
  }
  const files = await openImages(data);
  try {
    const entries = new Map(files.entries.map((entry) => [entry.path, entry]));
    for (const { image } of suspects) {
      const path = train.paths[image]!;
      const entry = entries.get(path);
      if (!entry) throw new UserError(`${data}: ${path} is no longer there`);
      thumbnails.push(
        await thumbnailOfFile(await entry.bytes(), thumbnailSize),
      );
    }
  } finally {
    await files.close();
  }
  return thumbnails;
}

/** Below this the candidates are mostly the networks' own mistakes. */
const weakAgreement = 0.5;

/** What was done and found, in sentences. */
export function words(report: IssueReport): string[] {
  const { ranking, settings, folds, repeats, agreement, quality } = report;
  const { suspects } = ranking;
  const candidates = suspects.filter(({ candidate }) => candidate).length;
  const share = (value: number) => `${(100 * value).toFixed(1)} %`;
  return [
    `${suspects.length.toLocaleString("en-US")} labels were judged by ${settings.model} networks that had not seen them: ${folds} folds` +
      `${repeats > 1 ? `, ${repeats} times` : ""}, ${settings.epochs} epochs each. The networks agree with ${share(agreement)} of the labels; ` +
      `${candidates.toLocaleString("en-US")} look wrong with confidence.`,
    ...(agreement < weakAgreement
      ? [
          "These networks are weak judges of these images: go by the order, not by the number of suspects, and try more --epochs, a " +
            "larger --model or several --repeats.",
        ]
      : []),
    ...(quality
      ? [
          `${quality.planted.toLocaleString("en-US")} labels are known to be wrong (${share(quality.baseRate)}). Of the first ${quality.planted.toLocaleString("en-US")} suspects ` +
            `${share(quality.precisionAtPlanted)} are; average precision ${share(quality.averagePrecision)}; of the candidates ${share(quality.candidates.precision)} are wrong, ` +
            `and they hold ${share(quality.candidates.recall)} of all wrong labels.`,
        ]
      : []),
  ];
}

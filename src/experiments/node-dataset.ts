/** From a run's settings to its data: the set itself, the labels that a file gives, the poison. Node and Deno only. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { limitSplit } from "../data/limits.js";
import { loadDataset, type LoadOptions } from "../data/node-load.js";
import type { Dataset } from "../data/types.js";
import { parseLabels } from "./labels-file.js";
import { readFileOrRefuse } from "./node-files.js";
import {
  confusionNoise,
  type NoiseMatrix,
  parseNoiseMatrix,
} from "./noise-matrix.js";
import { matrixSource, poison, type PoisonResult } from "./poison.js";
import { hashedParts } from "./run-files.js";
import type { DataSettings, TrainSettings } from "./settings.js";
import { parseConfusion } from "./tables.js";

/** How loading goes on and where from; nothing that changes what is loaded. */
export type LoadCallbacks = Pick<
  LoadOptions,
  "mirror" | "onProgress" | "onFolder"
>;

/**
 * Loads the data that settings describe. Where a labels file is named, `train.given` holds its labels.
 * @throws UserError for what is missing, damaged or does not fit
 */
export async function loadForSettings(
  settings: DataSettings,
  callbacks: LoadCallbacks = {},
): Promise<Dataset> {
  const { data, labels, trainLimit, ...rest } = settings;
  const options = { ...pickLoadOptions(rest), ...callbacks };
  if (labels === undefined)
    return loadDataset(data, { ...options, trainLimit });
  const dataset = await loadDataset(data, options);
  const { train, classNames } = dataset;
  const limit = trainLimit ?? train.count;
  // The file is about the whole training set or, as an earlier run's labels.npy, about what the limit leaves of it.
  const counts = [...new Set([train.count, limit])];
  const given = parseLabels(
    await readFileOrRefuse(labels),
    labels,
    counts,
    classNames.length,
  );
  const whole = given.length === train.count;
  const limited = limitSplit(
    whole ? { ...train, given } : train,
    classNames.length,
    limit,
    "--train-limit",
  );
  return { ...dataset, train: whole ? limited : { ...limited, given } };
}

function pickLoadOptions({
  coarse,
  testLimit,
  dataSplit,
  splitSeed,
  valFraction,
  imageSize,
}: Omit<DataSettings, "data">): LoadOptions {
  return { coarse, testLimit, dataSplit, splitSeed, valFraction, imageSize };
}

/** Poisons and reduces a loaded training set as the settings say; reads the matrix that the noise is drawn from. */
export async function poisonForSettings(
  { train, classNames }: Dataset,
  {
    noise,
    noiseKind,
    keep,
    seed,
  }: Pick<TrainSettings, "noise" | "noiseKind" | "keep" | "seed">,
): Promise<PoisonResult> {
  return poison(train.labels, classNames.length, {
    noise,
    kind: noiseKind,
    keep,
    seed,
    matrix: await readNoiseMatrix(noiseKind, classNames),
    given: train.given,
  });
}

/** The matrix of `matrix:FILE` and `confusion:RUN`; undefined for the other kinds. Throws UserError. */
export async function readNoiseMatrix(
  kind: TrainSettings["noiseKind"],
  classNames: readonly string[],
): Promise<NoiseMatrix | undefined> {
  const [prefix, source] = matrixSource(kind) ?? [];
  if (source === undefined) return undefined;
  if (prefix === "matrix:")
    return parseNoiseMatrix(
      await readFileOrRefuse(source),
      source,
      classNames.length,
    );
  const path = join(source, "confusion.csv");
  const text = new TextDecoder().decode(await readFileOrRefuse(path));
  return confusionNoise(parseConfusion(text, path), classNames, path);
}

const fingerprints = new WeakMap<Dataset, string>();

/** SHA-256 in hex of a data set's images and true labels. A sweep asks for the same data set again and again. */
export function datasetSha256(dataset: Dataset): string {
  let fingerprint = fingerprints.get(dataset);
  if (fingerprint === undefined) {
    fingerprint = sha256Of(...hashedParts(dataset));
    fingerprints.set(dataset, fingerprint);
  }
  return fingerprint;
}

/** SHA-256 in hex of bytes one after another. */
export function sha256Of(...parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

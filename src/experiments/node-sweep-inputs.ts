/** What a sweep needs besides its folder, looked at before it trains: files that it names, and the data. Node and Deno only. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../data/types.js";
import { writeNpy } from "../data/npy.js";
import { UserError } from "../errors.js";
import { describeModel } from "../models/describe.js";
import { buildModel } from "../models/registry.js";
import { isObject, parseObject } from "./json.js";
import {
  datasetSha256,
  poisonForSettings,
  readNoiseMatrix,
  sha256Of,
} from "./node-dataset.js";
import { readFileOrRefuse, readText } from "./node-files.js";
import { pathsOf } from "./node-run-folder.js";
import { failureFile } from "./node-sweep-folder.js";
import { matrixSource } from "./poison.js";
import type { SweepJob } from "./sweep.js";
import { decodeWeights } from "./weights.js";

/**
 * Reads the files that jobs name, so that a missing one is told once, before anything is trained.
 *
 * @throws UserError for a noise matrix or initial weights that are missing or do not fit
 */
export async function requireInputs(
  jobs: readonly SweepJob[],
  { classNames }: Dataset,
): Promise<void> {
  const looked = new Set<string>();
  for (const { settings } of jobs) {
    const { noiseKind, init, model, width, stem, imageSize } = settings;
    if (!looked.has(noiseKind)) await readNoiseMatrix(noiseKind, classNames);
    looked.add(noiseKind);
    const network = JSON.stringify([init, model, width, stem, imageSize]);
    if (init !== undefined && !looked.has(network)) {
      const { specs } = describeModel(
        buildModel(model, classNames.length, settings),
      );
      decodeWeights(await readFileOrRefuse(init), init, specs);
    }
    looked.add(network);
  }
}

/**
 * Refuses to go on with runs that were trained on other data than there is now: the sweep would compare what cannot be
 * compared. Runs that failed, or have no checkpoint yet, begin anew anyway.
 *
 * @throws UserError naming the runs and the way on
 */
export async function requireSameInputs(
  out: string,
  jobs: readonly SweepJob[],
  dataset: Dataset,
): Promise<void> {
  const others: string[] = [];
  const changed = new Set<string>();
  for (const job of jobs) {
    const folder = join(out, job.folder);
    const { summary, last, config } = pathsOf(folder);
    if (existsSync(join(folder, failureFile))) continue;
    if (!existsSync(summary) && !existsSync(last)) continue;
    const text = await readText(config);
    if (text === null) continue;
    const what = await differenceOf(folder, text, job, dataset);
    if (what === undefined) continue;
    changed.add(what);
    others.push(folder);
  }
  if (others.length === 0) return;
  const shown = others.slice(0, 3).join(", ");
  const more = others.length > 3 ? ` and ${others.length - 3} more` : "";
  throw new UserError(
    `${out}: ${[...changed].join(", and ")} changed since ${shown}${more} ${others.length === 1 ? "was" : "were"} trained; ` +
      "put back what was there, name another folder with --out, or remove these runs to train them again",
  );
}

/** What has changed since a run was trained; undefined where nothing has, or its config.json does not tell. */
async function differenceOf(
  folder: string,
  configText: string,
  { settings }: SweepJob,
  dataset: Dataset,
): Promise<string | undefined> {
  const path = pathsOf(folder).config;
  const config = parseObject(configText, path);
  const { dataSha256, initSha256 } = isObject(config) ? config : {};
  const { data, init, noise, noiseKind } = settings;
  if (typeof dataSha256 === "string" && dataSha256 !== datasetSha256(dataset))
    return `images or labels of ${data} have`;
  if (init !== undefined && typeof initSha256 === "string")
    if (sha256Of(await readFileOrRefuse(init)) !== initSha256)
      return `the weights in ${init} have`;
  if (noise === 0 || !matrixSource(noiseKind)) return undefined;
  // The labels are what a matrix comes to.
  const { given } = await poisonForSettings(dataset, settings);
  const labels = await readFileOrRefuse(pathsOf(folder).labels);
  return Buffer.compare(labels, writeNpy(given)) === 0
    ? undefined
    : `the matrix of ${noiseKind} has`;
}

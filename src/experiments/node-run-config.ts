/** What a run folder's config.json says about the network and the data of the run. Node and Deno only. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Normalisation } from "../data/normalisation.js";
import { UserError } from "../errors.js";
import type { ModelOptions } from "../models/options.js";
import { isObject } from "./json.js";
import type { DataSettings } from "./settings.js";

export interface RunConfig
  extends ModelOptions, Partial<Omit<DataSettings, "data">> {
  readonly model: string;
  readonly data: string;
  /** Class names. */
  readonly classes: readonly string[];
  /** What the images were scaled by. */
  readonly normalisation?: Normalisation | undefined;
}

/** A run's weights: after its last epoch, or of its best evaluation. */
export const checkpointNames = ["last", "best"] as const;

export type CheckpointName = (typeof checkpointNames)[number];

/** Where a run keeps its weights. */
export function checkpointPath(folder: string, name: CheckpointName): string {
  return join(folder, "checkpoints", `${name}.safetensors`);
}

/** Reads a run folder's config.json. Throws UserError where there is none or it is damaged. */
export async function readRunConfig(folder: string): Promise<RunConfig> {
  const path = join(folder, "config.json");
  const text = await readFile(path, "utf8").catch(() => {
    throw new UserError(
      `${folder}: is no run folder (it has no readable config.json)`,
    );
  });
  let config: Partial<RunConfig> | null;
  try {
    config = JSON.parse(text) as Partial<RunConfig> | null;
  } catch {
    throw new UserError(`${path}: is damaged (no JSON)`);
  }
  const { model, data, classes } = config ?? {};
  if (typeof model !== "string" || typeof data !== "string")
    throw new UserError(`${path}: names no model or no data`);
  if (!Array.isArray(classes) || classes.length === 0)
    throw new UserError(`${path}: names no classes`);
  return {
    ...config,
    model,
    data,
    classes,
    normalisation: parseNormalisation(config?.normalisation, path),
  };
}

/** What a run scaled its images by; undefined where its config.json does not say. @throws UserError where it is damaged */
function parseNormalisation(
  value: unknown,
  path: string,
): Normalisation | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value))
    throw new UserError(
      `${path}: normalisation is no object with mean and std`,
    );
  const threeOf = (
    member: keyof Normalisation,
    suits: (number: number) => boolean,
    words: string,
  ): Normalisation[typeof member] => {
    const list = value[member];
    const whole =
      Array.isArray(list) &&
      list.length === 3 &&
      list.every((item) => typeof item === "number" && suits(item));
    if (whole) return list as Normalisation[typeof member];
    throw new UserError(`${path}: normalisation.${member} is no list of ${words}`); // prettier-ignore
  };
  // As the GPU has them: it multiplies by 1/std in f32.
  const finite = (number: number) => Number.isFinite(Math.fround(number));
  return {
    mean: threeOf("mean", finite, "three numbers"),
    std: threeOf(
      "std",
      (number) => number > 0 && finite(number) && finite(1 / number),
      "three numbers above 0",
    ),
  };
}

/** The page's parameters: `data, model, levels, arms, epochs, seed, trainLimit, autostart=1`. */
import { modelNames } from "../../src/models/registry.js";
import type { StudyRequest } from "./protocol.js";

export const defaultRequest: StudyRequest = {
  data: "sample",
  models: ["lenet"],
  levels: [0, 0.2, 0.4, 0.6],
  arms: ["noise", "reduction"],
  epochs: 8,
  seed: 0,
};

export interface Parameters {
  readonly request: StudyRequest;
  readonly autostart: boolean;
  /** Whether the address says which data to study. */
  readonly namesData: boolean;
  /** What could not be read, in words; the default is used instead. */
  readonly complaints: readonly string[];
}

/** A share between 0 and 1, in at most four digits: 0.4, not 0.4000001. */
export function parseLevels(text: string): number[] | string {
  const levels = text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
    .map(Number);
  if (levels.length === 0) return "name at least one level, such as 0, 0.2";
  const wrong = levels.find((level) => !(level >= 0 && level < 1));
  if (wrong !== undefined) return "levels are shares from 0 to below 1";
  return [...new Set(levels)].sort((a, b) => a - b);
}

export function parseParameters(query: string): Parameters {
  const given = new URLSearchParams(query);
  const complaints: string[] = [];
  const complain = (name: string, why: string) => {
    complaints.push(`${name}=${given.get(name) ?? ""}: ${why}`);
  };
  const whole = (name: string, otherwise: number, min: number): number => {
    const text = given.get(name);
    if (text === null) return otherwise;
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= min) return value;
    complain(name, `expected a whole number of at least ${min}`);
    return otherwise;
  };
  const words = <T extends string>(
    name: string,
    known: readonly T[],
    otherwise: readonly T[],
  ): readonly T[] => {
    const text = given.get(name);
    if (text === null) return otherwise;
    const chosen = text.split(",").map((word) => word.trim());
    const wrong = chosen.find((word) => !known.includes(word as T));
    if (wrong === undefined) return [...new Set(chosen)] as T[];
    complain(name, `expected some of ${known.join(", ")}`);
    return otherwise;
  };
  let levels = defaultRequest.levels;
  const levelText = given.get("levels");
  if (levelText !== null) {
    const parsed = parseLevels(levelText);
    if (typeof parsed === "string") complain("levels", parsed);
    else levels = parsed;
  }
  const data = given.get("data");
  if (data !== null && data !== "sample")
    complain(
      "data",
      "the page can open the sample alone; drop other data on it",
    );
  const trainLimit = whole("trainLimit", 0, 1);
  return {
    request: {
      data: "sample",
      models: words("model", modelNames, defaultRequest.models),
      levels,
      arms: words("arms", ["noise", "reduction"], defaultRequest.arms),
      epochs: whole("epochs", defaultRequest.epochs, 1),
      seed: whole("seed", defaultRequest.seed, 0),
      ...(trainLimit > 0 && { trainLimit }),
    },
    autostart: given.get("autostart") === "1",
    namesData: data !== null,
    complaints,
  };
}

/** The page's parameters: `data, model, levels, arms, epochs, seed, trainLimit, autostart=1`. */
import { sweepArms } from "../../src/experiments/tables.js";
import { modelNames } from "../../src/models/registry.js";
import type { StudyRequest } from "./protocol.js";

export const defaultRequest: StudyRequest = {
  data: "sample",
  models: ["lenet"],
  levels: [0, 0.2, 0.4, 0.6],
  arms: sweepArms,
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

/** A whole number of at least `min`, or what is wrong with the text. */
export function parseWhole(text: string, min: number): number | string {
  const value = Number(text);
  if (!/^\d+$/.test(text.trim()) || value < min)
    return `expected a whole number of at least ${min}`;
  return Number.isSafeInteger(value) ? value : "this number is too large";
}

/** A decimal number, as people write one: no 0x10, no 1e-7. */
const decimal = /^(\d+(\.\d*)?|\.\d+)$/;

/**
 * Levels as shares (of 1) or percentages (of 100), sorted, each once; or what is wrong with the text. Finer steps than a
 * hundredth of a percent are refused: no title tells them apart.
 */
export function parseLevels(text: string, of: 1 | 100 = 1): number[] | string {
  const percent = of === 100;
  const parts = text
    .split(",")
    .map((part) => (percent ? part.replace("%", "") : part).trim())
    .filter(Boolean);
  if (parts.length === 0)
    return `expected at least one level, such as ${percent ? "0, 20" : "0, 0.2"}`;
  if (!parts.every((part) => decimal.test(part) && Number(part) < of))
    return `expected ${percent ? "percentages" : "shares"} from 0 to below ${of}`;
  const digits = percent ? 2 : 4;
  if (
    parts.some((part) => Number(part) !== Number(Number(part).toFixed(digits)))
  )
    // prettier-ignore
    return `expected at most ${digits} digits after the point`;
  // Without the noise of binary fractions: 7 % is 0.07, not 0.07000000000000001.
  const levels = parts.map((part) => Number((Number(part) / of).toFixed(4)));
  return [...new Set(levels)].sort((a, b) => a - b);
}

/** Whether two requests ask for the same study: the order of models, levels and arms within them changes nothing. */
export function sameStudy(a: StudyRequest, b: StudyRequest): boolean {
  const key = ({
    data,
    models,
    levels,
    arms,
    epochs,
    seed,
    trainLimit,
  }: StudyRequest) =>
    // prettier-ignore
    JSON.stringify([
      data,
      models.toSorted(),
      levels.filter((level) => level > 0).toSorted(),
      arms.toSorted(),
      epochs,
      seed,
      trainLimit ?? null,
    ]);
  return key(a) === key(b);
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
    const value = parseWhole(text, min);
    if (typeof value === "number") return value;
    complain(name, value);
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
      arms: words("arms", sweepArms, defaultRequest.arms),
      epochs: whole("epochs", defaultRequest.epochs, 1),
      seed: whole("seed", defaultRequest.seed, 0),
      ...(trainLimit > 0 && { trainLimit }),
    },
    autostart: given.get("autostart") === "1",
    namesData: data !== null,
    complaints,
  };
}

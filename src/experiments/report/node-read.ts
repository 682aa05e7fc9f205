/** Reads what a report is made from: a sweep folder or the folder of a single run. Node and Deno only. */
import { readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../errors.js";
import type { ClaimResult } from "../claims.js";
import {
  parseExchange,
  parseImpact,
  parseSensitivity,
} from "../measure-tables.js";
import type { Concordance } from "../measures.js";
import { parseResults, type ResultRow } from "../tables.js";
import {
  type Measures,
  noMeasures,
  parseJson,
  parseObject,
  parseRun,
  parseSummary,
  parseSweep,
  RUN_FILES,
  type RunData,
  type RunTexts,
  rowOfRun,
  type StudyData,
} from "./study.js";

/** The text of a file, or null where there is none. */
async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}

async function readTexts(folder: string): Promise<RunTexts> {
  const texts: RunTexts = {};
  for (const name of RUN_FILES) {
    const text = await readText(join(folder, name));
    if (text !== null) texts[name] = text;
  }
  return texts;
}

async function readRun(sweepDir: string, row: ResultRow): Promise<RunData> {
  // A row without a folder is a job that left none.
  if (row.run === "") return parseRun(row, {}, sweepDir);
  const folder = join(sweepDir, row.run);
  return parseRun(row, await readTexts(folder), folder);
}

async function readMeasures(folder: string): Promise<Measures> {
  const read = async <T>(
    file: string,
    parse: (text: string, name: string) => T,
    otherwise: T,
  ): Promise<T> => {
    const path = join(folder, file);
    const text = await readText(path);
    return text === null ? otherwise : parse(text, path);
  };
  return {
    impact: await read("impact.csv", parseImpact, noMeasures.impact),
    exchange: await read("exchange.csv", parseExchange, noMeasures.exchange),
    sensitivity: await read("sensitivity.csv", parseSensitivity, noMeasures.sensitivity), // prettier-ignore
    concordance: await read(
      "concordance.json",
      (text, name) => parseObject(text, name) as unknown as Concordance,
      noMeasures.concordance,
    ),
    claims: await read(
      "claims.json",
      (text, name) => {
        const claims = parseJson(text, name);
        if (!Array.isArray(claims))
          throw new UserError(`${name}: holds no list of claims`);
        return claims as ClaimResult[];
      },
      noMeasures.claims,
    ),
  };
}

async function readSweep(
  folder: string,
  resultsText: string,
): Promise<StudyData> {
  const sweepFile = join(folder, "sweep.json");
  const sweepText = await readText(sweepFile);
  const sweep = sweepText === null ? null : parseSweep(sweepText, sweepFile);
  const rows = parseResults(resultsText, join(folder, "results.csv"));
  return {
    kind: "sweep",
    name: sweep?.name ?? basename(resolve(folder)),
    createdWith: sweep?.createdWith ?? null,
    runs: await Promise.all(rows.map((row) => readRun(folder, row))),
    jobs: sweep?.jobs ?? [],
    measures: await readMeasures(folder),
  };
}

async function readSingleRun(
  folder: string,
  configText: string,
): Promise<StudyData> {
  const config = parseObject(configText, join(folder, "config.json"));
  const texts = await readTexts(folder);
  const summaryText = texts["summary.json"];
  const summary = summaryText === undefined ? null : parseSummary(summaryText, join(folder, "summary.json")); // prettier-ignore
  const version = config.version;
  return {
    kind: "run",
    name: basename(resolve(folder)),
    createdWith: typeof version === "string" ? `tarnish ${version}` : null,
    runs: [parseRun(rowOfRun(config, summary), texts, folder)],
    jobs: [],
    measures: noMeasures,
  };
}

/**
 * Reads a sweep folder (its tables as they stand) or a run folder.
 * @throws UserError where the folder is neither, and naming the file where one is damaged
 */
export async function readStudy(folder: string): Promise<StudyData> {
  const results = await readText(join(folder, "results.csv"));
  if (results !== null) return readSweep(folder, results);
  const config = await readText(join(folder, "config.json"));
  if (config !== null) return readSingleRun(folder, config);
  throw new UserError(
    `${folder}: neither a sweep folder (no results.csv) nor a run folder (no config.json); make one with: tarnish sweep, or tarnish train`,
  );
}

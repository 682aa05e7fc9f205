/** Reads what a report is made from: a sweep folder or the folder of a single run. Node and Deno only. */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../errors.js";
import { parseObject } from "../json.js";
import { readText } from "../node-files.js";
import { pathsOf } from "../node-run-folder.js";
import { readFailure, readSweep } from "../node-sweep-folder.js";
import { readTables, type SweepTables } from "../node-tables.js";
import { parsePoison, parseSummary } from "../run-reading.js";
import type { ResultRow } from "../tables.js";
import {
  noMeasures,
  parseRun,
  RUN_FILES,
  type RunData,
  type RunTexts,
  rowOfRun,
  type StudyData,
} from "./study.js";

async function readTexts(folder: string): Promise<RunTexts> {
  const texts: RunTexts = {};
  for (const name of RUN_FILES) {
    const text = await readText(join(folder, name));
    if (text !== null) texts[name] = text;
  }
  return texts;
}

/** A row with its files. Those of a run that did not end are not looked at: it is trained again anyway. */
async function readRun(sweepDir: string, row: ResultRow): Promise<RunData> {
  const folder = join(sweepDir, row.run);
  const texts = await readTexts(folder);
  const ended = texts["summary.json"] !== undefined;
  const failure = ended ? null : await readFailure(folder);
  try {
    const run = parseRun(row, ended ? texts : {}, folder);
    return { ...run, error: failure?.error ?? null };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${error.message}; remove ${folder} and continue the sweep to train it again`,
    );
  }
}

/** How far a run got, as its folder tells: results.csv has no word for one that was stopped, nor for a damaged one. */
function standing(
  { status, run }: ResultRow,
  folder: string,
  damaged: boolean,
): string {
  if (damaged) return "damaged";
  if (status !== "pending") return status;
  const { config, last } = pathsOf(join(folder, run));
  if (existsSync(last)) return "stopped";
  return existsSync(config) ? "begun" : status;
}

/** A sweep from its tables and its run folders; what is in no measure is in no figure. */
async function readSweepStudy(
  folder: string,
  tables: SweepTables,
): Promise<StudyData> {
  const sweep = await readSweep(folder);
  const runs: RunData[] = [];
  for (const row of tables.results) {
    if (tables.leftOut.includes(row.run)) continue;
    const damaged = tables.damaged.includes(join(folder, row.run));
    const status = standing(row, folder, damaged);
    runs.push(await readRun(folder, { ...row, status }));
  }
  const { impact, exchange, sensitivity, concordance, claims } = tables;
  return {
    kind: "sweep",
    name: sweep?.name ?? basename(resolve(folder)),
    createdWith: sweep?.createdWith ?? null,
    runs,
    measures: { impact, exchange, sensitivity, concordance, claims },
    problems: [
      ...(sweep ? [] : ["sweep.json is missing: runs that were planned and never started are unknown"]), // prettier-ignore
      ...tables.problems,
    ],
  };
}

async function readRunStudy(folder: string): Promise<StudyData> {
  const texts = await readTexts(folder);
  const path = join(folder, "config.json");
  const config = parseObject(texts["config.json"] ?? "", path);
  const summaryText = texts["summary.json"];
  const summary = summaryText === undefined ? null : parseSummary(summaryText, join(folder, "summary.json")); // prettier-ignore
  const poisonText = texts["poison.json"];
  const poison = poisonText === undefined ? null : parsePoison(poisonText, join(folder, "poison.json")); // prettier-ignore
  const row = rowOfRun(config, summary, poison, path);
  const { version } = config;
  return {
    kind: "run",
    name: basename(resolve(folder)),
    createdWith: typeof version === "string" ? `tarnish ${version}` : null,
    runs: [parseRun(row, texts, folder)],
    measures: noMeasures,
    problems: [],
  };
}

/**
 * What a report of a folder is about.
 * @throws UserError where the folder is neither
 */
export async function studyKind(folder: string): Promise<"run" | "sweep"> {
  const has = async (name: string) =>
    (await readText(join(folder, name))) !== null;
  if (await has("config.json")) return "run";
  if ((await has("sweep.json")) || (await has("results.csv"))) return "sweep";
  throw new UserError(
    `${folder}: neither a sweep folder (no sweep.json, no results.csv) nor a run folder (no config.json); make one with: tarnish sweep, or tarnish train`,
  );
}

/**
 * Reads a sweep folder or a run folder; a run that did not end has what it left behind.
 * @param tables the sweep's tables: by default made from the run folders, without writing them
 * @throws UserError where the folder is neither, and naming the file where one is damaged
 */
export async function readStudy(
  folder: string,
  tables?: SweepTables,
): Promise<StudyData> {
  return (await studyKind(folder)) === "run"
    ? readRunStudy(folder)
    : readSweepStudy(folder, tables ?? (await readTables(folder)));
}

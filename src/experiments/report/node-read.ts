/** The report on disk: reads a sweep folder, writes report/index.html and report/figures. Node and Deno only. */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { parseHTML } from "linkedom";
import { UserError } from "../../errors.js";
import { parseResults, type ResultRow } from "../tables.js";
import { standaloneSvg } from "./figure.js";
import { buildFigures, renderPage } from "./page.js";
import { resolveLight } from "./palette.js";
import {
  type JobState,
  parseObject,
  parseRun,
  parseSweep,
  rowOfJob,
  RUN_FILES,
  type RunTexts,
  type StudyData,
} from "./study.js";

/** A document to draw on outside a browser. */
export function headlessDocument(): Document {
  return parseHTML("<!doctype html><html><body></body></html>").document;
}

/** The text of a file, or null where there is none. */
async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (
      error instanceof Error &&
      "code" in error &&
      (error.code === "ENOENT" || error.code === "ENOTDIR")
    )
      return null;
    throw error;
  }
}

async function readRun(sweepDir: string, row: ResultRow) {
  const texts: RunTexts = {};
  for (const name of RUN_FILES) {
    const text =
      row.run === "" ? null : await readText(join(sweepDir, row.run, name));
    if (text !== null) texts[name] = text;
  }
  return parseRun(row, texts);
}

/** Folder of a job: its id, with the start of its hash where the id does not end with it already. */
function jobFolder(job: JobState): string {
  const short = job.hash.slice(0, 8);
  return `runs/${short === "" || job.id.endsWith(short) ? job.id : `${job.id}-${short}`}`;
}

/**
 * Reads a sweep folder. Runs, files and rows that are missing or damaged become words in the result.
 * @throws UserError where the folder holds neither sweep.json nor results.csv
 */
export async function readStudy(sweepDir: string): Promise<StudyData> {
  const [sweepText, resultsText] = await Promise.all([
    readText(join(sweepDir, "sweep.json")),
    readText(join(sweepDir, "results.csv")),
  ]);
  if (sweepText === null && resultsText === null) {
    throw new UserError(
      `${sweepDir}: no sweep folder (neither sweep.json nor results.csv); make one with: tarnish sweep`,
    );
  }
  const problems: string[] = [];
  const attempt = <T>(
    text: string | null,
    missing: string,
    parse: (text: string) => T,
  ): T | null => {
    if (text === null) {
      problems.push(missing);
      return null;
    }
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(error.message);
      return null;
    }
  };
  const sweep = attempt(sweepText, "sweep.json is missing: runs that were planned and never started are unknown", parseSweep); // prettier-ignore
  const rows = attempt(resultsText, "results.csv is missing: the table is made from the runs' summaries", parseResults) ?? []; // prettier-ignore
  const known = new Map(rows.map((row) => [basename(row.run), row]));
  for (const job of sweep?.jobs ?? []) {
    const run = jobFolder(job);
    const row = known.get(basename(run)) ?? known.get(job.id);
    if (row) continue;
    const summaryText = await readText(join(sweepDir, run, "summary.json"));
    const summary = summaryText === null ? null : attempt(summaryText, "", (text) => parseObject(text, `${run}/summary.json`)); // prettier-ignore
    rows.push(rowOfJob(job, run, summary));
  }
  const runs = await Promise.all(rows.map((row) => readRun(sweepDir, row)));
  for (const job of sweep?.jobs ?? []) {
    const folder = basename(jobFolder(job));
    const run = runs.find(
      ({ row }) => basename(row.run) === folder || basename(row.run) === job.id,
    );
    if (job.error !== null) run?.problems.push(job.error);
  }
  return {
    name: sweep?.name ?? basename(resolve(sweepDir)),
    createdWith: sweep?.createdWith ?? null,
    runs,
    problems,
  };
}

/** Paths of a written report. */
export interface WrittenReport {
  page: string;
  figures: string[];
}

/**
 * Writes report/index.html, and each chart as .svg (light colours, no variables) and each figure's data as .csv under
 * report/figures. An earlier report is replaced as a whole.
 */
export async function writeReport(sweepDir: string): Promise<WrittenReport> {
  const study = await readStudy(sweepDir);
  const models = buildFigures(study, headlessDocument());
  const report = join(sweepDir, "report");
  const folder = join(report, "figures");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const figures: string[] = [];
  const write = async (name: string, text: string): Promise<void> => {
    figures.push(join(folder, name));
    await writeFile(join(folder, name), text);
  };
  for (const figure of models.flatMap((model) => model.figures)) {
    await write(`${figure.id}.csv`, figure.csv);
    for (const panel of figure.panels) {
      for (const chart of panel.charts) {
        const name = [figure.id, panel.id, chart.id]
          .filter((part) => part !== "")
          .join("-");
        await write(`${name}.svg`, resolveLight(standaloneSvg(chart.svg)));
      }
    }
  }
  const page = join(report, "index.html");
  await writeFile(`${page}.tmp`, renderPage(study, models));
  await rename(`${page}.tmp`, page);
  return { page, figures };
}

/** The tables of a sweep folder, made again from its run folders alone. Node and Deno only. */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { UserError } from "../errors.js";
import { readText, writeFolder } from "./node-files.js";
import { readFailure, readSweep } from "./node-sweep-folder.js";
import { type FinishedRun, parseFinishedRun } from "./run-reading.js";
import { jobFolder, parseRunName, type RunName } from "./sweep.js";
import {
  measureStudy,
  type StudyMeasures,
  tableFiles,
} from "./sweep-tables.js";
import type { ResultRow } from "./tables.js";

/** Who writes tables and a report holds this lock of their folder. */
export const tablesLock = "tarnish-tables.lock";

/** Everything that the tables of a sweep say. */
export interface SweepTables extends StudyMeasures {
  readonly results: readonly ResultRow[];
  /** Run folders that could not be used, in words. */
  readonly problems: readonly string[];
  /** Folders of runs that ended and are damaged: they have to be trained again. */
  readonly damaged: readonly string[];
  /** Runs that are done and cannot be compared with the others, by `run` of their row: they are in no measure. */
  readonly leftOut: readonly string[];
}

/**
 * Writes results.csv, impact.csv, exchange.csv, sensitivity.csv, concordance.json and claims.json from the run folders.
 * sweep.json, where there is one, gives the order of the rows and the runs that never started.
 *
 * @throws UserError where the folder is no sweep folder
 */
export async function rebuildTables(sweepFolder: string): Promise<SweepTables> {
  const tables = await readTables(sweepFolder);
  await writeFolder(sweepFolder, tableFiles(tables.results, tables));
  return tables;
}

/** The tables as `rebuildTables` writes them. Writes nothing. */
export async function readTables(sweepFolder: string): Promise<SweepTables> {
  const { results, finished, problems, damaged } = await readRuns(sweepFolder);
  const others = incomparable(finished);
  const runs = [...finished].filter(([run]) => !others.has(run));
  return {
    results,
    ...measureStudy(runs.map(([, files]) => files)),
    problems: [...problems, ...others.values()],
    damaged,
    leftOut: [...others.keys()],
  };
}

/** Every run that sweep.json or runs/ knows, in order, and those that are done by their folder. */
async function readRuns(sweepFolder: string): Promise<{
  results: ResultRow[];
  finished: Map<string, FinishedRun>;
  problems: string[];
  damaged: string[];
}> {
  const sweep = await readSweep(sweepFolder);
  const found = await runFolders(sweepFolder);
  if (!sweep && found === null)
    throw new UserError(
      `${sweepFolder}: no sweep folder (neither sweep.json nor runs/); make one with: tarnish sweep`,
    );
  const problems: string[] = [];
  const damaged: string[] = [];
  const planned = (sweep?.jobs ?? []).map((job) => ({
    name: basename(jobFolder(job)),
    state: job.state === "done" ? "pending" : job.state,
  }));
  const names = new Set(planned.map(({ name }) => name));
  const others = (found ?? [])
    .filter((name) => !names.has(name))
    .map((name) => ({ name, state: "pending" as const }));
  const results: ResultRow[] = [];
  /** By `run` of their row. */
  const finished = new Map<string, FinishedRun>();
  const seen = new Set<string>();
  for (const { name, state } of [...planned, ...others]) {
    const run = parseRunName(name);
    const key = run && Object.values(run).join("|");
    if (!run || !key || seen.has(key)) {
      problems.push(
        run
          ? `runs/${name} is a second run of its kind with other settings; left out`
          : `runs/${name} is no run of a sweep by its name; left out`,
      );
      continue;
    }
    seen.add(key);
    const folder = join(sweepFolder, "runs", name);
    const done = await readRun(folder, run);
    if (typeof done === "string") {
      damaged.push(folder);
      problems.push(
        `runs/${name}${done}; left out. Remove ${folder} and continue the sweep to train it again`,
      );
    } else if (done) finished.set(`runs/${name}`, done);
    const ended = typeof done === "string" ? null : done;
    const status = ended
      ? "done"
      : ((await readFailure(folder))?.state ?? state);
    const { model, arm, level, seed } = run;
    const nothing = {
      top1Last: null,
      top1Best: null,
      top5Last: null,
      lossLast: null,
    };
    results.push({
      model,
      arm,
      level,
      seed,
      ...(ended?.result ?? nothing),
      status,
      run: `runs/${name}`,
    });
  }
  return { results, finished, problems, damaged };
}

/** Names in runs/, sorted by what they are; null where there is no such folder. */
async function runFolders(sweepFolder: string): Promise<string[] | null> {
  try {
    const entries = await readdir(join(sweepFolder, "runs"), {
      withFileTypes: true,
    });
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    if (code === "ENOTDIR")
      throw new UserError(`${join(sweepFolder, "runs")}: is no folder`);
    throw error;
  }
}

/** A run that ended; null where it did not; what is wrong where it is damaged, to be read after its name. */
async function readRun(
  folder: string,
  run: RunName,
): Promise<FinishedRun | string | null> {
  try {
    const names = ["summary.json", "config.json", "per_class.csv", "poison.json"] as const; // prettier-ignore
    const texts: Partial<Record<(typeof names)[number], string>> = {};
    const missing: string[] = [];
    for (const file of names) {
      const text = await readText(join(folder, file));
      if (text === null) missing.push(file);
      else texts[file] = text;
    }
    if (missing.includes("summary.json")) return null;
    if (missing.length > 0) return ` has no ${missing.join(", ")}`;
    const logits = await readFile(
      join(folder, "test_logits.safetensors"),
    ).catch(() => undefined);
    return parseFinishedRun(run, {
      ...(texts as Record<(typeof names)[number], string>),
      "test_logits.safetensors": logits,
    });
  } catch (error) {
    return `: ${(error as Error).message}`;
  }
}

/** The runs that make no study with the first, on other data, classes or test images, and why, in words. */
function incomparable(
  finished: ReadonlyMap<string, FinishedRun>,
): Map<string, string> {
  const all = [...finished.values()];
  const classes = all[0]?.classes.join("\n");
  const data = all.find((run) => run.dataSha256)?.dataSha256;
  const testLabels = all.find((run) => run.testLabels)?.testLabels;
  const others = new Map<string, string>();
  for (const [name, run] of finished) {
    const same =
      run.classes.join("\n") === classes &&
      (!run.testLabels || sameLabels(run.testLabels, testLabels!));
    if (same && (run.dataSha256 ?? data) === data) continue;
    const { model, arm, level, seed } = run.rates;
    const why = same
      ? "trained on other data than the first run (its config.json has another dataSha256)"
      : "evaluated on other classes or images";
    others.set(
      name,
      `${model} ${arm} ${level}, seed ${seed}: ${why}; left out`,
    );
  }
  return others;
}

function sameLabels(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((label, i) => label === b[i]);
}

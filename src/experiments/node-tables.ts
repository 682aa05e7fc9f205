/** The tables of a sweep folder, made again from its run folders alone. Node and Deno only. */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { UserError } from "../errors.js";
import { claimsJson, testClaims, type ClaimResult } from "./claims.js";
import { exchangeRows } from "./exchange.js";
import { jsonText } from "./json.js";
import { exchangeCsv, impactCsv, sensitivityCsv } from "./measure-tables.js";
import {
  type Concordance,
  concordance,
  type ExchangeRow,
  type ImpactRow,
  impactRows,
  type SensitivityRow,
  sensitivityRows,
} from "./measures.js";
import { writeFolder } from "./node-files.js";
import { readFailure, readSweep, readText } from "./node-sweep-folder.js";
import { RateTable } from "./rate-table.js";
import { type FinishedRun, parseFinishedRun } from "./run-reading.js";
import { jobFolder, parseRunName, type RunName } from "./sweep.js";
import { type ResultRow, resultsCsv } from "./tables.js";

/** Everything that the tables of a sweep say. */
export interface SweepTables {
  readonly results: readonly ResultRow[];
  readonly impact: readonly ImpactRow[];
  readonly exchange: readonly ExchangeRow[];
  readonly sensitivity: readonly SensitivityRow[];
  readonly concordance: Concordance;
  readonly claims: readonly ClaimResult[];
  /** Run folders that could not be used, in words. */
  readonly problems: readonly string[];
}

/**
 * Writes results.csv, impact.csv, exchange.csv, sensitivity.csv, concordance.json and claims.json from the run folders.
 * sweep.json, where there is one, gives the order of the rows and the runs that never started.
 *
 * @throws UserError where the folder is no sweep folder
 */
export async function rebuildTables(sweepFolder: string): Promise<SweepTables> {
  const tables = await readTables(sweepFolder);
  await writeFolder(sweepFolder, {
    "results.csv": resultsCsv(tables.results),
    "impact.csv": impactCsv(tables.impact),
    "exchange.csv": exchangeCsv(tables.exchange),
    "sensitivity.csv": sensitivityCsv(tables.sensitivity),
    "concordance.json": jsonText(tables.concordance),
    "claims.json": claimsJson(tables.claims),
  });
  return tables;
}

/** The tables as `rebuildTables` writes them. Writes nothing. */
export async function readTables(sweepFolder: string): Promise<SweepTables> {
  const { results, finished, problems } = await readRuns(sweepFolder);
  const runs = [...finished.values()];
  const study = studyOf(runs, problems);
  const table = new RateTable(study);
  const clean =
    study.used.find(({ rates }) => rates.arm === "baseline") ?? study.used[0];
  const noisy = study.used.find(({ rates }) => rates.arm === "noise");
  return {
    results,
    impact: impactRows(table),
    exchange: exchangeRows(table),
    sensitivity: sensitivityRows(table),
    concordance: concordance(table),
    claims: testClaims({
      table,
      facts: {
        data: lastPart(clean?.data ?? "no data"),
        trainImages: clean?.trainImages ?? 0,
        noiseKind: noisy?.noiseKind ?? "no",
      },
    }),
    problems,
  };
}

/** The name of a data set: of a path its last part. */
function lastPart(data: string): string {
  return data.split(/[\\/]/).filter(Boolean).at(-1) ?? data;
}

/** Every run that sweep.json or runs/ knows, in order, and those that are done by their folder. */
async function readRuns(sweepFolder: string): Promise<{
  results: ResultRow[];
  finished: Map<string, FinishedRun>;
  problems: string[];
}> {
  const sweep = await readSweep(sweepFolder);
  const found = await runFolders(sweepFolder);
  if (!sweep && found === null)
    throw new UserError(
      `${sweepFolder}: no sweep folder (neither sweep.json nor runs/); make one with: tarnish sweep`,
    );
  const problems: string[] = [];
  const planned = (sweep?.jobs ?? []).map((job) => ({
    name: basename(jobFolder(job)),
    state: job.state === "done" ? "pending" : job.state,
  }));
  const names = new Set(planned.map(({ name }) => name));
  const others = (found ?? [])
    .filter((name) => !names.has(name))
    .map((name) => ({ name, state: "pending" as const }));
  const results: ResultRow[] = [];
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
    const done = await readRun(folder, name, run, problems);
    if (done) finished.set(name, done);
    const status = done
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
      ...(done?.result ?? nothing),
      status,
      run: `runs/${name}`,
    });
  }
  return { results, finished, problems };
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
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** A run that ended, or null; a damaged one is a problem. */
async function readRun(
  folder: string,
  name: string,
  run: RunName,
  problems: string[],
): Promise<FinishedRun | null> {
  const texts = await Promise.all(
    (
      ["summary.json", "config.json", "per_class.csv", "poison.json"] as const
    ).map(async (file) => [file, await readText(join(folder, file))] as const),
  );
  const missing = texts
    .filter(([, text]) => text === null)
    .map(([file]) => file);
  if (missing.includes("summary.json")) return null;
  if (missing.length > 0) {
    problems.push(`runs/${name} has no ${missing.join(", ")}; left out`);
    return null;
  }
  const logits = await readFile(join(folder, "test_logits.safetensors")).catch(
    () => undefined,
  );
  try {
    return parseFinishedRun(run, {
      ...(Object.fromEntries(texts) as Record<
        (typeof texts)[number][0],
        string
      >),
      "test_logits.safetensors": logits,
    });
  } catch (error) {
    problems.push(`runs/${name}: ${(error as Error).message}; left out`);
    return null;
  }
}

/** The runs as one study: those on other classes or test images than the first are left out. */
function studyOf(runs: readonly FinishedRun[], problems: string[]) {
  const [first] = runs;
  const classes = first?.classes ?? [];
  const testLabels = runs.find((run) => run.testLabels)?.testLabels ?? null;
  const used = runs.filter((run) => {
    const same =
      run.classes.join("\n") === classes.join("\n") &&
      (!run.testLabels ||
        run.testLabels.every((label, i) => label === testLabels![i]));
    if (!same) {
      const { model, arm, level, seed } = run.rates;
      problems.push(
        `${model} ${arm} ${level}, seed ${seed}: evaluated on other classes or images; left out`,
      );
    }
    return same;
  });
  return { classes, testLabels, runs: used.map(({ rates }) => rates), used };
}

/** `tarnish sweep` end to end on real images: killed, stopped, failing, in parts; its tables against plain code. */
import { spawn } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import type { ClaimResult } from "../../src/experiments/claims.js";
import { parseExchange, parseImpact } from "../../src/experiments/measure-tables.js"; // prettier-ignore
import { rebuildTables } from "../../src/experiments/node-tables.js";
import { parseResults } from "../../src/experiments/tables.js";
import { exchange, impact, readRuns, verdicts } from "../experiments/recompute.js"; // prettier-ignore
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const text = (...path: string[]) => readFileSync(at(...path), "utf8");
const args = (out: string, ...more: string[]) => [
  "sweep", "impact-index", "--data", "sample", "--models", "lenet", "--levels", "0.2,0.4", "--train-limit", "400",
  "--test-limit", "200", "--epochs", "2", "--batch", "40", "--augment", "none", "--both-budgets", "none", "--out", out, ...more,
]; // prettier-ignore
const sweep = (out: string, ...more: string[]) =>
  tarnish(args(out, ...more), { cwd: folder });

const tableNames = ["results.csv", "impact.csv", "exchange.csv", "sensitivity.csv", "concordance.json", "claims.json"]; // prettier-ignore
const tables = (out: string) =>
  Object.fromEntries(tableNames.map((name) => [name, text(out, name)]));
const states = (out: string) =>
  (JSON.parse(text(out, "sweep.json")) as { jobs: { id: string; state: string; error?: string }[] }).jobs; // prettier-ignore
/** When each finished run ended. */
const finished = (out: string) =>
  Object.fromEntries(
    readdirSync(at(out, "runs"))
      .map((name) => [name, at(out, "runs", name, "summary.json")] as const)
      .filter(([, path]) => existsSync(path))
      .map(([name, path]) => [name, statSync(path).mtimeMs]),
  );

/** Starts the command and sends it a signal as soon as so many runs are done and another one is under way. */
async function interrupted(
  signal: "SIGKILL" | "SIGINT",
  out: string,
  runs: number,
  ...more: string[]
): Promise<{ code: number | null; stderr: string }> {
  const main = join(packageRoot(), "dist", "src", "cli", "main.js");
  const child = spawn(process.execPath, [main, ...args(out, ...more)], { cwd: folder }); // prettier-ignore
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve)); // prettier-ignore
  const poll = setInterval(() => {
    if (!existsSync(at(out, "runs"))) return;
    const started = readdirSync(at(out, "runs")).filter((name) => existsSync(at(out, "runs", name, "metrics.jsonl"))); // prettier-ignore
    if (Object.keys(finished(out)).length < runs || started.length <= runs) return; // prettier-ignore
    // Once: a second request ends the process at once.
    clearInterval(poll);
    child.kill(signal);
  }, 20);
  const code = await ended;
  clearInterval(poll);
  return { code, stderr };
}

describe("three seeds of lenet", () => {
  beforeAll(() => {
    const result = sweep("whole", "--seeds", "3");
    expect(complaint(result)).toBe("");
    expect(result.code).toBe(0);
  });

  it("trains the baseline once per seed and each level of each arm", () => {
    const rows = parseResults(text("whole", "results.csv"));
    expect(rows).toHaveLength(3 * 5);
    expect(rows.every(({ status }) => status === "done")).toBe(true);
    expect(readdirSync(at("whole", "runs"))).toHaveLength(15);
    expect(states("whole").every(({ state }) => state === "done")).toBe(true);
    for (const { level, arm, run } of rows.filter((row) => row.level > 0)) {
      const config = JSON.parse(text("whole", run, "config.json")) as Record<string, unknown>; // prettier-ignore
      expect(config).toMatchObject({ noiseKind: "uniform", noise: arm === "noise" ? level : 0, keep: arm === "noise" ? 1 : 1 - level }); // prettier-ignore
    }
    expect(existsSync(at("whole", "report", "index.html"))).toBe(true);
  });

  it("impact.csv, exchange.csv and claims.json are what plain code makes of the runs", () => {
    const runs = readRuns(at("whole"));
    const known = impact(runs);
    const rows = parseImpact(text("whole", "impact.csv"));
    expect(rows).toHaveLength(10 * 2);
    rows.forEach((row, i) => {
      const { impact: index, ciLow, ciHigh, p, ...rest } = known[i]!;
      expect(row).toMatchObject(rest);
      for (const [mine, theirs] of [
        [row.impact, index],
        [row.ciLow, ciLow],
        [row.ciHigh, ciHigh],
        [row.p, p],
      ] as const) {
        // prettier-ignore
        if (theirs === null) expect(mine).toBeNull();
        else expect(mine).toBeCloseTo(theirs, 9);
      }
    });
    const rates = exchange(runs);
    parseExchange(text("whole", "exchange.csv")).forEach((row, i) => {
      const { equivalentReduction, censored, effectiveRate, ciLow, ciHigh } = rates[i]!; // prettier-ignore
      expect(row.censored).toBe(censored);
      expect(row.effectiveRate).toBeCloseTo(effectiveRate, 12);
      // Uniform noise changes every chosen label.
      expect(row.effectiveRate).toBeCloseTo(row.noiseLevel, 12);
      for (const [mine, theirs, digits] of [
        [row.equivalentReduction, equivalentReduction, 9],
        [row.ciLow, ciLow, 3],
        [row.ciHigh, ciHigh, 3],
      ] as const) {
        // prettier-ignore
        if (theirs === null) expect(mine).toBeNull();
        else expect(mine).toBeCloseTo(theirs, digits);
      }
    });
    const claims = JSON.parse(text("whole", "claims.json")) as ClaimResult[];
    const found = Object.fromEntries(claims.map(({ id, verdict }) => [id, verdict])); // prettier-ignore
    expect(found).toMatchObject(verdicts(runs));
  });

  it("killed with SIGKILL and started again trains nothing twice and ends with identical tables", async () => {
    const { code } = await interrupted("SIGKILL", "killed", 2, "--seeds", "3");
    expect(code).toBeNull();
    const before = finished("killed");
    expect(Object.keys(before).length).toBeGreaterThanOrEqual(2);
    expect(Object.keys(before).length).toBeLessThan(15);
    expect(states("killed").some(({ state }) => state === "running")).toBe(true); // prettier-ignore
    const result = sweep("killed", "--seeds", "3");
    expect(complaint(result)).toBe("");
    expect(finished("killed")).toMatchObject(before);
    expect(tables("killed")).toEqual(tables("whole"));
    for (const name of readdirSync(at("whole", "runs")))
      expect(text("killed", "runs", name, "per_class.csv")).toBe(text("whole", "runs", name, "per_class.csv")); // prettier-ignore
  });

  it("stopped with Ctrl-C says how to go on, and does", async () => {
    const { code, stderr } = await interrupted("SIGINT", "stopped", 1, "--seeds", "3"); // prettier-ignore
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopped: \d+ of 15 runs are done\. Go on with:\n {2}(npx )?tarnish sweep impact-index .*--out stopped --seeds 3/); // prettier-ignore
    expect(states("stopped").some(({ state }) => state === "running")).toBe(false); // prettier-ignore
    expect(sweep("stopped", "--seeds", "3").code).toBe(0);
    expect(tables("stopped")).toEqual(tables("whole"));
  });

  it("in parts on several machines is the whole when their folders are merged by copying", async () => {
    for (const part of ["1/3", "2/3", "3/3"]) {
      const result = sweep(`part-${part[0]!}`, "--seeds", "3", "--shard", part);
      expect(result.code).toBe(0);
      expect(readdirSync(at(`part-${part[0]!}`, "runs"))).toHaveLength(5);
    }
    for (const part of ["2", "3", "1"])
      cpSync(at(`part-${part}`), at("merged"), { recursive: true });
    await rebuildTables(at("merged"));
    expect(tables("merged")).toEqual(tables("whole"));
    // The merged folder is a sweep that is done.
    const before = finished("merged");
    expect(sweep("merged", "--seeds", "3").code).toBe(0);
    expect(finished("merged")).toEqual(before);
    expect(states("merged").every(({ state }) => state === "done")).toBe(true);
  });

  it("goes on with more seeds, and is refused with other settings, which are named", () => {
    const result = sweep("whole", "--seeds", "3", "--epochs", "3", "--lr", "0.5"); // prettier-ignore
    expect(result.code).toBe(2);
    expect(complaint(result)).toContain("whole: holds a sweep with other settings: lr is 0.02 there and 0.5 here; epochs is 2 there and 3 here"); // prettier-ignore
    const other = sweep("whole", "--seeds", "7,8", "--models", "shallow", "--epochs", "9"); // prettier-ignore
    expect(complaint(other)).toContain("epochs is 2 there and 9 here");
    const before = finished("whole");
    expect(sweep("whole", "--seeds", "9,", "--arms", "noise").code).toBe(2);
    const more = sweep("whole", "--seeds", "0,9", "--arms", "noise");
    expect(more.code).toBe(0);
    expect(finished("whole")).toMatchObject(before);
    expect(parseResults(text("whole", "results.csv"))).toHaveLength(15 + 3);
  });
});

describe("a job that fails", () => {
  const wild = (...more: string[]) =>
    tarnish(
      [
        "sweep", "wild.json", "--out", "wild", ...more,
      ],
      { cwd: folder },
    ); // prettier-ignore
  beforeAll(() => {
    const definition = {
      name: "wild",
      models: ["lenet", "shallow"],
      levels: [0.3],
      arms: ["noise"],
      seeds: 1,
      settings: { data: "sample", trainLimit: 200, testLimit: 100, epochs: 2, batch: 40, augment: "none" }, // prettier-ignore
      perModel: { lenet: { lr: 1e8 }, shallow: { width: 0.25 } },
    };
    writeFileSync(at("wild.json"), JSON.stringify(definition));
  });

  it("is listed at the end, the others go on, and the exit code is 1", () => {
    const result = wild();
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/2 of 4 runs failed:\n {2}lenet_baseline_0_s0: training diverged at step \d+/); // prettier-ignore
    expect(states("wild").map(({ state }) => state)).toEqual(["diverged", "diverged", "done", "done"]); // prettier-ignore
    expect(states("wild")[0]!.error).toMatch(/^training diverged/);
    const rows = parseResults(text("wild", "results.csv"));
    expect(rows.map(({ status }) => status)).toEqual(["diverged", "diverged", "done", "done"]); // prettier-ignore
    expect(rows[0]!.top1Last).toBeNull();
  });

  it("is tried again when the sweep is started again, alone", () => {
    const before = finished("wild");
    const result = wild("--json");
    expect(result.code).toBe(1);
    const { failed } = JSON.parse(result.stdout) as { failed: { id: string; state: string }[] }; // prettier-ignore
    expect(failed.map(({ id, state }) => [id, state])).toEqual([["lenet_baseline_0_s0", "diverged"], ["lenet_noise_0.3_s0", "diverged"]]); // prettier-ignore
    expect(finished("wild")).toEqual(before);
  });
});

describe("--jobs and --budget steps", () => {
  it("trains so many runs now and says what is left; reduced runs make as many steps as the baseline", () => {
    const budget = ["--seeds", "1", "--levels", "0.4", "--arms", "reduction", "--budget", "steps"]; // prettier-ignore
    const first = sweep("few", ...budget, "--jobs", "1");
    expect(first.code).toBe(0);
    expect(first.stdout).toContain("1 run is left to do");
    expect(Object.keys(finished("few"))).toHaveLength(1);
    expect(sweep("few", ...budget).code).toBe(0);
    const steps = readdirSync(at("few", "runs")).map((name) => (JSON.parse(text("few", "runs", name, "summary.json")) as { steps: number }).steps); // prettier-ignore
    expect(steps).toEqual([20, 20]);
  });
});

/** `tarnish demo`, as a newcomer runs it, is continued, and meets damaged folders. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseResults } from "../../src/experiments/tables.js";
import {
  complaint,
  type CommandResult,
  tarnish,
  temporaryFolder,
} from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const demo = (...args: string[]) =>
  tarnish(["demo", "--epochs", "1", "--out", "study", ...args], {
    cwd: folder,
  });
const results = () =>
  parseResults(readFileSync(at("study", "results.csv"), "utf8"));
const summaryFile = (run: string) => at("study", run, "summary.json");
/** When each run's summary was written. */
const written = () =>
  Object.fromEntries(
    results().map(({ run }) => [run, statSync(summaryFile(run)).mtimeMs]),
  );
const report = () => at("study", "report", "index.html");

let first: CommandResult;
beforeAll(() => {
  first = demo();
});

describe("tarnish demo", () => {
  it("trains seven runs and writes a report", () => {
    expect(complaint(first)).toBe("");
    expect(first.code).toBe(0);
    const rows = results();
    expect(rows.map(({ arm, level }) => `${arm} ${level}`)).toEqual([
      "baseline 0",
      "noise 0.2",
      "noise 0.4",
      "noise 0.6",
      "reduction 0.2",
      "reduction 0.4",
      "reduction 0.6",
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({ model: "lenet", seed: 0, status: "done" });
      const summary = JSON.parse(
        readFileSync(summaryFile(row.run), "utf8"),
      ) as { last: { top1: number; loss: number } };
      expect(summary.last.top1).toBe(row.top1Last);
      // Untrained, lenet's loss is ln 10 = 2.303; one epoch on 800 images or more brings it no further up than noise.
      expect(summary.last.loss).toBeLessThan(2.35);
    }
    expect(new Set(rows.map(({ lossLast }) => lossLast)).size).toBe(7);
    expect(readdirSync(at("study", "runs"))).toHaveLength(7);
    const sweep = JSON.parse(
      readFileSync(at("study", "sweep.json"), "utf8"),
    ) as { jobs: { state: string }[] };
    expect(sweep.jobs.map(({ state }) => state)).toEqual(Array(7).fill("done"));
    const page = readFileSync(report(), "utf8");
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toContain("<svg");
    expect(first.stdout).toContain("index.html");
    expect(first.stdout).toMatch(/60 % +\d+\.\d % +\d+\.\d %/);
  });

  it("skips on a second call what is done, and writes the report again", () => {
    const before = written();
    const table = results();
    rmSync(report());
    const { code, stdout } = demo("--json");
    expect(code).toBe(0);
    expect(written()).toEqual(before);
    expect(results()).toEqual(table);
    expect(existsSync(report())).toBe(true);
    expect(JSON.parse(stdout)).toMatchObject({ out: "study", failed: [] });
  });

  it.each<[string, (file: string) => void]>([
    [
      "is gone",
      (file) => {
        rmSync(file);
      },
    ],
    [
      "is cut off",
      (file) => {
        writeFileSync(file, readFileSync(file).subarray(0, 40));
      },
    ],
    [
      "is empty of results",
      (file) => {
        writeFileSync(file, "{}");
      },
    ],
  ])("trains a run again, alone, whose summary %s", (_, damage) => {
    const before = written();
    const table = results();
    const { run } = table[2]!;
    damage(summaryFile(run));
    const { code } = demo();
    expect(code).toBe(0);
    const { [run]: renewed, ...others } = written();
    expect(others).toEqual(
      Object.fromEntries(
        Object.entries(before).filter(([name]) => name !== run),
      ),
    );
    expect(renewed).toBeGreaterThan(before[run]!);
    expect(results()).toEqual(table);
  });

  it("trains everything again with --overwrite, to the same results", () => {
    const before = written();
    const table = results();
    expect(demo("--overwrite").code).toBe(0);
    expect(results()).toEqual(table);
    for (const [run, time] of Object.entries(written()))
      expect(time).toBeGreaterThan(before[run]!);
  });
});

describe("a folder that is no sweep", () => {
  it("is refused and left alone, with --overwrite too", () => {
    mkdirSync(at("mine"));
    writeFileSync(at("mine", "thesis.txt"), "mine");
    for (const flags of [[], ["--overwrite"]]) {
      const result = tarnish(["demo", "--out", "mine", ...flags], {
        cwd: folder,
      });
      expect(result.code).toBe(2);
      expect(complaint(result)).toBe(
        "tarnish: mine: is not empty and no sweep folder (it has no sweep.json); name another folder with --out",
      );
      expect(readdirSync(at("mine"))).toEqual(["thesis.txt"]);
    }
  });
});

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import { parseRecords } from "../../src/experiments/csv.js";
import {
  readStudy,
  writeReport,
} from "../../src/experiments/report/node-read.js";
import { parseConfusion, resultsCsv } from "../../src/experiments/tables.js";
import { find, page, percent, root, sweep } from "./report-helpers.js";

describe("what is missing is said", () => {
  it("a failed run, a missing file, a damaged file", async () => {
    const { dir, rows } = sweep();
    const failed = find(rows, "noise", 0.4);
    rmSync(join(dir, failed.run), { recursive: true });
    rmSync(join(dir, find(rows, "noise", 0.2).run, "pr.csv"));
    writeFileSync(
      join(dir, find(rows, "reduction", 0.2).run, "confusion.csv"),
      "class,a\n",
    );
    const sweepFile = join(dir, "sweep.json");
    const content = JSON.parse(readFileSync(sweepFile, "utf8")) as {
      jobs: { id: string; state: string; error?: string }[];
    };
    const job = content.jobs.find(({ id }) => id.includes("noise_0.4"))!;
    Object.assign(job, { state: "failed", error: "device lost in conv2" });
    writeFileSync(sweepFile, JSON.stringify(content));
    writeFileSync(
      join(dir, "results.csv"),
      resultsCsv(rows.map((row) => (row === failed ? { ...row, top1Last: null, top1Best: null, top5Last: null, lossLast: null, status: "failed" } : row))), // prettier-ignore
    );
    const html = await page(dir);
    const missing =
      parseHTML(html).document.querySelector(".missing")!.textContent;
    expect(missing).toContain("failed; device lost in conv2");
    expect(missing).toContain("pr.csv is missing");
    expect(missing).toContain("confusion.csv: not a square table");
    expect(html).toContain("6 of 7 runs finished");
    expect(html).not.toMatch(/NaN|undefined/);
  });

  it("a run folder that is gone although results.csv has it", async () => {
    const { dir, rows } = sweep({ levels: [0.2] });
    rmSync(join(dir, find(rows, "noise", 0.2).run), { recursive: true });
    const html = await page(dir);
    expect(
      parseHTML(html).document.querySelectorAll(".missing li").length,
    ).toBe(7);
    expect(html).toContain(percent(find(rows, "noise", 0.2).top1Last!));
  });

  it("no clean run: nothing is normalised", async () => {
    const { dir, rows } = sweep();
    writeFileSync(join(dir, "results.csv"), resultsCsv(rows.slice(1)));
    rmSync(join(dir, "sweep.json"));
    const html = await page(dir);
    expect(html).toContain("no finished run on the clean data");
    expect(html).toContain("sweep.json is missing");
    expect(html).not.toContain('id="impact-index"');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("results.csv: the rows come from the jobs and summaries", async () => {
    const { dir, rows } = sweep({ levels: [0.3] });
    const before = await readStudy(dir);
    rmSync(join(dir, "results.csv"));
    const after = await readStudy(dir);
    expect(after.problems).toEqual([
      "results.csv is missing: the table is made from the runs' summaries",
    ]);
    expect(after.runs.map((run) => run.row)).toEqual(
      before.runs.map((run) => run.row),
    );
    expect(after.runs.map((run) => run.row)).toEqual(rows);
  });

  it("a folder that is no sweep is refused", async () => {
    await expect(readStudy(join(root, "nothing"))).rejects.toThrow(UserError);
  });

  it("a sweep in which nothing ran yet", async () => {
    const { dir } = sweep({ levels: [0.3] });
    rmSync(join(dir, "results.csv"));
    rmSync(join(dir, "runs"), { recursive: true });
    const path = join(dir, "sweep.json");
    writeFileSync(
      path,
      readFileSync(path, "utf8").replaceAll('"done"', '"pending"'),
    );
    const html = await page(dir);
    expect(html).toContain("0 of 3 runs finished");
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe("larger studies", () => {
  it("several models and seeds: means over the seeds, no clash of names", async () => {
    const { dir, rows } = sweep({
      models: ["lenet", "shallow"],
      levels: [0.1, 0.3],
      seeds: [0, 1],
      epochs: 4,
    });
    await writeReport(dir);
    const { document } = parseHTML(
      readFileSync(join(dir, "report/index.html"), "utf8"),
    );
    const ids = [...document.querySelectorAll("[id]")].map(
      (element) => element.id,
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(
      existsSync(join(dir, "report/figures/shallow-impact-index.svg")),
    ).toBe(true);
    const noisy = rows.filter(
      (r) => r.model === "shallow" && r.arm === "noise" && r.level === 0.3,
    );
    const mean = (noisy[0]!.top1Last! + noisy[1]!.top1Last!) / 2;
    const table = document.querySelector(
      "#shallow-accuracy ~ .scroll",
    )!.textContent;
    expect(table).toContain(percent(mean));
  });

  it("more classes than cells can be labelled", async () => {
    const classes = Array.from({ length: 30 }, (_, c) => `class ${c}`);
    const { dir, rows } = sweep({
      classes,
      perClass: 6,
      levels: [0.4],
      epochs: 2,
    });
    const { document } = parseHTML(await page(dir));
    const matrix = document.querySelector("#figure-confusion svg")!;
    const paths = [...matrix.querySelectorAll("path")];
    expect(paths.length).toBeGreaterThan(2);
    expect(paths.every((path) => path.children.length === 0)).toBe(true);
    // Every share above half a step of the scale has its cell.
    const file = parseConfusion(
      readFileSync(join(dir, rows[0]!.run, "confusion.csv"), "utf8"),
    );
    const filled = file.counts
      .flat()
      .filter((count) => Math.round((16 * count) / 6 / 0.5) > 0).length;
    expect(
      paths
        .slice(1)
        .reduce(
          (sum, path) => sum + path.getAttribute("d")!.split("M").length - 1,
          0,
        ),
    ).toBe(filled);
  });

  it("a class that the clean run never recognises has no index", async () => {
    const { dir, rows } = sweep({ levels: [0.3] });
    const path = join(dir, find(rows, "baseline", 0).run, "per_class.csv");
    const lines = readFileSync(path, "utf8").split("\n");
    const cells = lines[4]!.split(",");
    cells[7] = "0";
    lines[4] = cells.join(",");
    writeFileSync(path, lines.join("\n"));
    await writeReport(dir);
    const svg = readFileSync(
      join(dir, "report/figures/impact-index.svg"),
      "utf8",
    );
    expect(svg).toContain("url(#impact-index-none)");
    const [cat] = parseRecords(readFileSync(join(dir, "report/figures/impact-index.csv"), "utf8"), ["impact"]).filter((r) => r.text("class") === "cat"); // prettier-ignore
    expect(cat!.optional("impact")).toBeNull();
    expect(cat!.optional("tprn_norm")).toBeNull();
  });
});

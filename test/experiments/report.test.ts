import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import { parseCsv, parseRecords } from "../../src/experiments/csv.js";
import { byModel } from "../../src/experiments/report/aggregate.js";
import { smooth } from "../../src/experiments/report/curves.js";
import { spread } from "../../src/experiments/report/figure.js";
import { headline } from "../../src/experiments/report/headline.js";
import {
  headlessDocument,
  readStudy,
  writeReport,
} from "../../src/experiments/report/node-read.js";
import { renderReport } from "../../src/experiments/report/page.js";
import { shade } from "../../src/experiments/report/palette.js";
import { trainCommand } from "../../src/experiments/report/settings.js";
import { parseMetrics } from "../../src/experiments/report/study.js";
import {
  parseConfusion,
  parsePerClass,
  type ResultRow,
  resultsCsv,
} from "../../src/experiments/tables.js";
import { CIFAR10, type FixtureOptions, writeSweep } from "./fixtures.js";

const root = mkdtempSync(join(tmpdir(), "tarnish-report-"));
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

let counter = 0;
function sweep(options: FixtureOptions = {}): {
  dir: string;
  rows: ResultRow[];
} {
  const dir = join(root, `sweep-${counter++}`);
  mkdirSync(dir);
  return { dir, rows: writeSweep(dir, options) };
}

async function page(dir: string): Promise<string> {
  return renderReport(await readStudy(dir), headlessDocument());
}

const percent = (value: number) => `${(100 * value).toFixed(1)}\u00a0%`;
const find = (rows: ResultRow[], arm: string, level: number) =>
  rows.find((r) => r.arm === arm && r.level === level)!;

describe("the report of seven runs", () => {
  let dir: string;
  let rows: ResultRow[];
  let html: string;
  let document: Document;

  beforeAll(async () => {
    ({ dir, rows } = sweep());
    await writeReport(dir);
    html = readFileSync(join(dir, "report/index.html"), "utf8");
    document = parseHTML(html).document;
  });

  const figureRows = (id: string, columns: string[]) =>
    parseRecords(
      readFileSync(join(dir, `report/figures/${id}.csv`), "utf8"),
      columns,
    );

  it("prints the numbers of results.csv", () => {
    const table = [
      ...document.querySelectorAll("#accuracy ~ .scroll tbody tr"),
    ].map((row) => row.textContent);
    expect(table).toHaveLength(7);
    for (const row of rows) {
      const name =
        row.level === 0
          ? "clean"
          : `${100 * row.level}\u00a0% ${row.arm === "noise" ? "noise" : "removed"}`;
      const line = table.find((text) => text.startsWith(name))!;
      for (const value of [row.top1Last!, row.top1Best!, row.top5Last!])
        expect(line).toContain(percent(value));
      expect(line).toContain(row.lossLast!.toFixed(3));
    }
    // The effective rate is poison.json's, not the nominal level.
    expect(table.find((text) => text.startsWith("60\u00a0% noise"))).toContain(
      "54.0\u00a0%",
    );
  });

  it("says in the headline what happened", () => {
    const lead = document.querySelector(".lead")!.textContent;
    const [clean, noisy, reduced] = [
      find(rows, "baseline", 0),
      find(rows, "noise", 0.6),
      find(rows, "reduction", 0.6),
    ];
    expect(lead).toContain(
      `from ${percent(clean.top1Last!)} to ${percent(noisy.top1Last!)}`,
    );
    expect(lead).toContain(
      `(${(100 * (clean.top1Last! - noisy.top1Last!)).toFixed(1)} points)`,
    );
    expect(lead).toContain(
      `costs ${(100 * (clean.top1Last! - reduced.top1Last!)).toFixed(1)} points`,
    );
  });

  it("normalises true positive rates and takes the index from them", () => {
    const tpr = (arm: string, level: number) =>
      parsePerClass(
        readFileSync(
          join(dir, find(rows, arm, level).run, "per_class.csv"),
          "utf8",
        ),
      ).map((row) => row.tpr);
    const clean = tpr("baseline", 0);
    const records = figureRows("impact-index", [
      "class",
      "level",
      "tprn_norm",
      "tprd_norm",
      "impact",
    ]);
    expect(records).toHaveLength(30);
    for (const record of records) {
      const c = CIFAR10.indexOf(record.text("class"));
      const noise = tpr("noise", record.number("level"))[c]! / clean[c]!;
      const reduction =
        tpr("reduction", record.number("level"))[c]! / clean[c]!;
      expect(record.number("tprn_norm")).toBe(noise);
      expect(record.number("impact")).toBe(reduction - noise);
    }
  });

  it("prints the index in its cells", () => {
    const text = document.querySelector(
      "#figure-impact-index svg",
    )!.textContent;
    for (const record of figureRows("impact-index", ["impact"]).slice(0, 6)) {
      expect(text).toContain(Math.abs(record.number("impact")).toFixed(2));
    }
  });

  it("shows precision and recall for all classes and for each", () => {
    const panels = [
      ...document.querySelectorAll("#figure-precision-recall .panel"),
    ];
    expect(panels.map((panel) => panel.getAttribute("data-label"))).toEqual([
      "all (macro)",
      ...CIFAR10,
    ]);
    const macro = figureRows("precision-recall", [
      "class",
      "recall",
      "baseline",
      "noise_0.6",
    ]).filter((record) => record.text("class") === "(macro)");
    const mean = (key: string) =>
      macro.reduce((sum, record) => sum + record.number(key), 0) / macro.length;
    const ap = parsePerClass(
      readFileSync(
        join(dir, find(rows, "baseline", 0).run, "per_class.csv"),
        "utf8",
      ),
    );
    expect(mean("baseline")).toBeCloseTo(
      ap.reduce((sum, row) => sum + row.ap, 0) / 10,
      1,
    );
    expect(mean("noise_0.6")).toBeLessThan(mean("baseline"));
  });

  it("shows every confusion matrix", () => {
    expect(document.querySelectorAll("#figure-confusion .panel")).toHaveLength(
      7,
    );
  });

  it("carries each figure's data, equal to the file", () => {
    const links = [...document.querySelectorAll("a.csv")];
    expect(links).toHaveLength(8);
    for (const link of links) {
      const file = readFileSync(
        join(dir, "report/figures", link.getAttribute("download")!),
        "utf8",
      );
      const href = link.getAttribute("href")!;
      expect(decodeURIComponent(href.slice(href.indexOf(",") + 1))).toBe(file);
    }
  });

  it("writes figures that stand alone", () => {
    const names = readdirSync(join(dir, "report/figures")).filter((name) =>
      name.endsWith(".svg"),
    );
    for (const part of ["accuracy-absolute", "learning-curves-noise", "loss-train-noise", "precision-recall-macro-noise", "tpr-noise", "tpr-normalised-reduction", "impact-index", "confusion-clean"]) {
      expect(names).toContain(`${part}.svg`);
    } // prettier-ignore
    for (const name of names) {
      const svg = readFileSync(join(dir, "report/figures", name), "utf8");
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
      expect(svg, name).not.toMatch(/var\(|NaN|undefined|Infinity/);
    }
  });

  it("is self-contained, whole and small", () => {
    expect(html).not.toMatch(/https?:\/\//);
    expect(html).not.toMatch(
      /<(?:link|img|iframe|object|embed)\b|@import|url\((?!#)/,
    );
    expect(html).not.toMatch(/\bsrc=/);
    expect(html).not.toMatch(/NaN|undefined|Infinity|\[object/);
    expect(html.length).toBeLessThan(1_500_000);
    expect(document.querySelector(".missing")).toBeNull();
    const ids = [...document.querySelectorAll("[id]")].map(
      (element) => element.id,
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of document.querySelectorAll("nav a")) {
      expect(ids).toContain(link.getAttribute("href")!.slice(1));
    }
  });

  it("is the same page each time", async () => {
    expect(await page(dir)).toBe(html);
  });

  it("gives the command of each run", async () => {
    const study = await readStudy(dir);
    const run = study.runs.find(
      ({ row }) => row.arm === "noise" && row.level === 0.4,
    )!;
    expect(trainCommand(run)).toMatch(/^npx tarnish train --model lenet --data sample --noise 0.4 --noise-kind shuffle --keep 1 --seed 0 /); // prettier-ignore
    expect(trainCommand(run)).toContain("--weight-decay 0.0005");
    expect(trainCommand({ ...run, config: { data: "my data; rm x" } })).toBe(
      "npx tarnish train --data 'my data; rm x'",
    );
  });
});

describe("hostile names", () => {
  const hostile = "<img src=x onerror=alert(1)>";
  const classes = [
    hostile,
    '"quoted", & co',
    "</script><script>alert(2)</script>",
    "=cmd()",
  ];

  it("are text everywhere, in the page and in the figures", async () => {
    const { dir } = sweep({
      classes,
      levels: [0.5],
      name: hostile,
      models: ["</style><b>net"],
    });
    await writeReport(dir);
    const html = readFileSync(join(dir, "report/index.html"), "utf8");
    expect(html).not.toContain("<img");
    expect(html).not.toContain("<script>alert");
    expect(html).not.toContain("</style><b>");
    const { document } = parseHTML(html);
    expect(document.querySelectorAll("img, b")).toHaveLength(0);
    expect(document.querySelectorAll("script")).toHaveLength(1);
    const labels = [...document.querySelectorAll("#figure-precision-recall .panel")].map((panel) => panel.getAttribute("data-label")); // prettier-ignore
    expect(labels).toEqual(["all (macro)", ...classes]);
    for (const name of readdirSync(join(dir, "report/figures"))) {
      const text = readFileSync(join(dir, "report/figures", name), "utf8");
      if (name.endsWith(".svg")) expect(text, name).not.toMatch(/<img|<script/);
      else expect(() => parseCsv(text)).not.toThrow();
    }
  });
});

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

describe("pieces", () => {
  it("labels are moved apart and stay inside", () => {
    const moved = spread([0.5, 0.5, 0.51, 0.99, 1], 0.1, 0, 1);
    const sorted = [...moved].sort((a, b) => a - b);
    sorted.slice(1).forEach((value, i) => {
      expect(value - sorted[i]!).toBeGreaterThan(0.1 - 1e-9);
    });
    expect(Math.max(...moved)).toBeLessThanOrEqual(1);
    expect(spread([0.2, 0.8], 0.1, 0, 1)).toEqual([0.2, 0.8]);
  });

  it("smoothing keeps the ends and a straight line", () => {
    const line = Array.from({ length: 500 }, (_, i) => ({
      epoch: i,
      value: 3 - i / 250,
    }));
    const smoothed = smooth(line);
    expect(smoothed.length).toBeLessThan(200);
    expect(smoothed[0]).toEqual(line[0]);
    expect(smoothed.at(-1)).toEqual(line.at(-1));
    for (const { epoch, value } of smoothed)
      expect(value).toBeCloseTo(3 - epoch / 250, 10);
    expect(smooth([])).toEqual([]);
  });

  it("shades cover the scale and clamp", () => {
    expect([0, 0.5, 1, 7].map((v) => shade("seq", v, 1))).toEqual([
      "seq-0",
      "seq-8",
      "seq-16",
      "seq-16",
    ]);
    expect([-9, -0.5, 0, 0.5].map((v) => shade("index", v, 0.5))).toEqual([
      "index-0",
      "index-0",
      "index-10",
      "index-20",
    ]);
  });

  it("a half-written last line of metrics.jsonl is passed over, another is an error", () => {
    const line = '{"kind":"step","step":1,"epoch":1,"loss":2,"lr":0.1}';
    expect(parseMetrics(`${line}\n{"kind":"st`).steps).toHaveLength(1);
    expect(() => parseMetrics(`{"kind":"st\n${line}\n`)).toThrow(/line 1/);
  });

  it("the headline does not claim a loss that did not happen", async () => {
    const { dir, rows } = sweep({ levels: [0.2] });
    const better = rows.map((row) =>
      row.level === 0 ? { ...row, top1Last: 0.1 } : { ...row, top1Last: 0.3 },
    );
    writeFileSync(join(dir, "results.csv"), resultsCsv(better));
    const [group] = byModel(await readStudy(dir));
    const text = headline(group!).join(" ");
    expect(text).toContain(
      "rises from 10.0\u00a0% to 30.0\u00a0% (20.0 points)",
    );
    expect(text).toContain("gains 20.0 points");
    expect(text).not.toContain("times as much");
  });
});

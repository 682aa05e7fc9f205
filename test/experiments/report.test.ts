import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, it } from "vitest";
import { parseCsv, parseRecords } from "../../src/experiments/csv.js";
import { byModel } from "../../src/experiments/report/aggregate.js";
import { smooth } from "../../src/experiments/report/curves.js";
import { spread } from "../../src/experiments/report/figure.js";
import { headline } from "../../src/experiments/report/headline.js";
import {
  readStudy,
  writeReport,
} from "../../src/experiments/report/node-read.js";
import { shade } from "../../src/experiments/report/palette.js";
import { trainCommand } from "../../src/experiments/report/settings.js";
import { parseMetrics } from "../../src/experiments/report/study.js";
import {
  parsePerClass,
  type ResultRow,
  resultsCsv,
} from "../../src/experiments/tables.js";
import { CIFAR10 } from "./fixtures.js";
import { find, page, percent, sweep } from "./report-helpers.js";

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

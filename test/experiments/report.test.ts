import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseExchange, parseImpact } from "../../src/experiments/measure-tables.js"; // prettier-ignore
import { readStudy } from "../../src/experiments/report/node-read.js";
import { trainCommand } from "../../src/experiments/report/commands.js";
import { parseConfusion, parsePerClass, type ResultRow } from "../../src/experiments/tables.js"; // prettier-ignore
import { find, meanOf, percent, report, type Report, sweep } from "./report-helpers.js"; // prettier-ignore
import { CIFAR10 } from "./sweep-folder.js";

describe("the report of two models, three seeds and three levels", () => {
  const models = ["lenet", "shallow"];
  let rows: ResultRow[];
  let page: Report;

  beforeAll(async () => {
    const folder = sweep({
      name: "impact-index",
      models,
      levels: [0.1, 0.2, 0.3],
      seeds: [0, 1, 2],
      noiseKind: "uniform",
      perClass: 100,
      // Twice, and three times, what a missing image costs.
      exchange: [2, 3],
    });
    ({ rows } = folder);
    page = await report(folder.dir);
    // The tables are the study's own; made here too, so that the report can be held against them.
    const { rebuildTables } = await import("../../src/experiments/node-tables.js"); // prettier-ignore
    await rebuildTables(folder.dir);
  });

  const text = (selector: string) =>
    page.document.querySelector(selector)!.textContent;
  const table = (name: string) => readFileSync(join(page.dir, name), "utf8");

  it("opens with the exchange rate, which the sweep was made to have", () => {
    expect(text(".answer")).toBe(
      "10\u00a0% wrong labels cost as much as losing 20\u00a0% (lenet) to 30\u00a0% (shallow) of the data.",
    );
    expect(text(".note")).toContain("equally many epochs");
  });

  it("tells rates beyond the largest reduction as what they are", () => {
    const cells = [...page.document.querySelectorAll("#exchange-table tbody tr")].map((row) => [...row.querySelectorAll("td")].map((cell) => cell.firstChild!.textContent)); // prettier-ignore
    const beyond = "more than 30\u00a0%";
    expect(cells).toEqual([
      ["20\u00a0%", beyond, beyond],
      ["30\u00a0%", beyond, beyond],
    ]);
    const censored = parseExchange(table("exchange.csv")).filter((row) => row.censored === "above"); // prettier-ignore
    expect(censored).toHaveLength(4);
    // An arrow each, and no marker at a made-up height.
    const svg = page.file("exchange-rate.svg");
    expect(svg.match(/v-13m/g)).toHaveLength(4);
  });

  it("prints the means of results.csv", () => {
    const groups = [...page.document.querySelectorAll("#accuracy-table tbody")];
    expect(groups).toHaveLength(2);
    models.forEach((model, m) => {
      const lines = [...groups[m]!.querySelectorAll("tr:not(.group)")].map((row) => row.textContent); // prettier-ignore
      expect(lines).toHaveLength(7);
      for (const { arm, level } of rows.filter(
        (row) => row.model === model && row.seed === 0,
      )) {
        const name = level === 0 ? "clean" : `${100 * level}\u00a0% ${arm === "noise" ? "noise" : "removed"}`; // prettier-ignore
        const line = lines.find((content) => content.startsWith(name))!;
        for (const key of ["top1Last", "top1Best"] as const)
          expect(line).toContain(percent(meanOf(rows, { model, arm, level }, key))); // prettier-ignore
        expect(line).toContain(meanOf(rows, { model, arm, level }, "lossLast").toFixed(3)); // prettier-ignore
      }
    });
  });

  it("takes index, intervals and marks from impact.csv", () => {
    expect(page.file("impact-index.csv")).toBe(table("impact.csv"));
    const impact = parseImpact(table("impact.csv"));
    models.forEach((model, m) => {
      const cells = page.document.querySelectorAll("#figure-impact-index [data-cells]")[m]!; // prettier-ignore
      const notes = JSON.parse(cells.getAttribute("data-notes")!) as string[][];
      const own = impact.filter((row) => row.model === model);
      expect(notes.flat()).toHaveLength(own.length);
      for (const row of own) {
        const note = notes.flat().find((one) => one.startsWith(`${row.class}, ${100 * row.level}\u00a0%:`))!; // prettier-ignore
        expect(note).toContain(`index ${row.impact! > 0 ? "+" : ""}${row.impact!.toFixed(2)}`.replace("-", "−")); // prettier-ignore
        expect(note).toContain("n = 3 seeds");
        expect(note.includes("differs from 0")).toBe(row.marked);
      }
      const marks = cells.querySelectorAll("path[stroke^='var(--on-index']");
      expect(marks).toHaveLength(own.filter((row) => row.marked).length);
    });
    expect(impact.some((row) => row.marked)).toBe(true);
  });

  it("has a table and figures of each class in its close-up", () => {
    const section = page.document.querySelector("#one-class")!.parentElement!;
    expect([...section.querySelectorAll("option")].map((option) => option.textContent)).toEqual(CIFAR10); // prettier-ignore
    const impact = parseImpact(table("impact.csv"));
    const bodies = section.querySelectorAll(".panel[data-at-model='1'] tbody");
    expect(bodies).toHaveLength(10);
    const bird = bodies[2]!;
    expect(bird.hasAttribute("data-off")).toBe(true);
    expect(bodies[0]!.hasAttribute("data-off")).toBe(false);
    for (const row of impact.filter(
      (one) => one.model === "shallow" && one.class === "bird",
    )) {
      expect(bird.textContent).toContain(row.tprnNorm!.toFixed(3));
      expect(bird.textContent).toContain(row.tprdNorm!.toFixed(3));
    }
    // The illustration says the numbers of its class.
    const largest = impact.filter((one) => one.model === "shallow" && one.class === "bird").reduce((a, b) => (Math.abs(b.impact!) > Math.abs(a.impact!) ? b : a)); // prettier-ignore
    const drawing = page.file("read-off-shallow-2-bird.svg");
    expect(drawing).toContain(`Y = 1 − TPRn_norm = ${(1 - largest.tprnNorm!).toFixed(2)}`); // prettier-ignore
    expect(drawing).toContain(`index Y − X = +${largest.impact!.toFixed(2)}`);
    expect(page.names).toContain("class-index-2-bird.svg");
  });

  it("shows average precision from per_class.csv, macro and of each class", () => {
    const ap = (index: number | null) => {
      const values = rows
        .filter(
          (row) =>
            row.model === "lenet" && row.arm === "noise" && row.level === 0.3,
        )
        .flatMap((row) =>
          parsePerClass(
            readFileSync(join(page.dir, row.run, "per_class.csv"), "utf8"),
          ).filter((one) => index === null || one.index === index),
        ) // prettier-ignore
        .map((row) => row.ap);
      return (values.reduce((a, b) => a + b, 0) / values.length).toFixed(3);
    };
    expect(page.file("precision-recall-lenet-noise-0-all-classes-macro.svg")).toContain(`>${ap(null)}<`); // prettier-ignore
    expect(page.file("precision-recall-lenet-noise-4-cat.svg")).toContain(`>${ap(3)}<`); // prettier-ignore
  });

  it("sums confusion matrices over the seeds", () => {
    const expected = rows
      .filter((row) => row.model === "shallow" && row.arm === "noise" && row.level === 0.2)
      .map((row) => parseConfusion(readFileSync(join(page.dir, row.run, "confusion.csv"), "utf8")).counts); // prettier-ignore
    const records = page.table("confusion").filter((r) => r.text("model") === "shallow" && r.text("arm") === "noise" && r.number("level") === 0.2); // prettier-ignore
    expect(records).toHaveLength(10);
    records.forEach((record, t) => {
      CIFAR10.forEach((name, p) => {
        expect(record.number(name)).toBe(expected.reduce((sum, counts) => sum + counts[t]![p]!, 0)); // prettier-ignore
      });
    });
  });

  it("splits what was memorised", () => {
    const [first] = page.table("memorisation");
    const files = rows.filter((row) => row.model === "lenet" && row.arm === "noise" && row.level === 0.1).map((row) => JSON.parse(readFileSync(join(page.dir, row.run, "summary.json"), "utf8")) as { memorisation: { asGiven: number } }); // prettier-ignore
    expect(first!.number("as_given")).toBe(files.reduce((sum, { memorisation }) => sum + memorisation.asGiven, 0)); // prettier-ignore
    expect(text("#figure-memorisation svg")).toContain("55\u00a0%");
  });

  it("lists every claim with its verdict and evidence", () => {
    const claims = JSON.parse(table("claims.json")) as { claim: string; verdict: string; evidence: string }[]; // prettier-ignore
    const items = [...page.document.querySelectorAll(".claim")];
    expect(items).toHaveLength(claims.length);
    for (const { claim, verdict, evidence } of claims) {
      const item = items.find((one) => one.textContent.includes(claim))!;
      expect(item.querySelector(".verdict")!.textContent).toBe(verdict);
      expect(item.textContent).toContain(evidence);
    }
  });

  it("carries each figure's data, equal to the file", () => {
    const links = [...page.document.querySelectorAll("a.csv")];
    expect(links).toHaveLength(12);
    for (const link of links) {
      const href = link.getAttribute("href")!;
      expect(decodeURIComponent(href.slice(href.indexOf(",") + 1))).toBe(page.file(link.getAttribute("download")!)); // prettier-ignore
    }
    // Those of the close-up are parts of the index's.
    expect(page.file("read-off.csv")).toBe(page.file("impact-index.csv"));
  });

  it("writes figures that stand alone", () => {
    const drawings = page.names.filter((name) => name.endsWith(".svg"));
    for (const part of ["exchange-rate", "accuracy-lenet", "volume-against-noise", "learning-curves-shallow-noise", "loss-lenet-train-noise", "impact-index-lenet", "sensitivity", "tpr-lenet-reduction", "confusion-lenet-clean", "confusion-shallow-30-removed", "memorisation-lenet", "calibration-noise"])
      expect(drawings).toContain(`${part}.svg`); // prettier-ignore
    for (const name of drawings) {
      const svg = page.file(name);
      expect(svg.slice(0, 40), name).toBe(
        '<svg xmlns="http://www.w3.org/2000/svg" ',
      );
      const left = /var\(|currentColor|data-|NaN|undefined|Infinity|\d\.\d{6}/.exec(svg); // prettier-ignore
      expect(left?.[0], name).toBeUndefined();
    }
  });

  it("is self-contained, whole and small", () => {
    const { html, document } = page;
    // Found here, not matched there: a failed match prints the whole page.
    const loads = /https?:\/\/(?!www\.w3\.org\/)|<(?:link|img|iframe|object|embed)\b|@import|url\((?!#)|\bsrc=/.exec(html); // prettier-ignore
    expect(loads?.[0]).toBeUndefined();
    const [body] = html.split("<script>(");
    expect(/NaN|undefined|Infinity|\[object/.exec(body!)?.[0]).toBeUndefined();
    expect(html.length).toBeLessThan(1_500_000);
    expect(document.querySelector(".missing")).toBeNull();
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of document.querySelectorAll("a[href^='#']"))
      expect(ids).toContain(link.getAttribute("href")!.slice(1));
    for (const svg of document.querySelectorAll("svg"))
      expect(svg.getAttribute("aria-label")).toBeTruthy();
  });

  it("is the same page each time, in another folder too", async () => {
    const again = await report(page.dir, join(page.dir, "elsewhere"));
    expect(again.html).toBe(page.html);
    expect(again.names).toEqual(page.names);
  });

  it("gives the command of each run", async () => {
    const study = await readStudy(page.dir);
    const run = study.runs.find(({ row }) => row.run === find(rows, "noise", 0.2).run)!; // prettier-ignore
    expect(trainCommand(run)).toMatch(/^npx tarnish train --model lenet --data sample --noise 0.2 --noise-kind uniform --keep 1 --seed 0 /); // prettier-ignore
    expect(trainCommand(run)).toContain("--weight-decay 0.0005");
    expect(trainCommand({ ...run, config: { data: "my data; rm x" } })).toBe(
      `npx tarnish train --data 'my data; rm x' --out ${run.row.run}`,
    );
  });
});

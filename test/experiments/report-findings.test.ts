/** The sentences on top of a report, from studies with known answers: what they compare, and what they leave unsaid. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { parseRecords } from "../../src/experiments/csv.js";
import type { ExchangeRow } from "../../src/experiments/measures.js";
import { rebuildTables } from "../../src/experiments/node-tables.js";
import { byModel, estimate, type ModelRuns, trainingDraws, wilson } from "../../src/experiments/report/aggregate.js"; // prettier-ignore
import { answer, answerNote } from "../../src/experiments/report/answer.js";
import type { ExchangeSeries } from "../../src/experiments/report/exchange.js";
import { readStudy } from "../../src/experiments/report/node-read.js";
import { renderReport } from "../../src/experiments/report/page.js";
import { volumeFigure } from "../../src/experiments/report/volume.js";
import { type Condition, runFolder, studyFolders, type StudyFixture } from "./study-fixtures.js"; // prettier-ignore

const { study } = studyFolders();

/** A folder without some runs, as its page and its text on top. */
async function headOf(
  fixture: Partial<StudyFixture>,
  gone: readonly Condition[] = [],
) {
  const folder = study({ models: ["lenet"], levels: [0.1, 0.3], seeds: [0, 1, 2], perClass: 40, tpr: () => 0.5, ...fixture }); // prettier-ignore
  for (const run of gone) rmSync(runFolder(folder, run), { recursive: true });
  await rebuildTables(folder);
  const data = await readStudy(folder);
  const { document } = parseHTML(renderReport(data));
  const text = (selector: string) =>
    (document.querySelector(selector)?.textContent ?? "").replaceAll("\u00a0", " "); // prettier-ignore
  return { folder, data, text, head: text("header") };
}

const at = (arm: Condition["arm"], level: number, seed: number) => ({ model: "lenet", arm, level, seed }); // prettier-ignore

describe("an unfinished sweep", () => {
  // Both arms cost the same in every seed; seeds differ.
  const equal: StudyFixture["tpr"] = ({ level, seed }) => 0.75 - 0.25 * seed - 0.5 * level; // prettier-ignore
  const gone = [at("noise", 0.3, 1), at("noise", 0.3, 2), at("noise", 0.1, 0)];

  it("is told by the seeds that have every run compared", async () => {
    const { head } = await headOf({ tpr: equal }, gone);
    expect(head).toContain("At 30 % noise the accuracy of lenet falls from 75.0 % to 60.0 %; with as many images removed instead it is 60.0 % (over the 1 of 3 seeds that have all of these runs)."); // prettier-ignore
    const whole = await headOf({ tpr: equal });
    expect(whole.head).toContain("falls from 50.0 % to 35.0 %; with as many images removed instead it is 35.0 %."); // prettier-ignore
  });

  it("has its points of volume against noise where its seeds are", async () => {
    for (const some of [gone, gone.slice(0, 2)]) {
      const { data } = await headOf({ tpr: equal }, some);
      const { csv, caption } = volumeFigure(byModel(data))!;
      const points = parseRecords(csv as string, []);
      expect(points).toHaveLength(3);
      for (const point of points)
        expect(point.number("top1_noise")).toBe(point.number("top1_reduction"));
      expect(caption).toMatch(some.length === 2 ? /one training draw each/ : /means of 1 to 3 seeds, the same in both arms/); // prettier-ignore
    }
  });
});

describe("fewer than three seeds", () => {
  const falls: StudyFixture["tpr"] = ({ arm, level }) => 0.9 - (arm === "noise" ? 2 : 1) * level; // prettier-ignore

  it("say whom a significance and an interval are about", async () => {
    for (const [seeds, draws] of [[[0], "one training draw"], [[0, 1], "two training draws"]] as const) {
      const { head, text } = await headOf({ tpr: falls, seeds: [...seeds] });
      expect(head).toMatch(/significantly less in \d+ \(false discovery rate 5 % per model\), for these networks only: another training may differ\./);
      expect(text(".note")).toContain(draws);
      for (const figure of ["exchange-rate", "accuracy", "impact-index", "class-index"]) {
        const caption = text(`#figure-${figure} figcaption`);
        expect(caption, figure).toContain(draws);
        if (seeds.length === 2) expect(caption, figure).not.toContain("one training draw");
      }
    } // prettier-ignore
    const three = await headOf({ tpr: falls });
    expect(three.head).not.toMatch(/for these networks|training draw/);
  });

  it("are named by their number", () => {
    expect(trainingDraws([1, 1])).toBe("one training draw");
    expect(trainingDraws([2])).toBe("two training draws");
    expect(trainingDraws([2, 1])).toBe("one or two training draws");
  });

  it("without logits have no test, and none is told", async () => {
    const folder = study({ models: ["lenet"], levels: [0.3], seeds: [0], perClass: 20, tpr: falls }); // prettier-ignore
    for (const [arm, level] of [["baseline", 0], ["noise", 0.3], ["reduction", 0.3]] as const)
      rmSync(join(runFolder(folder, at(arm, level, 0)), "test_logits.safetensors")); // prettier-ignore
    await rebuildTables(folder);
    expect(renderReport(await readStudy(folder))).not.toContain("significantly more"); // prettier-ignore
  });
});

describe("the hardest classes", () => {
  it("are not told where all are alike, or where noise harms none", async () => {
    const models = ["lenet", "shallow"];
    const alike = await headOf({ models, tpr: ({ level }) => 0.75 - level / 2 }); // prettier-ignore
    expect(alike.head).not.toContain("hardest");
    expect(alike.text("#figure-sensitivity figcaption")).toContain("all classes are tied"); // prettier-ignore
    const helped = await headOf({ models, tpr: ({ arm, level }, c) => 0.5 + (arm === "noise" ? 0.1 * c * level : 0) }); // prettier-ignore
    expect(helped.head).not.toContain("hardest");
  });

  it("stand with W and what chance makes of it", async () => {
    const { head, text } = await headOf({ models: ["lenet", "shallow"], tpr: ({ arm, level }, c) => 0.8 - (arm === "noise" ? 0.2 * c * level : 0) }); // prettier-ignore
    expect(head).toContain("Noise hits truck, ship, horse hardest and airplane, automobile, bird least (Kendall's W across the 2 models: 1.00, where random orders give 0.50)."); // prettier-ignore
    expect(text("#figure-sensitivity figcaption")).toMatch(/mean rank correlation, 0 for random orders, is 1\.00 between two models; between two seeds of one model: lenet 1\.00, shallow 1\.00\./); // prettier-ignore
  });
});

describe("accuracies at the edge", () => {
  it("stay where they print alike", async () => {
    const { head } = await headOf({});
    expect(head).toContain("the accuracy of lenet stays at 50.0 %; with");
  });

  it("of 100 % are not known exactly", async () => {
    const { head } = await headOf({ tpr: () => 1 });
    expect(head).toContain(
      "accuracy near 100 % is known to about ±1.0 points and a class",
    );
  });

  it("of seeds that are all alike have the interval of a proportion", () => {
    const known = estimate([0.1, 0.1, 0.1], 1000)!;
    expect(known).toEqual({ mean: known.mean, ...wilson(known.mean, 1000) });
    expect(estimate([0.1, 0.2, 0.3], 1000)!.high).toBeGreaterThan(0.4);
  });
});

describe("the answer", () => {
  const row = (change: Partial<ExchangeRow> = {}): ExchangeRow => ({
    model: "",
    budget: "epochs",
    noiseLevel: 0.1,
    effectiveRate: 0.1,
    equivalentReduction: 0.2,
    censored: null,
    ciLow: 0.15,
    ciHigh: 0.25,
    interval: "t",
    seeds: 3,
    largestReduction: 0.3,
    ...change,
  });
  const open = row({ ciLow: 0, ciHigh: null });
  /** A model whose test images are of two classes, `support` each, and whose clean runs hit `hits` of them. */
  const series = (model: string, rows: ExchangeRow[], support = [500, 500], top1 = [0.8, 0.82, 0.81]): ExchangeSeries => {
    const perClass = support.map((n, index) => ({ index, class: `${index}`, support: n })); // prettier-ignore
    const done = top1.map((top1Last, seed) => ({ row: { model, arm: "baseline", level: 0, seed, top1Last }, perClass })); // prettier-ignore
    return { group: { model, done } as unknown as ModelRuns, budget: rows[0]!.budget, rows };
  }; // prettier-ignore
  const plain = (text: string | null) => text!.replaceAll("\u00a0", " ");

  it("gives every model's interval, and says who is left out and why", () => {
    const all = [
      series("lenet", [row()]),
      series("shallow", [row({ equivalentReduction: null, censored: "above", ciLow: 0.3, ciHigh: null })]),
      series("resnet8", [open]),
      series("resnet18", [row()], [500, 500], [0.5, 0.5, 0.5]),
      series("resnet34", [row({ noiseLevel: 0.4 })]),
    ]; // prettier-ignore
    expect(plain(answer(all))).toBe("10 % wrong labels cost from as much as losing 20 % (lenet) to more than losing 30 % of the data (shallow)."); // prettier-ignore
    const note = plain(answerNote(all));
    expect(note).toContain("(95 % intervals: lenet 15 % to 25 %, shallow beyond 30 %)"); // prettier-ignore
    expect(note).toContain("Left out: resnet8 (from nothing to more than was tried, anything may be); resnet18 (no better on the clean data than always naming the commonest class); resnet34 (no rate at this level)."); // prettier-ignore
  });

  it("names the largest reduction as it was asked for", () => {
    const above = row({ equivalentReduction: null, censored: "above", ciLow: 0.1, ciHigh: null, largestReduction: 0.125 }); // prettier-ignore
    const all = [series("lenet", [row({ equivalentReduction: 0.1 })]), series("shallow", [above])]; // prettier-ignore
    expect(plain(answer(all))).toContain("to more than losing 12.5 % of the data (shallow)."); // prettier-ignore
  });

  it("of one model in two quotes that model's own interval", () => {
    const all = [series("lenet", [open]), series("shallow", [row()])];
    expect(plain(answer(all))).toBe("10 % wrong labels cost shallow as much as losing 20 % of the data."); // prettier-ignore
    expect(plain(answerNote(all))).toContain("(95 % interval 15 % to 25 %)");
  });

  it("does not quote a rate of the other budget that may be anything", () => {
    const all = [series("lenet", [row()]), series("lenet", [{ ...open, budget: "steps" }])]; // prettier-ignore
    expect(plain(answerNote(all))).toContain("At equal steps, lenet: these runs cannot tell."); // prettier-ignore
  });

  it("of two models that lose nothing says so", () => {
    const nothing = row({ equivalentReduction: 0, censored: "below", ciLow: 0, ciHigh: 0.1 }); // prettier-ignore
    const all = [series("lenet", [nothing]), series("shallow", [nothing])];
    expect(plain(answer(all))).toBe("10 % wrong labels cost every model nothing that shows."); // prettier-ignore
  });

  it("waits for a network that beats naming the commonest class", () => {
    for (const [support, top1] of [[[500, 500], [0.5, 0.5, 0.5]], [[900, 100], [0.9, 0.9, 0.9]], [[900, 100], [0.9]]] as const)
      expect(answer([series("lenet", [row()], [...support], [...top1])])).toMatch(/^Even on the clean data lenet does not recognise more than always naming the commonest class/); // prettier-ignore
    expect(answer([series("lenet", [row()], [900, 100], [0.95, 0.96, 0.955])])).toMatch(/^10/); // prettier-ignore
  });
});

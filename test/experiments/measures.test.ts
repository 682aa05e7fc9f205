/** The tables of sweep folders with known answers, by hand. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseSensitivity } from "../../src/experiments/measure-tables.js";
import type { Concordance } from "../../src/experiments/measures.js";
import { readTables, rebuildTables } from "../../src/experiments/node-tables.js"; // prettier-ignore
import { parseResults } from "../../src/experiments/tables.js";
import { UserError } from "../../src/errors.js";
import { type Condition, runFolder, studyFolders, type StudyFixture } from "./study-fixtures.js"; // prettier-ignore
import { asClaimed } from "./study-worlds.js";

const { root, study, text } = studyFolders();

describe("one training draw", () => {
  const two = ["cat", "dog"];
  const table = (
    rates: Record<string, number[]>,
    perClass = 100,
  ): StudyFixture => ({
    // prettier-ignore
    models: ["lenet"],
    levels: [...new Set(Object.keys(rates).map((key) => Number(key.split(" ")[1])))].filter((l) => l > 0), // prettier-ignore
    seeds: [4],
    classes: two,
    perClass,
    tpr: ({ arm, level }, c) => rates[`${arm} ${level}`]![c]!,
  });

  it("the index by hand, and none where the class is never recognised", async () => {
    const folder = study(table({ "baseline 0": [0.8, 0], "noise 0.2": [0.4, 0.1], "reduction 0.2": [0.6, 0] })); // prettier-ignore
    const { impact: rows } = await readTables(folder);
    expect(rows[0]).toMatchObject({ class: "cat", level: 0.2, seeds: 1, marked: true, interval: "bootstrap" }); // prettier-ignore
    expect(rows[0]!.tprnNorm).toBeCloseTo(0.5, 12);
    expect(rows[0]!.tprdNorm).toBeCloseTo(0.75, 12);
    expect(rows[0]!.impact).toBeCloseTo(0.25, 12);
    expect(rows[1]).toEqual({
      model: "lenet", class: "dog", level: 0.2, seeds: 1, tpr0: 0, tprNoise: 0.1, tprReduction: 0,
      tprnNorm: null, tprdNorm: null, impact: null, ciLow: null, ciHigh: null, marked: false, p: null, interval: null,
    }); // prettier-ignore
    await rebuildTables(folder);
    expect(text(folder, "impact.csv")).toContain("lenet,dog,0.2,1,0,0.1,0,,,,,,false,,\n"); // prettier-ignore
  });

  it("the sign of the index is kept", async () => {
    const { impact: rows } = await readTables(study(table({ "baseline 0": [0.5, 0.5], "noise 0.2": [0.6, 0.5], "reduction 0.2": [0.4, 0.5] }))); // prettier-ignore
    expect(rows[0]!.impact).toBeCloseTo(-0.4, 12);
    expect(rows[0]!.ciHigh).toBeLessThan(0);
    expect(rows[1]!.impact).toBeCloseTo(0, 12);
  });

  it("the bootstrap is that of plain code with other random numbers", async () => {
    const fixture = table({ "baseline 0": [0.8, 0.7], "noise 0.2": [0.5, 0.6], "reduction 0.2": [0.6, 0.7] }); // prettier-ignore
    const folder = study(fixture);
    const { impact: rows } = await readTables(folder);
    const right = (arm: Condition["arm"], level: number) =>
      Array.from({ length: 100 }, (_, i) => {
        const hits = Math.round(fixture.tpr({ model: "lenet", arm, level, seed: 4 }, 0) * 100); // prettier-ignore
        return (i + 28 + Math.round(100 * level)) % 100 < hits ? 1 : 0;
      });
    const [clean, noisy, reduced] = [right("baseline", 0), right("noise", 0.2), right("reduction", 0.2)]; // prettier-ignore
    let state = 12345;
    const draw = () => Math.floor(((state = (state * 48271) % 2147483647) / 2147483647) * 100); // prettier-ignore
    const values = Array.from({ length: 20_000 }, () => {
      let [a, b] = [0, 0];
      for (let i = 0; i < 100; i++) {
        const k = draw();
        a += reduced[k]! - noisy[k]!;
        b += clean[k]!;
      }
      return a / b;
    }).sort((a, b) => a - b);
    // The Monte Carlo error of a 2.5 % quantile from 4,000 replicates is about 0.004 here.
    expect(rows[0]!.ciLow).toBeCloseTo(values[500]!, 1.5);
    expect(Math.abs(rows[0]!.ciLow! - values[500]!)).toBeLessThan(0.015);
    expect(Math.abs(rows[0]!.ciHigh! - values[19_500]!)).toBeLessThan(0.015);
    expect((await readTables(folder)).impact).toEqual(rows);
  });

  it("p is McNemar's exact one: 4 of 10 images all one way are no mark", async () => {
    // The fixture moves the hits with the level, so that of ten images four differ, all to reduction's side.
    const { impact: rows } = await readTables(study(table({ "baseline 0": [1, 1], "noise 0.2": [0.6, 1], "reduction 0.2": [1, 1] }, 10))); // prettier-ignore
    expect(rows[0]).toMatchObject({ interval: "bootstrap", marked: false });
    expect(rows[0]!.p).toBeCloseTo(0.125, 12);
    expect(rows[1]!.p).toBe(1);
    const { impact: more } = await readTables(study(table({ "baseline 0": [1, 1], "noise 0.2": [0.6, 1], "reduction 0.2": [1, 1] }, 20))); // prettier-ignore
    expect(more[0]!.p).toBeCloseTo(2 / 2 ** 8, 12);
    expect(more[0]!.marked).toBe(true);
  });

  it("no interval without the logits, and the same values", async () => {
    const fixture = table({ "baseline 0": [0.8, 0.7], "noise 0.2": [0.5, 0.6], "reduction 0.2": [0.6, 0.7] }); // prettier-ignore
    const folder = study(fixture);
    const before = (await readTables(folder)).impact;
    rmSync(join(runFolder(folder, { model: "lenet", arm: "noise", level: 0.2, seed: 4 }), "test_logits.safetensors")); // prettier-ignore
    const { impact: after, exchange: rates } = await readTables(folder);
    expect(after).toEqual(before.map((row) => ({ ...row, ciLow: null, ciHigh: null, p: null, marked: false, interval: null }))); // prettier-ignore
    expect(rates[0]).toMatchObject({ ciLow: null, ciHigh: null, interval: null }); // prettier-ignore
  });

  it("the exchange rate by hand: between, below and above", async () => {
    const folder = study(
      table(
        {
          "baseline 0": [0.8, 0.8],
          "reduction 0.1": [0.7, 0.7],
          "reduction 0.3": [0.6, 0.6],
          "reduction 0.4": [0.6, 0.6],
          "noise 0.1": [0.65, 0.65],
          "noise 0.3": [0.81, 0.81],
          "noise 0.4": [0.59, 0.59],
        },
        200,
      ),
    );
    const { exchange: rows } = await readTables(folder);
    expect(rows.map(({ censored }) => censored)).toEqual([null, "below", "above"]); // prettier-ignore
    expect(rows[0]!.equivalentReduction).toBeCloseTo(0.2, 12);
    expect(rows[0]!.ciLow).toBeGreaterThan(0);
    expect(rows[0]!.ciLow).toBeLessThan(0.2);
    expect(rows[1]).toMatchObject({ equivalentReduction: 0, ciLow: 0 });
    expect(rows[2]).toMatchObject({ equivalentReduction: null, ciHigh: null });
  });

  it("a curve that rises by chance is made level first", async () => {
    const { exchange: rows } = await readTables(
      study(
        table({
          "baseline 0": [0.7, 0.7],
          "reduction 0.1": [0.8, 0.8], // with the baseline: 0.75
          "reduction 0.2": [0.55, 0.55],
          "noise 0.1": [0.65, 0.65],
          "noise 0.2": [0.75, 0.75],
        }),
      ),
    );
    expect(rows[0]!.equivalentReduction).toBeCloseTo(0.15, 12);
    // 0.75 is on the fit, and above the baseline itself.
    expect(rows[1]).toMatchObject({ equivalentReduction: 0, censored: "below" }); // prettier-ignore
  });

  it("a second reduction arm has a rate of its own", async () => {
    const { exchange: rows } = await readTables(
      study({
        ...table({ "baseline 0": [0.8, 0.8], "noise 0.2": [0.7, 0.7], "reduction 0.2": [0.6, 0.6], "reduction-steps 0.2": [0.7, 0.7] }), // prettier-ignore
        arms: ["noise", "reduction", "reduction-steps"],
      }),
    );
    expect(rows.map(({ budget }) => budget)).toEqual(["epochs", "steps"]);
    expect(rows[0]!.equivalentReduction).toBeCloseTo(0.1, 12);
    expect(rows[1]!.equivalentReduction).toBeCloseTo(0.2, 12);
  });
});

describe("sensitivity and concordance", () => {
  const losses: Record<string, number[]> = { lenet: [0.1, 0.2, 0.3, 0.3], shallow: [0.2, 0.1, 0.4, 0.3] }; // prettier-ignore
  const fixture = (zero: boolean): StudyFixture => ({
    models: ["lenet", "shallow"],
    levels: [0.1, 0.3],
    seeds: [0, 1],
    arms: ["noise"],
    classes: ["a", "b", "c", "d"],
    perClass: 100,
    tpr: ({ model, arm, level }, c) =>
      zero && model === "shallow" && c === 0 ? 0 : arm === "noise" ? 0.5 * (1 - losses[model]![c]! * (level === 0.1 ? 0.8 : 1.2)) : 0.5, // prettier-ignore
  });

  it("by hand, ties sharing their rank", async () => {
    const folder = study(fixture(false));
    await rebuildTables(folder);
    const rows = parseSensitivity(text(folder, "sensitivity.csv"));
    expect(rows.map(({ rank }) => rank)).toEqual([4, 3, 1.5, 1.5, 3, 4, 1, 2]);
    for (const { model, index, sensitivity } of rows)
      expect(sensitivity).toBeCloseTo(losses[model]![index]!, 12);
    const { acrossModels, withinModel } = JSON.parse(text(folder, "concordance.json")) as Concordance; // prettier-ignore
    // Rank sums 7, 7, 2.5, 3.5 about 5: S = 16.5; ties: 2³ − 2 = 6; W = 12·16.5 / (4·60 − 2·6).
    expect(acrossModels!.w).toBeCloseTo(198 / 228, 12);
    expect(acrossModels).toMatchObject({ models: ["lenet", "shallow"], classes: ["a", "b", "c", "d"], left_out: [] }); // prettier-ignore
    // Both seeds are alike; lenet's tie takes part.
    expect(withinModel).toEqual([
      { model: "lenet", w: 1, seeds: 2 },
      { model: "shallow", w: 1, seeds: 2 },
    ]);
  });

  it("a class without a value in one model is left out of W in both", async () => {
    const { sensitivity, concordance } = await readTables(study(fixture(true)));
    const missing = sensitivity.find((row) => row.model === "shallow" && row.class === "a"); // prettier-ignore
    expect(missing).toMatchObject({ sensitivity: null, rank: null });
    expect(sensitivity.filter(({ model }) => model === "shallow").map(({ rank }) => rank)).toEqual([null, 3, 1, 2]); // prettier-ignore
    expect(concordance.acrossModels).toMatchObject({ classes: ["b", "c", "d"], left_out: ["a"] }); // prettier-ignore
    // Ranks 3, 1.5, 1.5 and 3, 1, 2: S = 2² + 1.5² + 0.5² = 6.5 about 4; W = 12·6.5 / (4·24 − 2·6).
    expect(concordance.acrossModels!.w).toBeCloseTo(78 / 84, 12);
  });
});

describe("folders that are not whole", () => {
  const fixture: StudyFixture = {
    models: ["lenet"],
    levels: [0.1, 0.3],
    seeds: [0, 1, 2],
    perClass: 20,
    tpr: asClaimed,
  };
  const at = (arm: Condition["arm"], level: number, seed: number) => ({ model: "lenet", arm, level, seed }); // prettier-ignore

  it("a run that failed leaves the other seeds", async () => {
    const folder = study(fixture);
    const gone = runFolder(folder, at("noise", 0.1, 1));
    rmSync(gone, { recursive: true });
    mkdirSync(gone);
    writeFileSync(join(gone, "failure.json"), JSON.stringify({ state: "diverged", error: "too fast" })); // prettier-ignore
    const { results, impact: rows, exchange: rates, problems } = await readTables(folder); // prettier-ignore
    expect(problems).toEqual([]);
    expect(results.filter(({ status }) => status !== "done")).toMatchObject([{ arm: "noise", level: 0.1, seed: 1, status: "diverged", top1Last: null }]); // prettier-ignore
    expect(new Set(rows.filter((r) => r.level === 0.1).map((r) => r.seeds))).toEqual(new Set([2])); // prettier-ignore
    expect(new Set(rows.filter((r) => r.level === 0.3).map((r) => r.seeds))).toEqual(new Set([3])); // prettier-ignore
    expect(rates.map(({ seeds, interval }) => [seeds, interval])).toEqual([[2, "bootstrap"], [3, "t"]]); // prettier-ignore
  });

  it("a run that is missing makes no cell significant", async () => {
    // Reduction costs nothing, and noise a lot in the two seeds that stay; the third differs too much for t.
    const sharp: StudyFixture = { ...fixture, tpr: ({ arm, seed }) => arm === "noise" ? (seed === 0 ? 0.9 : 0.2) : 0.9 }; // prettier-ignore
    const marked = async (gone: Condition[]) => {
      const folder = study(sharp);
      for (const run of gone) rmSync(runFolder(folder, run), { recursive: true }); // prettier-ignore
      const { impact: rows } = await readTables(folder);
      return rows.filter((row) => row.marked).map(({ level, interval, p }) => ({ level, interval, p })); // prettier-ignore
    };
    expect(await marked([])).toEqual([]);
    // Of one kind only: the cells at 0.1 have an exact p far below 5 %, and stay unmarked beside those with t.
    expect(await marked([at("noise", 0.1, 0)])).toEqual([]);
    // With two seeds everywhere the marks are about these networks.
    const two = await marked([at("noise", 0.1, 0), at("noise", 0.3, 0)]);
    expect(two).toHaveLength(20);
    expect(new Set(two.map(({ interval }) => interval))).toEqual(new Set(["bootstrap"])); // prettier-ignore
  });

  it("a missing level of one seed leaves the seeds that have all levels; a level that no seed shares leaves one seed", async () => {
    const folder = study(fixture);
    rmSync(runFolder(folder, at("reduction", 0.3, 0)), { recursive: true });
    const { exchange: two } = await readTables(folder);
    expect(two.map(({ seeds }) => seeds)).toEqual([2, 2]);
    for (const [level, seed] of [[0.3, 1], [0.1, 2]] as const) // prettier-ignore
      rmSync(runFolder(folder, at("reduction", level, seed)), { recursive: true }); // prettier-ignore
    const { exchange: one } = await readTables(folder);
    expect(one.map((r) => [r.seeds, r.largestReduction])).toEqual([[1, 0.1], [1, 0.1]]); // prettier-ignore
  });

  it("damaged files are named and left out", async () => {
    const folder = study(fixture);
    const run = runFolder(folder, at("noise", 0.3, 2));
    writeFileSync(join(run, "per_class.csv"), "class,index\na,0\n");
    rmSync(join(runFolder(folder, at("noise", 0.1, 2)), "poison.json"));
    mkdirSync(join(folder, "runs", "holiday pictures"));
    cpSync(run, run.replace("0123abcd", "ffffffff"), { recursive: true });
    const { problems, results } = await readTables(folder);
    expect(problems).toHaveLength(4);
    expect(problems.join("\n")).toMatch(/no column support/);
    expect(problems.join("\n")).toMatch(/no poison.json/);
    expect(problems.join("\n")).toMatch(/holiday pictures is no run/);
    expect(problems.join("\n")).toMatch(/ffffffff is a second run/);
    expect(results).toHaveLength(15);
  });

  it("runs on other classes are left out", async () => {
    const folder = study(fixture);
    const other = study({ ...fixture, classes: ["x", "y"] });
    const run = at("noise", 0.3, 2);
    cpSync(runFolder(other, run), runFolder(folder, run), { recursive: true });
    const { problems } = await readTables(folder);
    expect(problems).toEqual(["lenet noise 0.3, seed 2: evaluated on other classes or images; left out"]); // prettier-ignore
  });

  it("results.csv has every run, and nothing is written into what is no sweep", async () => {
    const folder = study(fixture);
    const tables = await rebuildTables(folder);
    expect(parseResults(text(folder, "results.csv"))).toEqual(tables.results);
    expect(tables.results.every(({ status }) => status === "done")).toBe(true);
    await expect(rebuildTables(join(root, "nothing"))).rejects.toThrow(UserError); // prettier-ignore
  });

  it("an empty sweep has empty tables", async () => {
    const folder = join(root, "empty");
    mkdirSync(join(folder, "runs"), { recursive: true });
    const tables = await rebuildTables(folder);
    expect(tables.impact).toEqual([]);
    expect(tables.exchange).toEqual([]);
    expect(tables.concordance).toEqual({ acrossModels: null, withinModel: [] });
    expect(new Set(tables.claims.map(({ verdict }) => verdict))).toEqual(new Set(["not tested"])); // prettier-ignore
  });
});

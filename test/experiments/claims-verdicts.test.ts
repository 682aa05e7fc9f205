/** The tables and verdicts of whole studies, beside what plain code makes of them (recompute.ts). */
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/engine/random.js";
import { type ClaimResult, type StudyFacts, testClaims } from "../../src/experiments/claims.js"; // prettier-ignore
import { parseExchange, parseImpact } from "../../src/experiments/measure-tables.js"; // prettier-ignore
import { rebuildTables } from "../../src/experiments/node-tables.js"; // prettier-ignore
import { RateTable } from "../../src/experiments/rate-table.js";
import { exchange, impact, readRuns, verdicts } from "./recompute.js";
import {
  studyFolders,
  studyRates,
  type StudyFixture,
} from "./study-fixtures.js";
import { asChance, asClaimed, asDenied, five } from "./study-worlds.js";

const { study, text } = studyFolders();

const byId = (claims: readonly { id: string; verdict: string }[]) =>
  Object.fromEntries(claims.map(({ id, verdict }) => [id, verdict]));

describe.each([
  { name: "as claimed", tpr: asClaimed, models: five, levels: [0.05, 0.2, 0.3, 0.4, 0.6] }, // prettier-ignore
  { name: "as denied", tpr: asDenied, models: five, levels: [0.05, 0.2, 0.3, 0.4, 0.6] }, // prettier-ignore
  { name: "as chance has it", tpr: asChance, models: five, levels: [0.05, 0.1, 0.3] }, // prettier-ignore
  { name: "two models of five", tpr: asClaimed, models: ["lenet", "shallow"], levels: [0.05, 0.3] }, // prettier-ignore
])("three seeds, $name", ({ tpr, models, levels }) => {
  let folder: string;
  beforeAll(async () => {
    folder = study({ models, levels, seeds: [0, 1, 2], perClass: 40, tpr });
    await rebuildTables(folder);
  });

  it("impact.csv is what plain code makes of per_class.csv", () => {
    const rows = parseImpact(text(folder, "impact.csv"));
    const expected = impact(readRuns(folder));
    expect(rows).toHaveLength(models.length * 10 * levels.length);
    const key = (row: { model: string; class: string; level: number }) =>
      `${row.model} ${row.class} ${row.level}`;
    const known = new Map(expected.map((row) => [key(row), row]));
    for (const row of rows) {
      const other = known.get(key(row))!;
      expect(row.marked, key(row)).toBe(other.marked);
      expect(row.seeds).toBe(3);
      expect(row.interval).toBe(other.p === null ? null : "t");
      for (const name of ["impact", "ciLow", "ciHigh", "p"] as const) {
        if (other[name] === null) expect(row[name]).toBeNull();
        else expect(row[name]).toBeCloseTo(other[name], 9);
      }
    }
  });

  it("exchange.csv too", () => {
    const rows = parseExchange(text(folder, "exchange.csv"));
    const expected = exchange(readRuns(folder));
    expect(rows).toHaveLength(models.length * levels.length);
    for (const row of rows) {
      const other = expected.find((o) => o.model === row.model && o.noiseLevel === row.noiseLevel)!; // prettier-ignore
      expect(row).toMatchObject({ budget: "epochs", seeds: 3, interval: "t", censored: other.censored, largestReduction: levels.at(-1) }); // prettier-ignore
      expect(row.effectiveRate).toBeCloseTo(other.effectiveRate, 12);
      // Ends of intervals are found on a grid.
      for (const [name, digits] of [
        ["equivalentReduction", 9],
        ["ciLow", 3],
        ["ciHigh", 3],
      ] as const) {
        // prettier-ignore
        if (other[name] === null) expect(row[name]).toBeNull();
        else expect(row[name]).toBeCloseTo(other[name], digits);
      }
    }
  });

  it("claims.json too", () => {
    const claims = JSON.parse(text(folder, "claims.json")) as ClaimResult[];
    expect(byId(claims)).toMatchObject(verdicts(readRuns(folder)));
    for (const { evidence, criterion } of claims) {
      expect(evidence).not.toMatch(/NaN|undefined|null|Infinity/);
      expect(evidence.length).toBeGreaterThan(10);
      expect(criterion.length).toBeGreaterThan(20);
    }
  });
});

describe("the claims' verdicts", () => {
  const facts = { data: "sample", trainImages: 2000, noiseKind: "uniform" };
  const claimsOf = (fixture: Partial<StudyFixture>, given: Partial<StudyFacts> = {}) =>
    testClaims({
      table: new RateTable(studyRates({ models: five, levels: [0.05, 0.2, 0.3, 0.4, 0.6], seeds: [0, 1, 2], perClass: 40, tpr: asClaimed, ...fixture })),
      facts: { ...facts, ...given },
    }); // prettier-ignore

  it("hold in the study's world", () => {
    const found = byId(claimsOf({}));
    expect(found).toEqual({
      "noise-hurts-more": "held",
      "hardest-classes": "held",
      "easiest-classes": "held",
      "data-not-model": "held",
      "lenet-weakest": "held",
      "lenet-bird-index": "held",
      "lenet-bird-tpr": "held",
      "shallow-reduction-helps": "held",
      "noise-helps-none": "held",
      "ladder-falls": "held",
      "ladder-ten-points": "not tested",
      "ladder-24-percent": "not tested",
    });
  });

  it("do not hold in its opposite", () => {
    const found = byId(claimsOf({ tpr: asDenied }));
    for (const id of [
      "noise-hurts-more",
      "hardest-classes",
      "easiest-classes",
      "lenet-weakest",
      "shallow-reduction-helps",
      "noise-helps-none",
      "ladder-falls",
    ])
      // prettier-ignore
      expect(found[id], id).toBe("not held");
  });

  it("stay open where models are missing, and name them", () => {
    const claims = claimsOf({ models: ["lenet", "shallow"] });
    const hurts = claims.find(({ id }) => id === "noise-hurts-more")!;
    expect(hurts.verdict).toBe("inconclusive");
    expect(hurts.evidence).toContain("On sample, 2000 training images, uniform noise:"); // prettier-ignore
    expect(hurts.evidence).toContain("runs missing: unresnet18, googlenet, resnet18"); // prettier-ignore
    const data = claims.find(({ id }) => id === "data-not-model")!;
    expect(data.verdict).toBe("not tested");
  });

  it("are not tested without the classes, levels, model or data that they are about", () => {
    const classes = Array.from({ length: 6 }, (_, c) => `kind ${c}`);
    const claims = claimsOf({ classes, levels: [0.1], models: ["resnet8"] }); // prettier-ignore
    for (const { verdict, evidence, id } of claims) {
      expect(verdict, id).toBe("not tested");
      expect(evidence, id).toMatch(/needs|missing|has no class/);
    }
  });

  it("about published numbers are tested on the study's own model and data alone", () => {
    const classes = Array.from({ length: 100 }, (_, c) => c === 0 ? "aquarium_fish" : `class ${c}`); // prettier-ignore
    const hive = {
      classes,
      models: ["resnet152"],
      arms: ["noise" as const],
      levels: [0.2, 0.4, 0.6],
    };
    const shuffle = { data: "cifar100", noiseKind: "shuffle" };
    const accuracy = (rates: number[]): StudyFixture["tpr"] => ({ level, seed }) =>
      rates[Math.round(level * 5)]! + 0.004 * seed * level; // prettier-ignore
    const at = (rates: number[], models: string[], given: Partial<StudyFacts>) =>
      byId(claimsOf({ ...hive, models, tpr: accuracy(rates) }, { ...shuffle, ...given })); // prettier-ignore
    const full = { trainImages: 50_000 };
    expect(at([0.55, 0.45, 0.35, 0.25], ["resnet152"], full)).toMatchObject({ "ladder-falls": "held", "ladder-ten-points": "held", "ladder-24-percent": "held" }); // prettier-ignore
    expect(at([0.65, 0.5, 0.5, 0.1], ["resnet152"], full)).toMatchObject({ "ladder-falls": "inconclusive", "ladder-ten-points": "not held", "ladder-24-percent": "not held" }); // prettier-ignore
    for (const [model, given] of [["resnet152", {}], ["resnet18", full], ["resnet152", { ...full, noiseKind: "uniform" }]] as const)
      expect(at([0.55, 0.45, 0.35, 0.25], [model], given)).toMatchObject({ "ladder-falls": "held", "ladder-ten-points": "not tested", "ladder-24-percent": "not tested" }); // prettier-ignore
  });

  const verdictOf = (id: string, ...given: Parameters<typeof claimsOf>) =>
    claimsOf(...given).find((claim) => claim.id === id)!;

  it("rest on three seeds: fewer decide nothing, and say so", () => {
    for (const seeds of [[0], [0, 1]])
      for (const tpr of [asClaimed, asDenied])
        for (const { id, verdict, evidence } of claimsOf({ seeds, tpr })) {
          if (verdict === "not tested") continue;
          expect(verdict, id).toBe("inconclusive");
          expect(evidence, id).toMatch(/; fewer than three seeds decide nothing$/); // prettier-ignore
        }
  });

  it("are none where seeds are all alike: nothing is known of their spread", () => {
    const alike: StudyFixture["tpr"] = (condition, c) => asClaimed({ ...condition, seed: 0 }, c); // prettier-ignore
    for (const { id, verdict } of claimsOf({ tpr: alike }))
      if (id !== "data-not-model") expect(verdict, id).not.toMatch(/held/);
    const { models, levels, classes } = { models: ["resnet152"], levels: [0.2, 0.4, 0.6], classes: Array.from({ length: 100 }, (_, c) => c === 0 ? "aquarium_fish" : `class ${c}`) }; // prettier-ignore
    const flat = claimsOf(
      { models, levels, classes, tpr: ({ level }) => 0.55 - level / 2 },
      { trainImages: 50_000, noiseKind: "shuffle" },
    );
    for (const id of ["ladder-falls", "ladder-ten-points", "ladder-24-percent"])
      expect(byId(flat)[id], id).toBe("inconclusive");
  });

  it("do not refute by chance: of 80 studies without any effect few say 'not held'", () => {
    const refuted: Record<string, number> = {};
    for (let study = 0; study < 80; study++) {
      const stream = new RandomStream(study, 100);
      const none = () => 0.5 + 0.04 * (stream.float() + stream.float() + stream.float() - 1.5); // prettier-ignore
      for (const { id, verdict } of claimsOf({ tpr: none }))
        if (verdict === "not held") refuted[id] = (refuted[id] ?? 0) + 1;
    }
    // 2.5 % by design, which is 2 of 80.
    for (const [id, count] of Object.entries(refuted))
      expect(count, id).toBeLessThanOrEqual(6);
  });

  it("a class at a rate of 0 in both arms does not show that noise helps none", () => {
    const dead: StudyFixture["tpr"] = (condition, c) => c === 3 ? asClaimed(condition, c) : 0; // prettier-ignore
    expect(verdictOf("noise-helps-none", { tpr: dead }).verdict).toBe(
      "inconclusive",
    );
  });

  it("of the order of classes rest on the five models, and on the levels that all of them have", () => {
    const order = (sign: number): StudyFixture["tpr"] => ({ level, seed }, c) =>
      0.8 - level * (0.5 + sign * 0.02 * c) - 0.001 * seed; // prettier-ignore
    const agreeing = studyRates({ models: ["lenet", "shallow", "resnet18"], levels: [0.1], seeds: [0, 1, 2], perClass: 1, tpr: order(1) }); // prettier-ignore
    const opposed = studyRates({ models: ["resnet34", "resnet50"], levels: [0.1], seeds: [0, 1, 2], perClass: 1, tpr: order(-1) }); // prettier-ignore
    const deeper = studyRates({ models: ["lenet", "shallow"], levels: [0.6], seeds: [0, 1, 2], perClass: 1, tpr: order(-1) }); // prettier-ignore
    const runs = [...agreeing.runs, ...opposed.runs, ...deeper.runs.filter(({ arm }) => arm !== "baseline")]; // prettier-ignore
    const table = new RateTable({ ...agreeing, runs });
    const found = testClaims({ table, facts }).find(({ id }) => id === "data-not-model")!; // prettier-ignore
    expect(found).toMatchObject({ verdict: "held" });
    expect(found.evidence).toContain("W = 1.00 across shallow, lenet, resnet18, where random orders give 0.33 on average"); // prettier-ignore
  });

  it("of the order of classes need CIFAR-10's, and six that are ever recognised", () => {
    const classes = ["x", "y", "z"];
    expect(verdictOf("data-not-model", { classes }).verdict).toBe("not tested");
    const few: StudyFixture["tpr"] = (condition, c) => c < 5 ? 0 : asClaimed(condition, c); // prettier-ignore
    expect(verdictOf("data-not-model", { tpr: few }).verdict).toBe("inconclusive"); // prettier-ignore
  });

  it("say where a model has runs, but no seed has all of them", () => {
    const whole = studyRates({ models: ["lenet", "shallow"], levels: [0.2, 0.4, 0.6], seeds: [0, 1], perClass: 1, tpr: asClaimed }); // prettier-ignore
    const runs = whole.runs.filter(({ model, seed, level }) => model === "shallow" || level === 0 || seed === (level === 0.4 ? 1 : 0)); // prettier-ignore
    const claims = testClaims({ table: new RateTable({ ...whole, runs }), facts }); // prettier-ignore
    const hurts = claims.find(({ id }) => id === "noise-hurts-more")!;
    expect(hurts.evidence).toContain("runs missing: unresnet18, googlenet, resnet18; no seed has all the runs: lenet"); // prettier-ignore
    const ladder = claims.find(({ id }) => id === "ladder-falls")!;
    expect(ladder.evidence).toContain("no seed has all the runs: lenet");
    expect(ladder.evidence).not.toContain("runs missing");
  });
});

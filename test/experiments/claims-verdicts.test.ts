/** The tables and verdicts of whole studies, beside what plain code makes of them (recompute.ts). */
import { beforeAll, describe, expect, it } from "vitest";
import type { ClaimResult } from "../../src/experiments/claims.js";
import { parseExchange, parseImpact } from "../../src/experiments/measure-tables.js"; // prettier-ignore
import { readTables, rebuildTables } from "../../src/experiments/node-tables.js"; // prettier-ignore
import { exchange, impact, readRuns, verdicts } from "./recompute.js";
import { studyFolders, type StudyFixture } from "./study-fixtures.js";
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
  const claimsOf = async (fixture: Partial<StudyFixture>) => {
    const folder = study({ models: five, levels: [0.05, 0.2, 0.3, 0.4, 0.6], seeds: [0, 1, 2], perClass: 40, tpr: asClaimed, ...fixture }); // prettier-ignore
    return (await readTables(folder)).claims;
  };

  it("hold in the study's world", async () => {
    const found = byId(await claimsOf({}));
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

  it("do not hold in its opposite", async () => {
    const found = byId(await claimsOf({ tpr: asDenied }));
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

  it("stay open where models are missing, and name them", async () => {
    const claims = await claimsOf({ models: ["lenet", "shallow"] });
    const hurts = claims.find(({ id }) => id === "noise-hurts-more")!;
    expect(hurts.verdict).toBe("inconclusive");
    expect(hurts.evidence).toContain("On sample, 2000 training images, uniform noise:"); // prettier-ignore
    expect(hurts.evidence).toContain("runs missing: unresnet18, googlenet, resnet18"); // prettier-ignore
    const data = claims.find(({ id }) => id === "data-not-model")!;
    expect(data.verdict).toBe("not tested");
  });

  it("are not tested without the classes, levels, model or data that they are about", async () => {
    const classes = Array.from({ length: 6 }, (_, c) => `kind ${c}`);
    const claims = await claimsOf({ classes, levels: [0.1], models: ["resnet8"] }); // prettier-ignore
    for (const { verdict, evidence, id } of claims) {
      expect(verdict, id).toBe("not tested");
      expect(evidence, id).toMatch(/needs|missing|has no class/);
    }
  });

  it("about published numbers are tested on the study's own model and data alone", async () => {
    const classes = Array.from({ length: 100 }, (_, c) => c === 0 ? "aquarium_fish" : `class ${c}`); // prettier-ignore
    const hive = {
      classes,
      models: ["resnet152"],
      arms: ["noise" as const],
      levels: [0.2, 0.4, 0.6],
      perClass: 20,
      config: { data: "cifar100", noiseKind: "shuffle" },
    };
    const accuracy = (rates: number[]): StudyFixture["tpr"] => (condition, index) =>
      rates[Math.round(condition.level * 5)]! + (index === condition.seed && condition.arm === "noise" ? 0.05 : 0); // prettier-ignore
    const at = async (rates: number[], changes: Partial<StudyFixture>) =>
      byId(await claimsOf({ ...hive, tpr: accuracy(rates), ...changes }));
    const full = { trainImages: 50_000 };
    expect(await at([0.55, 0.45, 0.35, 0.25], full)).toMatchObject({ "ladder-falls": "held", "ladder-ten-points": "held", "ladder-24-percent": "held" }); // prettier-ignore
    expect(await at([0.65, 0.5, 0.5, 0.1], full)).toMatchObject({ "ladder-falls": "inconclusive", "ladder-ten-points": "not held", "ladder-24-percent": "not held" }); // prettier-ignore
    for (const changes of [{}, { ...full, models: ["resnet18"] }, { ...full, config: { noiseKind: "uniform" } }]) // prettier-ignore
      expect(await at([0.55, 0.45, 0.35, 0.25], changes)).toMatchObject({ "ladder-falls": "held", "ladder-ten-points": "not tested", "ladder-24-percent": "not tested" }); // prettier-ignore
  });
});

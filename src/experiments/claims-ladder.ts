/** The claims of the dirty-data ladder (Hive, 2019). */
import {
  aboveZero,
  fewSeeds,
  forEvery,
  near,
  points,
} from "./claim-verdicts.js";
import type { Claim, ClaimStudy, Finding } from "./claims.js";
import {
  type Condition,
  conditionOf,
  type Estimate,
  type RateTable,
} from "./rate-table.js";

const study = "dirty-data";
const rungs = [0, 0.2, 0.4, 0.6];
const fullTrainingSet = 50_000;

export const ladderClaims: readonly Claim[] = [
  {
    id: "ladder-falls",
    study,
    claim: "Accuracy falls strictly from 0 to 20, 40 and 60 % noise.",
    criterion:
      "A trend, tested on every model and any data with these levels: the fall of accuracy at each step. Held if the interval of each is above 0 for every model of the sweep, not held if one is below 0 by Benjamini-Hochberg over all steps and models.",
    test: ({ table }) => ladderFalls(table),
  },
  {
    id: "ladder-ten-points",
    study,
    claim: "Accuracy falls by about 10 points with every 20 % of noise.",
    criterion:
      "ResNet-152 on all of CIFAR-100 only: a third of the fall from 0 to 60 %. Held if its interval is within 10 ± 2.5 points, not held if it is outside.",
    test: (s) =>
      published(s, [0, 0.6], ([clean, worst], { table }) => {
        const estimate = table.estimate(
          [clean!, worst!],
          (rate) => (rate(clean!, "top1") - rate(worst!, "top1")) / 3,
        )!;
        return {
          verdict: near(estimate, 0.1, 0.025),
          evidence: `${points(estimate)} a step; the study's own 65 % and 24 % make 13.7${fewSeeds([estimate.seeds])}`,
        };
      }),
  },
  {
    id: "ladder-24-percent",
    study,
    claim: "With 60 % noise, 24 % accuracy are left.",
    criterion:
      "ResNet-152 on all of CIFAR-100 only: held if the interval of the accuracy at 60 % is within 24 ± 3 %, not held if it is outside.",
    test: (s) =>
      published(s, [0.6], ([worst], { table }) => {
        const estimate = table.estimate([worst!], (rate) =>
          rate(worst!, "top1"),
        )!;
        return {
          verdict: near(estimate, 0.24, 0.03),
          evidence: `accuracy ${shareText(estimate)}${fewSeeds([estimate.seeds])}`,
        };
      }),
  },
];

function shareText({ value, low, high }: Estimate): string {
  const word = (x: number) => `${(100 * x).toFixed(1)} %`;
  const range =
    low === null || high === null
      ? "no interval"
      : `${word(low)} to ${word(high)}`;
  return `${word(value)} (${range})`;
}

function rung(model: string, level: number): Condition {
  return conditionOf(model, level === 0 ? "baseline" : "noise", level);
}

function ladderFalls(table: RateTable): Finding {
  const finding = forEvery(table.models, table.models, (model) => {
    const all = rungs.map((level) => rung(model, level));
    if (table.commonSeeds(all).length === 0) return null;
    const steps = rungs.slice(1).map((level, i) => {
      const [before, after] = [rung(model, rungs[i]!), rung(model, level)];
      const estimate = table.estimate(
        [before, after],
        (rate) => rate(before, "top1") - rate(after, "top1"),
      )!;
      return { level, estimate };
    });
    return {
      holds: steps.every(({ estimate }) => aboveZero(estimate)),
      tests: steps,
      evidence: steps
        .map(
          ({ level, estimate }) =>
            `to ${100 * level} %: falls by ${points(estimate)}`,
        )
        .join(", "),
    };
  });
  return finding.verdict === "not tested"
    ? {
        verdict: "not tested",
        evidence: "needs a model with runs at 0, 20, 40 and 60 % noise",
      }
    : finding;
}

/** A claim about a published number: tested on the study's own model and data alone. */
function published(
  given: ClaimStudy,
  levels: readonly number[],
  test: (conditions: Condition[], study: ClaimStudy) => Finding,
): Finding {
  const { table, facts } = given;
  const conditions = levels.map((level) => rung("resnet152", level));
  const missing = [
    ...(table.classes.length === 100 &&
    table.classes.includes("aquarium_fish") &&
    facts.trainImages === fullTrainingSet
      ? []
      : [
          `all of CIFAR-100 (here: ${facts.data}, ${facts.trainImages} images)`,
        ]),
    ...(facts.noiseKind === "shuffle"
      ? []
      : [`shuffle noise (here: ${facts.noiseKind})`]),
    ...(table.commonSeeds(conditions).length > 0
      ? []
      : [
          `resnet152 at ${levels.map((level) => `${100 * level} %`).join(" and ")}`,
        ]),
  ];
  return missing.length > 0
    ? { verdict: "not tested", evidence: `needs ${missing.join(", ")}` }
    : test(conditions, given);
}

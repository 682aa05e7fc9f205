/** Claims about which classes noise hits most and least, and whether models agree on it. */
import {
  aboveZero,
  fewSeeds,
  forEvery,
  negated,
  number,
} from "./claim-verdicts.js";
import type { ClaimStudy, Finding } from "./claims.js";
import { concordance } from "./measures.js";
import {
  conditionOf,
  type Rate,
  type RateTable,
  SEEDS_FOR_T,
} from "./rate-table.js";
import { mean, meanRankCorrelation } from "./statistics.js";

export const cifar10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]; // prettier-ignore

/** From here on W counts as strong agreement, and below the second as less than moderate (Schmidt 1997). */
const STRONG = 0.7;
const MODERATE = 0.5;
/** With fewer classes than this three models in random orders reach a strong W more than 3 times in 100. */
const FEWEST_CLASSES = 6;

/** The classes' indices; a finding of what is missing where there are other classes. */
export function requireClasses(
  table: RateTable,
  names: readonly string[],
): { indices: number[] } | { missing: Finding } {
  const indices = names.map((name) => table.classes.indexOf(name));
  const absent = names.filter((_, i) => indices[i]! < 0);
  return absent.length === 0
    ? { indices }
    : {
        missing: {
          verdict: "not tested",
          evidence: `the data has no class ${absent.join(", ")}; the claim is about CIFAR-10`,
        },
      };
}

/**
 * Whether the named classes have the highest (`sign` 1) or lowest (−1) sensitivities in every model.
 */
export function extremeClasses(
  { table }: ClaimStudy,
  models: readonly string[],
  names: readonly string[],
  sign: 1 | -1,
): Finding {
  const found = requireClasses(table, names);
  if ("missing" in found) return found.missing;
  const rest = table.classes.flatMap((_, c) =>
    found.indices.includes(c) ? [] : [c],
  );
  return forEvery(models, table.models, (model) => {
    const levels = table.levels(model, "noise");
    const clean = table.baseline(model);
    const noisy = levels.map((level) => conditionOf(model, "noise", level));
    const conditions = [clean, ...noisy];
    const seeds = table.commonSeeds(conditions);
    if (levels.length === 0 || seeds.length === 0) return null;
    const average = table.meanRate(seeds);
    const tpr0 = table.classes.map((_, c) => average(clean, c));
    const dead = table.classes.filter((_, c) => tpr0[c] === 0);
    if (dead.length > 0)
      return {
        holds: false,
        tests: [],
        evidence: `never recognises ${dead.join(", ")} without noise, so it has no ranking`,
      };
    // Sensitivity times the sign, linear in the rates: the baseline's mean is the unit.
    const score = (rate: Rate, c: number) =>
      (sign *
        (rate(clean, c) - mean(noisy.map((condition) => rate(condition, c))))) /
      tpr0[c]!;
    const contrast = table.estimate(
      conditions,
      (rate) =>
        mean(found.indices.map((c) => score(rate, c))) -
        mean(rest.map((c) => score(rate, c))),
    )!;
    const tests = found.indices.flatMap((c) =>
      rest.map((rival) => {
        const estimate = table.estimate(
          conditions,
          (rate) => score(rate, c) - score(rate, rival),
        )!;
        return {
          estimate,
          refutation: `${table.classes[rival]!} beyond ${table.classes[c]!} by ${number(negated(estimate))}`,
        };
      }),
    );
    const order = table.classes
      .map((name, c) => ({ name, c, value: score(average, c) }))
      .sort((a, b) => b.value - a.value);
    const top = order.slice(0, names.length);
    const exact = top.every(({ c }) => found.indices.includes(c));
    const ranking = `${sign > 0 ? "most" : "least"} sensitive: ${top
      .map(({ name, value }) => `${name} ${(sign * value).toFixed(2)}`)
      .join(", ")}`;
    return {
      holds: exact && aboveZero(contrast),
      tests,
      evidence: `${ranking}; the named classes beyond the others by ${number(contrast)}`,
    };
  });
}

/** Whether the models order the classes alike, by Kendall's W. */
export function dataNotModel(
  { table }: ClaimStudy,
  models: readonly string[],
): Finding {
  const found = requireClasses(table, cifar10);
  if ("missing" in found) return found.missing;
  const { acrossModels, withinModel } = concordance(table, models);
  if (!acrossModels || acrossModels.models.length < 3)
    return {
      verdict: "not tested",
      evidence: `needs noise runs of at least three of ${models.join(", ")} at a level that they share`,
    };
  const { w, classes, left_out: left } = acrossModels;
  const known = withinModel.flatMap((one) => one.w === null ? [] : [{ seeds: one.seeds, r: meanRankCorrelation(one.w, one.seeds) }]); // prettier-ignore
  const repeat = known.length > 0 ? mean(known.map(({ r }) => r)) : null;
  const seeds = withinModel.map((one) => one.seeds);
  const strong = meanRankCorrelation(STRONG, 3);
  const verdict =
    Math.min(...seeds) < SEEDS_FOR_T || classes.length < FEWEST_CLASSES
      ? "inconclusive"
      : w >= STRONG
        ? "held"
        : w < MODERATE && repeat !== null && repeat >= strong - 1e-12
          ? "not held"
          : "inconclusive";
  const across = meanRankCorrelation(w, acrossModels.models.length);
  return {
    verdict,
    evidence:
      `W = ${w.toFixed(2)} across ${acrossModels.models.join(", ")}` +
      (left.length > 0 ? ` (left out: ${left.join(", ")})` : "") +
      `, where random orders give ${(1 / acrossModels.models.length).toFixed(2)} on average; mean rank correlation ${across.toFixed(2)} between two models` +
      (repeat === null
        ? ""
        : `, ${repeat.toFixed(2)} between two seeds of a model`) + // prettier-ignore
      fewSeeds(seeds),
  };
}

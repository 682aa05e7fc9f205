/** Which classes a model's noise runs hit most and least, and whether a change of many classes' rates is proven. */
import { aboveZero, forEvery, number } from "./claim-verdicts.js";
import type { ClaimStudy, Finding } from "./claims.js";
import {
  conditionOf,
  type Estimate,
  type Rate,
  type RateTable,
} from "./rate-table.js";
import { benjaminiHochberg, mean } from "./statistics.js";

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
  return forEvery(models, (model) => {
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
        verdict: "inconclusive",
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
    const reversals = found.indices.flatMap((c) =>
      rest.map((rival) => ({
        c,
        rival,
        estimate: table.estimate(
          conditions,
          (rate) => score(rate, rival) - score(rate, c),
        )!,
      })),
    );
    const proven = significantGains(reversals);
    const order = table.classes
      .map((name, c) => ({ name, c, value: score(average, c) }))
      .sort((a, b) => b.value - a.value);
    const top = order.slice(0, names.length);
    const exact = top.every(({ c }) => found.indices.includes(c));
    const ranking = `${sign > 0 ? "most" : "least"} sensitive: ${top
      .map(({ name, value }) => `${name} ${(sign * value).toFixed(2)}`)
      .join(", ")}`;
    if (proven.length > 0) {
      const { c, rival, estimate } = proven[0]!;
      return {
        verdict: "not held",
        evidence: `${ranking}; ${table.classes[rival]!} beyond ${table.classes[c]!} by ${number(estimate)}`,
      };
    }
    return {
      verdict:
        exact && aboveZero(contrast) === "held" ? "held" : "inconclusive",
      evidence: `${ranking}; the named classes beyond the others by ${number(contrast)}`,
    };
  });
}

/** Those whose value is above 0 by Benjamini-Hochberg over all of them, the largest first. */
export function significantGains<T extends { estimate: Estimate }>(
  cases: readonly T[],
): T[] {
  const tested = cases.filter(({ estimate }) => estimate.p !== null);
  const marks = benjaminiHochberg(tested.map(({ estimate }) => estimate.p!));
  return tested
    .filter(({ estimate }, i) => marks[i] && estimate.value > 0)
    .sort((a, b) => b.estimate.value - a.estimate.value);
}

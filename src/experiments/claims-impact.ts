/** The claims of the Impact Index study (Alectio, 2020). */
import { aboveZero, all, forEvery, number, points } from "./claim-verdicts.js";
import type { Claim, ClaimStudy, Finding } from "./claims.js";
import { concordance } from "./measures.js";
import type { Condition, Estimate, Rate, RateTable } from "./rate-table.js";
import { benjaminiHochberg, mean } from "./statistics.js";

const study = "impact-index";
const models = ["shallow", "lenet", "unresnet18", "googlenet", "resnet18"];
const others = models.filter((model) => model !== "lenet");
const hardest = ["cat", "bird", "deer", "dog"];
const easiest = ["frog", "truck"];
const reductionFriends = ["truck", "ship", "deer", "frog"];

/** From here on W counts as strong agreement, and below the second as less than moderate (Schmidt 1997). */
const STRONG = 0.7;
const MODERATE = 0.5;

export const impactClaims: readonly Claim[] = [
  {
    id: "noise-hurts-more",
    study,
    claim:
      "Wrong labels cost more accuracy than removing the same share of the images, for every model.",
    criterion:
      "For each of the five models: the mean over the levels of (accuracy with reduction − accuracy with noise). Held if its interval is above 0 for all five, not held if it is below 0 for one.",
    test: ({ table }) =>
      forEvery(models, (model) => noiseHurtsMore(table, model)),
  },
  {
    id: "hardest-classes",
    study,
    claim:
      "Cat, bird, deer and dog are the classes that noise hits hardest, whatever the model.",
    criterion:
      "For each of the five models: held if these have the four highest sensitivities (mean over the noise levels of 1 − TPRn_norm) and their mean is above the other classes' with its interval; not held if another class is more sensitive than one of them by Benjamini-Hochberg at 5 % over all such pairs.",
    test: (s) => extremeClasses(s, hardest, 1),
  },
  {
    id: "easiest-classes",
    study,
    claim:
      "Frog and truck are the classes that noise hits least, whatever the model.",
    criterion:
      "For each of the five models: held if these have the two lowest sensitivities and their mean is below the other classes' with its interval; not held if another class is less sensitive than one of them by Benjamini-Hochberg at 5 % over all such pairs.",
    test: (s) => extremeClasses(s, easiest, -1),
  },
  {
    id: "data-not-model",
    study,
    claim: "Which classes suffer is a property of the data, not of the model.",
    criterion:
      "Kendall's W of the class sensitivity ranks across at least three of the five models. Held from 0.7 on; not held below 0.5 where the ranks repeat within the models (mean W across seeds at least 0.7). Descriptive: the models share noise and test images.",
    test: ({ table }) => dataNotModel(table),
  },
  {
    id: "lenet-weakest",
    study,
    claim: "LeNet is the weakest of the models.",
    criterion:
      "For each other model: its accuracy minus LeNet's, mean over the baseline and all levels of both arms that the two share. Held if the interval is above 0 for all four, not held if it is below 0 for one.",
    test: ({ table }) =>
      forEvery(others, (model) => strongerThanLenet(table, model)),
  },
  {
    id: "lenet-bird-index",
    study,
    claim:
      "LeNet's Impact Index of bird at 5 % is worse than any other model's at 30 %.",
    criterion:
      "For each other model: LeNet's index of bird at 5 % minus the model's at 30 %. Held if the interval is above 0 for all four, not held if it is below 0 for one.",
    test: (s) => birdAgainst(s, birdIndex),
  },
  {
    id: "lenet-bird-tpr",
    study,
    claim:
      "LeNet recognises bird worse at 5 % noise than any other model at 30 %.",
    criterion:
      "For each other model: its true positive rate of bird at 30 % noise minus LeNet's at 5 %. Held if the interval is above 0 for all four, not held if it is below 0 for one.",
    test: (s) => birdAgainst(s, birdTpr),
  },
  {
    id: "shallow-reduction-helps",
    study,
    claim:
      "With the shallow model, removing 30 % of the images does good to truck, ship, deer and frog.",
    criterion:
      "For each of the four classes: true positive rate with 30 % removed minus that of the baseline. Held if the interval is above 0 for all four, not held if it is below 0 for one.",
    test: (s) => reductionHelps(s),
  },
  {
    id: "noise-helps-none",
    study,
    claim: "At 30 %, noise does good to no class.",
    criterion:
      "For each of the five models and each class: true positive rate at 30 % noise minus that of the baseline. Held if no class has a higher mean rate in any of the five models; not held if one rises by Benjamini-Hochberg at 5 % over the model's classes.",
    test: ({ table }) =>
      forEvery(models, (model) => noiseHelpsNone(table, model)),
  },
];

const noise = (model: string, level: number): Condition => ({
  model,
  arm: "noise",
  level,
});
const reduction = (model: string, level: number): Condition => ({
  model,
  arm: "reduction",
  level,
});

/** Levels at which both arms have runs. */
function sharedLevels(table: RateTable, model: string): number[] {
  const reduced = table.levels(model, "reduction");
  return table
    .levels(model, "noise")
    .filter((level) => reduced.includes(level));
}

const percent = (share: number) => `${Number((100 * share).toFixed(6))} %`;

function noiseHurtsMore(table: RateTable, model: string): Finding | null {
  const levels = sharedLevels(table, model);
  const gap = (rate: Rate, level: number) =>
    rate(reduction(model, level), "top1") - rate(noise(model, level), "top1");
  const conditions = levels.flatMap((level) => [
    noise(model, level),
    reduction(model, level),
  ]);
  const estimate = table.estimate(conditions, (rate) =>
    mean(levels.map((level) => gap(rate, level))),
  );
  if (!estimate) return null;
  const rate = table.meanRate(table.commonSeeds(conditions));
  const against = levels.filter((level) => gap(rate, level) <= 0);
  const exceptions =
    against.length > 0 ? `, but not at ${against.map(percent).join(", ")}` : "";
  return {
    verdict: aboveZero(estimate),
    evidence: `${points(estimate)}, levels ${levels.map(percent).join(", ")}${exceptions}`,
  };
}

/** The classes' indices; a finding of what is missing where there are other classes. */
function requireClasses(
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
function extremeClasses(
  { table }: ClaimStudy,
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
    const conditions = [clean, ...levels.map((level) => noise(model, level))];
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
        (rate(clean, c) - mean(levels.map((l) => rate(noise(model, l), c))))) /
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
function significantGains<T extends { estimate: Estimate }>(
  cases: readonly T[],
): T[] {
  const tested = cases.filter(({ estimate }) => estimate.p !== null);
  const marks = benjaminiHochberg(tested.map(({ estimate }) => estimate.p!));
  return tested
    .filter(({ estimate }, i) => marks[i] && estimate.value > 0)
    .sort((a, b) => b.estimate.value - a.estimate.value);
}

function dataNotModel(table: RateTable): Finding {
  const { acrossModels, withinModel } = concordance(table);
  const known = acrossModels?.models.filter((model) => models.includes(model));
  if (!acrossModels || !known || known.length < 3)
    return {
      verdict: "not tested",
      evidence: `needs noise runs of at least three of ${models.join(", ")}`,
    };
  const { w } = acrossModels;
  const within = withinModel.map((m) => m.w).filter((value) => value !== null);
  const repeat = within.length > 0 ? mean(within) : null;
  const verdict =
    w >= STRONG
      ? "held"
      : w < MODERATE && repeat !== null && repeat >= STRONG
        ? "not held"
        : "inconclusive";
  const left = acrossModels.left_out.length;
  return {
    verdict,
    evidence:
      `W = ${w.toFixed(2)} across ${acrossModels.models.join(", ")}` +
      (left > 0 ? ` (${left} classes left out)` : "") +
      (repeat === null
        ? "; one seed, so no W within a model"
        : `; ${repeat.toFixed(2)} across seeds within a model`),
  };
}

function strongerThanLenet(table: RateTable, model: string): Finding | null {
  const conditionsOf = (name: string) => [
    table.baseline(name),
    ...(["noise", "reduction"] as const).flatMap((arm) =>
      table
        .levels("lenet", arm)
        .filter((level) => table.levels(model, arm).includes(level))
        .map((level): Condition => ({ model: name, arm, level })),
    ),
  ];
  const [own, lenet] = [conditionsOf(model), conditionsOf("lenet")];
  const top1 = (rate: Rate, conditions: readonly Condition[]) =>
    mean(conditions.map((condition) => rate(condition, "top1")));
  const estimate = table.estimate(
    [...own, ...lenet],
    (rate) => top1(rate, own) - top1(rate, lenet),
  );
  return (
    estimate && {
      verdict: aboveZero(estimate),
      evidence: `${points(estimate)} against lenet`,
    }
  );
}

/** LeNet at 5 % against each other model at 30 %, by a difference that is above 0 where LeNet is worse. */
function birdAgainst(
  { table }: ClaimStudy,
  difference: (table: RateTable, model: string, bird: number) => Finding | null,
): Finding {
  const found = requireClasses(table, ["bird"]);
  if ("missing" in found) return found.missing;
  return forEvery(others, (model) =>
    difference(table, model, found.indices[0]!),
  );
}

function birdIndex(
  table: RateTable,
  model: string,
  bird: number,
): Finding | null {
  const sides = [
    { name: "lenet", level: 0.05 },
    { name: model, level: 0.3 },
  ].map(({ name, level }) => ({
    clean: table.baseline(name),
    noise: noise(name, level),
    reduction: reduction(name, level),
  }));
  const conditions = sides.flatMap((side) => Object.values(side));
  const seeds = table.commonSeeds(conditions);
  if (seeds.length === 0) return null;
  // Linear in the rates: the baselines' means are the units.
  const units = sides.map((side) => table.meanRate(seeds)(side.clean, bird));
  if (units.includes(0))
    return {
      verdict: "inconclusive",
      evidence: "has no index: bird is never recognised without noise",
    };
  const index = (rate: Rate, i: number) =>
    (rate(sides[i]!.reduction, bird) - rate(sides[i]!.noise, bird)) / units[i]!;
  const estimate = table.estimate(
    conditions,
    (rate) => index(rate, 0) - index(rate, 1),
  )!;
  const rate = table.meanRate(seeds);
  return {
    verdict: aboveZero(estimate),
    evidence: `${index(rate, 1).toFixed(2)} against lenet's ${index(rate, 0).toFixed(2)}, difference ${number(estimate)}`,
  };
}

function birdTpr(
  table: RateTable,
  model: string,
  bird: number,
): Finding | null {
  const [own, lenet] = [noise(model, 0.3), noise("lenet", 0.05)];
  const estimate = table.estimate(
    [own, lenet],
    (rate) => rate(own, bird) - rate(lenet, bird),
  );
  return (
    estimate && {
      verdict: aboveZero(estimate),
      evidence: `${points(estimate)} against lenet`,
    }
  );
}

function reductionHelps({ table }: ClaimStudy): Finding {
  const found = requireClasses(table, reductionFriends);
  if ("missing" in found) return found.missing;
  const [clean, reduced] = [
    table.baseline("shallow"),
    reduction("shallow", 0.3),
  ];
  const changes = found.indices.flatMap((c) => {
    const estimate = table.estimate(
      [clean, reduced],
      (rate) => rate(reduced, c) - rate(clean, c),
    );
    return estimate ? [{ name: table.classes[c]!, estimate }] : [];
  });
  if (changes.length === 0)
    return {
      verdict: "not tested",
      evidence: "runs missing: shallow with all images and with 30 % removed",
    };
  return {
    verdict: all(changes.map(({ estimate }) => aboveZero(estimate))),
    evidence: changes
      .map(({ name, estimate }) => `${name} ${points(estimate)}`)
      .join("; "),
  };
}

function noiseHelpsNone(table: RateTable, model: string): Finding | null {
  const [clean, noisy] = [table.baseline(model), noise(model, 0.3)];
  if (table.commonSeeds([clean, noisy]).length === 0) return null;
  const changes = table.classes.map((name, c) => ({
    name,
    estimate: table.estimate(
      [clean, noisy],
      (rate) => rate(noisy, c) - rate(clean, c),
    )!,
  }));
  const proven = significantGains(changes);
  const gains = changes.filter(({ estimate }) => estimate.value > 0);
  const shown = proven.length > 0 ? proven : gains;
  const best = changes.reduce((a, b) =>
    b.estimate.value > a.estimate.value ? b : a,
  );
  return {
    verdict:
      proven.length > 0
        ? "not held"
        : gains.length > 0
          ? "inconclusive"
          : "held",
    evidence:
      shown.length > 0
        ? `rises for ${shown.map(({ name, estimate }) => `${name} ${points(estimate)}`).join(", ")}`
        : `rises for no class; the least harmed is ${best.name} with ${points(best.estimate)}`,
  };
}

/** The claims of the Impact Index study (Alectio, 2020). */
import {
  aboveZero,
  type CaseFinding,
  forEvery,
  negated,
  number,
  points,
  single,
} from "./claim-verdicts.js";
import {
  cifar10,
  dataNotModel,
  extremeClasses,
  requireClasses,
} from "./claims-classes.js";
import type { Claim, ClaimStudy, Finding } from "./claims.js";
import {
  type Condition,
  conditionOf,
  type Rate,
  type RateTable,
} from "./rate-table.js";
import { mean } from "./statistics.js";

const study = "impact-index";
const models = ["shallow", "lenet", "unresnet18", "googlenet", "resnet18"];
const others = models.filter((model) => model !== "lenet");
const hardest = ["cat", "bird", "deer", "dog"];
const easiest = ["frog", "truck"];
const reductionFriends = ["truck", "ship", "deer", "frog"];

export const impactClaims: readonly Claim[] = [
  {
    id: "noise-hurts-more",
    study,
    claim:
      "Wrong labels cost more accuracy than removing the same share of the images, for every model.",
    criterion:
      "For each of the five models: the mean over the levels of (accuracy with reduction − accuracy with noise). Held if its interval is above 0 for all five, not held if it is below 0 for one by Benjamini-Hochberg over all of them.",
    test: ({ table }) =>
      forEvery(models, table.models, (model) => noiseHurtsMore(table, model)),
  },
  {
    id: "hardest-classes",
    study,
    claim:
      "Cat, bird, deer and dog are the classes that noise hits hardest, whatever the model.",
    criterion:
      "For each of the five models: held if these have the four highest sensitivities (mean over the noise levels of 1 − TPRn_norm) and their mean is above the other classes' with its interval; not held if another class is more sensitive than one of them by Benjamini-Hochberg over all such pairs of all models.",
    test: (s) => extremeClasses(s, models, hardest, 1),
  },
  {
    id: "easiest-classes",
    study,
    claim:
      "Frog and truck are the classes that noise hits least, whatever the model.",
    criterion:
      "For each of the five models: held if these have the two lowest sensitivities and their mean is below the other classes' with its interval; not held if another class is less sensitive than one of them by Benjamini-Hochberg over all such pairs of all models.",
    test: (s) => extremeClasses(s, models, easiest, -1),
  },
  {
    id: "data-not-model",
    study,
    claim: "Which classes suffer is a property of the data, not of the model.",
    criterion:
      "Kendall's W of the class sensitivity ranks across at least three of the five models, of at least six classes, over the noise levels that the models share. Held from 0.7 on; not held below 0.5 where the ranks repeat within the models (mean rank correlation of two seeds at least 0.55, that of three raters with W = 0.7). Descriptive: the models share noise and test images.",
    test: (s) => dataNotModel(s, models),
  },
  {
    id: "lenet-weakest",
    study,
    claim: "LeNet is the weakest of the models.",
    criterion:
      "For each other model: its accuracy minus LeNet's, mean over the baseline and all levels of both arms that the two share. Held if the interval is above 0 for all four, not held if it is below 0 for one by Benjamini-Hochberg over all of them.",
    test: ({ table }) =>
      forEvery(others, table.models, (model) =>
        strongerThanLenet(table, model),
      ),
  },
  {
    id: "lenet-bird-index",
    study,
    claim:
      "LeNet's Impact Index of bird at 5 % is worse than any other model's at 30 %.",
    criterion:
      "For each other model: LeNet's index of bird at 5 % minus the model's at 30 %. Held if the interval is above 0 for all four, not held if it is below 0 for one by Benjamini-Hochberg over all of them.",
    test: (s) => birdAgainst(s, birdIndex),
  },
  {
    id: "lenet-bird-tpr",
    study,
    claim:
      "LeNet recognises bird worse at 5 % noise than any other model at 30 %.",
    criterion:
      "For each other model: its true positive rate of bird at 30 % noise minus LeNet's at 5 %. Held if the interval is above 0 for all four, not held if it is below 0 for one by Benjamini-Hochberg over all of them.",
    test: (s) => birdAgainst(s, birdTpr),
  },
  {
    id: "shallow-reduction-helps",
    study,
    claim:
      "With the shallow model, removing 30 % of the images does good to truck, ship, deer and frog.",
    criterion:
      "For each of the four classes: true positive rate with 30 % removed minus that of the baseline. Held if the interval is above 0 for all four, not held if it is below 0 for one by Benjamini-Hochberg over all of them.",
    test: (s) => reductionHelps(s),
  },
  {
    id: "noise-helps-none",
    study,
    claim: "At 30 %, noise does good to no class.",
    criterion:
      "For each of the five models and each class: true positive rate at 30 % noise minus that of the baseline. Held if the interval is below 0 for every class of all five, not held if it is above 0 for one by Benjamini-Hochberg over all of them.",
    test: (s) => noiseHelpsNone(s),
  },
];

const noise = (model: string, level: number) =>
  conditionOf(model, "noise", level);
const reduction = (model: string, level: number) =>
  conditionOf(model, "reduction", level);

/** Levels at which both arms have runs. */
function sharedLevels(table: RateTable, model: string): number[] {
  const reduced = table.levels(model, "reduction");
  return table
    .levels(model, "noise")
    .filter((level) => reduced.includes(level));
}

const percent = (share: number) => `${Number((100 * share).toFixed(6))} %`;

function noiseHurtsMore(table: RateTable, model: string): CaseFinding | null {
  const levels = sharedLevels(table, model);
  const pairs = levels.map((level) => ({
    level,
    noisy: noise(model, level),
    reduced: reduction(model, level),
  }));
  const gap = (rate: Rate, { noisy, reduced }: (typeof pairs)[number]) =>
    rate(reduced, "top1") - rate(noisy, "top1");
  const conditions = pairs.flatMap(({ noisy, reduced }) => [noisy, reduced]);
  const estimate = table.estimate(conditions, (rate) =>
    mean(pairs.map((pair) => gap(rate, pair))),
  );
  if (!estimate) return null;
  const rate = table.meanRate(table.commonSeeds(conditions));
  const against = pairs
    .filter((pair) => gap(rate, pair) <= 0)
    .map(({ level }) => level);
  const exceptions =
    against.length > 0 ? `, but not at ${against.map(percent).join(", ")}` : "";
  return single(
    estimate,
    `${points(estimate)}, levels ${levels.map(percent).join(", ")}${exceptions}`,
  );
}

function strongerThanLenet(
  table: RateTable,
  model: string,
): CaseFinding | null {
  const conditionsOf = (name: string) => [
    table.baseline(name),
    ...(["noise", "reduction"] as const).flatMap((arm) =>
      table
        .levels("lenet", arm)
        .filter((level) => table.levels(model, arm).includes(level))
        .map((level) => conditionOf(name, arm, level)),
    ),
  ];
  const [own, lenet] = [conditionsOf(model), conditionsOf("lenet")];
  const top1 = (rate: Rate, conditions: readonly Condition[]) =>
    mean(conditions.map((condition) => rate(condition, "top1")));
  const estimate = table.estimate(
    [...own, ...lenet],
    (rate) => top1(rate, own) - top1(rate, lenet),
  );
  return estimate && single(estimate, `${points(estimate)} against lenet`);
}

/** LeNet at 5 % against each other model at 30 %, by a difference that is above 0 where LeNet is worse. */
function birdAgainst(
  { table }: ClaimStudy,
  difference: (
    table: RateTable,
    model: string,
    bird: number,
  ) => CaseFinding | null,
): Finding {
  const found = requireClasses(table, ["bird"]);
  if ("missing" in found) return found.missing;
  return forEvery(others, table.models, (model) =>
    difference(table, model, found.indices[0]!),
  );
}

function birdIndex(
  table: RateTable,
  model: string,
  bird: number,
): CaseFinding | null {
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
      holds: false,
      tests: [],
      evidence: "has no index: bird is never recognised without noise",
    };
  const index = (rate: Rate, i: number) =>
    (rate(sides[i]!.reduction, bird) - rate(sides[i]!.noise, bird)) / units[i]!;
  const estimate = table.estimate(
    conditions,
    (rate) => index(rate, 0) - index(rate, 1),
  )!;
  const rate = table.meanRate(seeds);
  return single(
    estimate,
    `${index(rate, 1).toFixed(2)} against lenet's ${index(rate, 0).toFixed(2)}, difference ${number(estimate)}`,
  );
}

function birdTpr(
  table: RateTable,
  model: string,
  bird: number,
): CaseFinding | null {
  const [own, lenet] = [noise(model, 0.3), noise("lenet", 0.05)];
  const estimate = table.estimate(
    [own, lenet],
    (rate) => rate(own, bird) - rate(lenet, bird),
  );
  return estimate && single(estimate, `${points(estimate)} against lenet`);
}

function reductionHelps({ table }: ClaimStudy): Finding {
  const found = requireClasses(table, reductionFriends);
  if ("missing" in found) return found.missing;
  const [clean, reduced] = [
    table.baseline("shallow"),
    reduction("shallow", 0.3),
  ];
  if (table.commonSeeds([clean, reduced]).length === 0)
    return {
      verdict: "not tested",
      evidence: "runs missing: shallow with all images and with 30 % removed",
    };
  return forEvery(reductionFriends, reductionFriends, (name) => {
    const c = table.classes.indexOf(name);
    const estimate = table.estimate(
      [clean, reduced],
      (rate) => rate(reduced, c) - rate(clean, c),
    )!;
    return single(estimate, points(estimate));
  });
}

function noiseHelpsNone({ table }: ClaimStudy): Finding {
  const found = requireClasses(table, cifar10);
  if ("missing" in found) return found.missing;
  return forEvery(models, table.models, (model) => {
    const [clean, noisy] = [table.baseline(model), noise(model, 0.3)];
    if (table.commonSeeds([clean, noisy]).length === 0) return null;
    const falls = table.classes.map((name, c) => {
      const estimate = table.estimate(
        [clean, noisy],
        (rate) => rate(clean, c) - rate(noisy, c),
      )!;
      return { name, estimate, refutation: `${name} rises` };
    });
    const rising = falls.filter(({ estimate }) => estimate.value < 0);
    const least = falls.reduce((a, b) =>
      b.estimate.value < a.estimate.value ? b : a,
    );
    const open = falls.filter(({ estimate }) => !aboveZero(estimate));
    const shown = rising.map(({ name, estimate }) => `${name} ${points(negated(estimate))}`); // prettier-ignore
    return {
      holds: open.length === 0,
      tests: falls,
      evidence:
        rising.length > 0
          ? `has higher rates for ${shown.join(", ")}`
          : `rises for no class; the least harmed is ${least.name} with ${points(negated(least.estimate))}` +
            (open.length > 0 ? `; no certain fall of ${open.map(({ name }) => name).join(", ")}` : ""), // prettier-ignore
    };
  });
}

/** What else the numbers say beside the answer, in sentences (plain text, not HTML). */
import { conditions, mean, type ModelRuns, runsAt, sharedSeeds, testImages, top1Over, wilson } from "./aggregate.js"; // prettier-ignore
import { tally } from "./claims.js";
import { fixed, levelText, percent } from "./html.js";
import { rankedClasses } from "./sensitivity.js";
import type { RunData, StudyData } from "./study.js";
import { trainingSentence } from "./training-data.js";

/** What a single run came to. */
export function runSentences(run: RunData, images: number | null): string[] {
  const { row, summary } = run;
  const { last, best } = summary ?? {};
  return [
    !last
      ? `${row.model} has not finished training.`
      : `${row.model} recognises ${percent(last.top1)} of the ${images?.toLocaleString("en") ?? ""} test images after ${last.epoch} epochs.`.replaceAll(
          "  ",
          " ",
        ),
    best ? `Its best epoch was ${best.epoch}, with ${percent(best.top1)}; the best is chosen on the test images and so flatters.` : "", // prettier-ignore
    trainingSentence(run),
    last ? `Confidence and accuracy lie ${percent(last.ece)} apart (expected calibration error).` : "", // prettier-ignore
  ].filter((sentence) => sentence !== "");
}

interface Fall {
  level: number;
  clean: number;
  noisy: number;
  /** With as many images removed; null where no seed has all three. */
  reduced: number | null;
  seeds: number[];
}

/** What the highest noise level does to the accuracy, over the seeds that have all the runs compared. */
function fallOf(group: ModelRuns): Fall | null {
  const clean = { arm: "baseline", level: 0 } as const;
  const fallAt = (level: number): Fall | null => {
    const noise = { arm: "noise", level } as const;
    const reduction = { arm: "reduction", level } as const;
    const all = sharedSeeds(group, [clean, noise, reduction]);
    const seeds = all.length > 0 ? all : sharedSeeds(group, [clean, noise]);
    const [before, after, reduced] = [clean, noise, reduction].map((c) => top1Over(group, seeds, c)); // prettier-ignore
    return before == null || after == null
      ? null
      : { level, clean: before, noisy: after, reduced: all.length > 0 ? reduced! : null, seeds }; // prettier-ignore
  };
  return (
    group.levels.noise.map(fallAt).findLast((fall) => fall !== null) ?? null
  );
}

/** Some seeds only, where others lack a run. */
function seedsText(group: ModelRuns, { seeds }: Fall): string {
  return seeds.length === group.seeds.length
    ? ""
    : ` (over the ${seeds.length} of ${group.seeds.length} seeds that have all of these runs)`;
}

function accuracySentence(group: ModelRuns): string | null {
  const clean = mean(runsAt(group, "baseline", 0).map(({ row }) => row.top1Last)); // prettier-ignore
  if (clean === null)
    return `${group.model} has no finished run on the clean data, so nothing can be compared with it yet.`;
  const fall = fallOf(group);
  if (fall === null) {
    if (group.levels.noise.length > 0)
      return `No seed of ${group.model} has both a clean and a noisy run yet.`;
    const level = group.levels.reduction.at(-1) ?? 0;
    const seeds = sharedSeeds(group, [{ arm: "baseline", level: 0 }, { arm: "reduction", level }]); // prettier-ignore
    const whole = top1Over(group, seeds, { arm: "baseline", level: 0 });
    const reduced = top1Over(group, seeds, { arm: "reduction", level });
    return level === 0 || reduced === null
      ? `${group.model} reaches ${percent(clean)} on the clean data.`
      : `${group.model} reaches ${percent(whole)} on all the data and ${percent(reduced)} with ${levelText(level)} of it removed.`;
  }
  const { noisy, reduced } = fall;
  const [from, to] = [percent(fall.clean), percent(noisy)];
  const move =
    from === to
      ? `stays at ${from}`
      : `${noisy < fall.clean ? "falls" : "rises"} from ${from} to ${to}`;
  const other = reduced === null ? "" : `; with as many images removed instead it is ${percent(reduced)}`; // prettier-ignore
  return `At ${levelText(fall.level)} noise the accuracy of ${group.model} ${move}${other}${seedsText(group, fall)}.`;
}

function classSentence(study: StudyData): string | null {
  const ranked = rankedClasses(study.measures.sensitivity);
  if (ranked.length < 4) return null;
  const count = ranked.length < 8 ? 1 : 3;
  const [most, least] = [ranked.slice(0, count), ranked.slice(-count)];
  // Among classes that are alike, and among those that noise does no harm, there is no hardest.
  const tied =
    most.at(-1)!.rank === ranked[count]!.rank ||
    least[0]!.rank === ranked.at(-count - 1)!.rank;
  const harmed = most.every(({ rows }) => (mean(rows.map((row) => row.sensitivity)) ?? 0) > 0); // prettier-ignore
  if (tied || !harmed) return null;
  const names = (some: typeof ranked) => some.map(({ name }) => name).join(", "); // prettier-ignore
  const across = study.measures.concordance?.acrossModels;
  const agreement = across ? ` (Kendall's W across the ${across.models.length} models: ${fixed(across.w, 2)}, where random orders give ${fixed(1 / across.models.length, 2)})` : ""; // prettier-ignore
  return `Noise hits ${names(most)} hardest and ${names(least.reverse())} least${agreement}.`;
}

function markedSentence(study: StudyData): string | null {
  const { impact } = study.measures;
  const models = [...new Set(impact.map(({ model }) => model))];
  const overSeeds = models.filter((model) => impact.some((row) => row.model === model && row.interval === "t")); // prettier-ignore
  // As marks are given: over seeds where a model has enough of them, else over test images.
  const cells = impact.filter(({ model, p, interval }) => p !== null && (interval === "t") === overSeeds.includes(model)); // prettier-ignore
  if (cells.length === 0) return null;
  const none = impact.filter((row) => row.impact === null).length;
  const without = none > 0 ? ` Another ${none} ${none === 1 ? "has" : "have"} no index, because the clean run recognises no image of the class.` : ""; // prettier-ignore
  const few = models.filter((model) => !overSeeds.includes(model) && cells.some((row) => row.model === model)); // prettier-ignore
  const whose = few.length === 0 ? "" : `, ${overSeeds.length === 0 ? "" : `of ${few.join(", ")} `}for these networks only: another training may differ`; // prettier-ignore
  const worse = cells.filter((row) => row.marked && row.impact! > 0).length;
  const better = cells.filter((row) => row.marked && row.impact! < 0).length;
  const pairs = cells.length === 1 ? "the one pair" : `${cells.length} pairs`;
  return `Of ${pairs} of class and level tested, noise harmed significantly more than losing the data in ${worse} and significantly less in ${better} (false discovery rate 5 % per model)${whose}.${without}`;
}

/** Up to so many models have a sentence each. */
const MAX_SENTENCES = 2;

/** "45.5 to 63.7 %" of several values. */
function rangeText(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${percent(low).replace(/\u00a0%$/, "")} to ${percent(high)}`;
}

function accuracySentences(groups: readonly ModelRuns[]): (string | null)[] {
  const falls = groups.flatMap((group) => fallOf(group) ?? []);
  const level = falls[0]?.level;
  const alike = falls.length === groups.length && falls.every((fall) => fall.level === level); // prettier-ignore
  const whole = falls.every((fall, i) => fall.seeds.length === groups[i]?.seeds.length); // prettier-ignore
  if (groups.length <= MAX_SENTENCES || level === undefined || !alike || !whole)
    return groups.map(accuracySentence);
  const reduced = falls.map((fall) => fall.reduced).filter((v) => v !== null);
  const other = reduced.length === groups.length ? `; with as many images removed instead it is ${rangeText(reduced)}` : ""; // prettier-ignore
  return [
    `At ${levelText(level)} noise the accuracy of the ${groups.length} models goes from ${rangeText(falls.map((fall) => fall.clean))} to ${rangeText(falls.map((fall) => fall.noisy))}${other}.`,
  ];
}

/** The findings beside the answer, each a sentence. */
export function findings(
  study: StudyData,
  groups: readonly ModelRuns[],
): string[] {
  const { claims } = study.measures;
  const sentences = [
    ...accuracySentences(groups),
    classSentence(study),
    markedSentence(study),
    claims.some(({ verdict }) => verdict !== "not tested") ? `Of the published claims: ${tally(claims)}.` : null, // prettier-ignore
  ];
  return sentences.filter((sentence) => sentence !== null);
}

/** How far the numbers can be trusted. */
export function caution(groups: readonly ModelRuns[]): string | null {
  const group = groups.find(({ done }) => done.length > 0);
  if (!group) return null;
  const n = testImages(group);
  const clean = mean((runsAt(group, "baseline", 0).length > 0 ? runsAt(group, "baseline", 0) : group.done).map(({ row }) => row.top1Last)); // prettier-ignore
  const counts = groups.flatMap((one) => conditions(one).map(({ runs }) => runs.length)); // prettier-ignore
  const draws = drawsSentence(Math.min(...counts), Math.max(...counts));
  if (n === null || clean === null) return draws;
  // The longer side of the interval: at 100 % there is but one.
  const reach = (images: number) => {
    const { low, high } = wilson(clean, images);
    return 100 * Math.max(clean - low, high - clean);
  };
  return `${draws} With ${n.toLocaleString("en")} test images one network's accuracy near ${percent(clean, 0)} is known to about ±${fixed(reach(n), 1)} points and a class's to about ±${fixed(reach(n / group.classes.length), 0)} points.`;
}

/** What numbers of so many seeds, at least and at most, can say. */
function drawsSentence(least: number, most: number): string {
  if (most === 1)
    return "Every number rests on one training draw: another seed would shift it.";
  if (least === 1)
    return "Some numbers rest on one training draw: another seed would shift them.";
  const means = `Numbers are means of ${least === most ? least : `${least} or more`} seeds`;
  return least >= 3
    ? `${means}.`
    : `${means}: ${least === most ? "" : "where they are two, "}intervals and significance are about these networks, and another training may differ.`;
}

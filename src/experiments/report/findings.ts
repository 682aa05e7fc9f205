/** The summary: the exchange rate first, then what else the numbers say, in sentences (plain text, not HTML). */
import type { ExchangeRow } from "../measures.js";
import { conditions, conditionText, estimate, mean, type ModelRuns, runsAt, testImages } from "./aggregate.js"; // prettier-ignore
import { tally } from "./claims.js";
import { BUDGET_TEXT, equivalentText, exchangeSentence, type ExchangeSeries, intervalText, isOpen, quotedRow } from "./exchange.js"; // prettier-ignore
import { fixed, levelText, percent, rounded } from "./html.js";
import { rankedClasses } from "./sensitivity.js";
import type { RunData, StudyData } from "./study.js";

const top1 = (group: ModelRuns, arm: "noise" | "reduction", level: number) =>
  mean(runsAt(group, arm, level).map(({ row }) => row.top1Last));

/** Whether a model's clean runs recognise more than chance would, at 95 %. */
function hasLearnt(group: ModelRuns): boolean {
  const clean = runsAt(group, "baseline", 0).map(({ row }) => row.top1Last);
  const known = estimate(clean, testImages(group));
  return known === null || known.low > 1 / group.classes.length;
}

/** The answer in one sentence; null where nothing can be compared. */
export function answer(all: readonly ExchangeSeries[]): string | null {
  if (all.length === 0) return null;
  const models = [...new Set(all.map(({ group }) => group.model))];
  const series = all.filter(({ group }) => hasLearnt(group));
  const [first] = series;
  if (!first)
    return `Even on the clean data ${models.join(", ")} ${models.length === 1 ? "does" : "do"} not recognise more than chance would: longer training, or more images, must come before an answer.`;
  const { noiseLevel } = quotedRow(first.rows);
  const quoted = series.flatMap(({ group, budget, rows }) => {
    const row = rows.find((one) => one.noiseLevel === noiseLevel);
    return row && budget === first.budget ? [{ model: group.model, row }] : [];
  });
  if (quoted.length === 1) return exchangeSentence(quoted[0]!.row, quoted[0]!.model); // prettier-ignore
  const rate = rounded(mean(quoted.map(({ row }) => row.effectiveRate)) ?? 0);
  const told = quoted.filter(({ row }) => !isOpen(row));
  if (told.length === 0)
    return `These runs cannot tell what ${rate} wrong labels cost: for every model it may be nothing, and it may be more than the most that was removed.`;
  const cost = ({ row }: { row: ExchangeRow }) =>
    row.censored === "above" ? Infinity : (row.equivalentReduction ?? 0);
  const sorted = told.sort((a, b) => cost(a) - cost(b));
  const [least, most] = [sorted[0]!, sorted.at(-1)!];
  const low = equivalentText(least.row);
  const high = equivalentText(most.row);
  if (told.length === 1) return exchangeSentence(least.row, least.model);
  const whom =
    told.length === models.length
      ? "every model"
      : told.map(({ model }) => model).join(", ");
  return low === high
    ? `${rate} wrong labels cost ${whom} as much as losing ${low} of the data.`
    : `${rate} wrong labels cost as much as losing ${low} (${least.model}) to ${high} (${most.model}) of the data.`;
}

/** What a single run came to. */
export function runSentences(run: RunData, images: number | null): string[] {
  const { row, summary, poison } = run;
  const { ece, epoch } = summary?.last ?? { ece: null, epoch: null };
  const best = summary?.best ?? null;
  return [
    row.top1Last === null
      ? `${row.model} has not finished training.`
      : `${row.model} recognises ${percent(row.top1Last)} of the ${images?.toLocaleString("en") ?? ""} test images after ${epoch ?? "its"} epochs.`.replaceAll(
          "  ",
          " ",
        ),
    best !== null && best.top1 !== null ? `Its best epoch was ${best.epoch ?? "another"}, with ${percent(best.top1)}; the best is chosen on the test images and so flatters.` : "", // prettier-ignore
    row.arm === "baseline" ? "Trained on all images with the labels as they are." : `Trained with ${conditionText(row)}${poison && row.arm === "noise" ? `: ${poison.changed.toLocaleString("en")} of ${poison.kept.toLocaleString("en")} labels are really wrong (${percent(poison.effectiveRate)})` : ""}.`, // prettier-ignore
    ece === null ? "" : `Confidence and accuracy lie ${percent(ece)} apart (expected calibration error).`, // prettier-ignore
  ].filter((sentence) => sentence !== "");
}

/** How the answer is to be read: interval, noise level, budget. */
export function answerNote(series: readonly ExchangeSeries[]): string | null {
  const [first] = series;
  if (!first) return null;
  const row = quotedRow(first.rows);
  const interval = intervalText(row);
  const single = new Set(series.map(({ group }) => group)).size === 1 && interval !== null; // prettier-ignore
  const others = series.flatMap(({ group, budget, rows }) => {
    const same = rows.find((one) => one.noiseLevel === row.noiseLevel);
    if (budget === first.budget || !same) return [];
    return [` At equal ${budget}, ${group.model}: ${equivalentText(same)}.`];
  });
  return (
    `At a noise level of ${levelText(row.noiseLevel)}` +
    (single
      ? ` (95 % interval ${interval}${row.interval === "bootstrap" ? ", one training draw" : ""})`
      : "") + // prettier-ignore
    `; the smaller training sets were ${BUDGET_TEXT[first.budget]}.` +
    others.join("")
  );
}

function accuracySentence(group: ModelRuns): string | null {
  const clean = top1(group, "noise", 0);
  const level = group.levels.noise.at(-1);
  if (clean === null)
    return `${group.model} has no finished run on the clean data, so nothing can be compared with it yet.`;
  if (level === undefined) {
    const removed = group.levels.reduction.at(-1);
    const reduced = removed === undefined ? null : top1(group, "reduction", removed); // prettier-ignore
    return reduced === null
      ? `${group.model} reaches ${percent(clean)} on the clean data.`
      : `${group.model} reaches ${percent(clean)} on all the data and ${percent(reduced)} with ${levelText(removed!)} of it removed.`;
  }
  const noisy = top1(group, "noise", level)!;
  const reduced = top1(group, "reduction", level);
  const move = noisy < clean ? "falls" : noisy > clean ? "rises" : "stays";
  const other = reduced === null ? "" : `; with as many images removed instead it is ${percent(reduced)}`; // prettier-ignore
  return `At ${levelText(level)} noise the accuracy of ${group.model} ${move} from ${percent(clean)} to ${percent(noisy)}${other}.`;
}

function classSentence(study: StudyData): string | null {
  const ranked = rankedClasses(study.measures.sensitivity);
  if (ranked.length < 4) return null;
  const names = (some: typeof ranked) => some.map(({ name }) => name).join(", "); // prettier-ignore
  const w = study.measures.concordance?.acrossModels?.w;
  const agreement = w === undefined ? "" : ` (Kendall's W across models: ${fixed(w, 2)})`; // prettier-ignore
  const count = ranked.length < 8 ? 1 : 3;
  return `Noise hits ${names(ranked.slice(0, count))} hardest and ${names(ranked.slice(-count).reverse())} least${agreement}.`;
}

function markedSentence(study: StudyData): string | null {
  const cells = study.measures.impact.filter(({ impact }) => impact !== null);
  if (cells.length === 0) return null;
  const none = study.measures.impact.length - cells.length;
  const without = none > 0 ? ` Another ${none} have no index, because the clean run recognises no image of the class.` : ""; // prettier-ignore
  const worse = cells.filter((row) => row.marked && row.impact! > 0).length;
  const better = cells.filter((row) => row.marked && row.impact! < 0).length;
  return `Of ${cells.length} pairs of class and level, noise harmed significantly more than losing the data in ${worse} and significantly less in ${better} (false discovery rate 5 % per model).${without}`;
}

/** Up to so many models have a sentence each. */
const MAX_SENTENCES = 2;

/** "45.5 to 63.7 %" of several values. */
function rangeText(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${percent(low).replace(/\u00a0%$/, "")} to ${percent(high)}`;
}

function accuracySentences(groups: readonly ModelRuns[]): (string | null)[] {
  const levels = groups.map((group) => group.levels.noise.at(-1));
  const [level] = levels;
  const known = groups.flatMap((group) => {
    const clean = top1(group, "noise", 0);
    const noisy = level === undefined ? null : top1(group, "noise", level);
    return clean === null || noisy === null ? [] : [{ group, clean, noisy }];
  });
  const alike = levels.every((one) => one === level) && known.length === groups.length; // prettier-ignore
  if (groups.length <= MAX_SENTENCES || level === undefined || !alike)
    return groups.map(accuracySentence);
  const reduced = groups.map((group) => top1(group, "reduction", level)).filter((v) => v !== null); // prettier-ignore
  const other = reduced.length === groups.length ? `; with as many images removed instead it is ${rangeText(reduced)}` : ""; // prettier-ignore
  return [
    `At ${levelText(level)} noise the accuracy of the ${groups.length} models goes from ${rangeText(known.map((k) => k.clean))} to ${rangeText(known.map((k) => k.noisy))}${other}.`,
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
  const clean = top1(group, "noise", 0) ?? mean(group.done.map(({ row }) => row.top1Last)); // prettier-ignore
  const counts = groups.flatMap((one) => conditions(one).map(({ runs }) => runs.length)); // prettier-ignore
  const least = Math.min(...counts);
  const draws =
    least <= 1
      ? `${Math.max(...counts) === 1 ? "Every number rests" : "Some numbers rest"} on one training draw: another seed would shift ${Math.max(...counts) === 1 ? "it" : "them"}.`
      : `Numbers are means of ${least === Math.max(...counts) ? least : `${least} or more`} seeds.`;
  if (n === null || clean === null) return draws;
  // Normal approximation of the binomial; a statement of size, not a test.
  const half = 1.96 * Math.sqrt((clean * (1 - clean)) / n);
  return `${draws} With ${n.toLocaleString("en")} test images one network's accuracy near ${percent(clean, 0)} is known to about ±${fixed(100 * half, 1)} points and a class's to about ±${fixed(100 * half * Math.sqrt(group.classes.length), 0)} points.`;
}

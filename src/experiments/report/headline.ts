/** The findings in plain words, with the numbers of the files. */
import {
  effectiveRate,
  mean,
  meanResult,
  meanTpr,
  type ModelRuns,
  relative,
  runsAt,
  testImages,
} from "./aggregate.js";
import { fixed, levelText, percent } from "./html.js";

/** A difference of two fractions in percentage points, without sign. */
function points(difference: number): string {
  return fixed(100 * Math.abs(difference), 1);
}

function noiseSentence(
  group: ModelRuns,
  clean: number,
  level: number,
  noisy: number,
): string {
  const effective = mean(runsAt(group, "noise", level).map(effectiveRate));
  const note =
    effective !== null && Math.abs(effective - level) > 0.005
      ? ` (${percent(effective)} of the labels are really wrong)`
      : "";
  const verb = noisy < clean ? "falls" : noisy > clean ? "rises" : "stays";
  return (
    `At ${levelText(level)} noise${note} the accuracy of ${group.model} ${verb} from ${percent(clean)} to ` +
    `${percent(noisy)} (${points(noisy - clean)} points).`
  );
}

function reductionSentence(
  level: number,
  clean: number,
  noisy: number | null,
  reduced: number,
): string {
  const loss = clean - reduced;
  const cost =
    loss >= 0 ? `costs ${points(loss)} points` : `gains ${points(loss)} points`;
  const start = `Removing ${levelText(level)} of the images instead ${cost} (${percent(reduced)})`;
  if (noisy === null || loss <= 0 || noisy >= clean) return `${start}.`;
  const ratio = (clean - noisy) / loss;
  return ratio >= 1
    ? `${start}: the noise costs ${fixed(ratio, 1)} times as much as the missing images.`
    : `${start}: the missing images cost ${fixed(1 / ratio, 1)} times as much as the noise.`;
}

/** The classes that keep the smallest and the largest share of their clean TPR at a level of noise. */
function classSentence(group: ModelRuns, level: number): string | null {
  const kept = group.classes
    .map((name, index) => {
      const before = meanTpr(runsAt(group, "noise", 0), index);
      const after = meanTpr(runsAt(group, "noise", level), index);
      return { name, before, after, ratio: relative(after, before) };
    })
    .filter(
      (
        entry,
      ): entry is {
        name: string;
        before: number;
        after: number;
        ratio: number;
      } => entry.ratio !== null,
    )
    .sort((a, b) => a.ratio - b.ratio);
  const [worst] = kept;
  const best = kept.at(-1);
  if (!worst || !best || worst.ratio === best.ratio) return null;
  const change = (entry: typeof best): string =>
    `${fixed(entry.before, 2)} to ${fixed(entry.after, 2)}`;
  return (
    `At ${levelText(level)} noise the class hit hardest is ${worst.name}, whose true positive rate goes from ${change(worst)}; ` +
    `the least, ${best.name}, from ${change(best)}.`
  );
}

/** How far the numbers can be trusted. */
export function cautionText(group: ModelRuns): string {
  const n = testImages(group);
  const clean = meanResult(runsAt(group, "noise", 0), "top1Last");
  const seeds = group.seeds.length;
  const draws =
    seeds <= 1
      ? "Every number is one training run: another seed would shift it."
      : `Every number is the mean of up to ${seeds} seeds.`;
  if (n === null || clean === null) return draws;
  // Normal approximation of the binomial; a statement of size, not a test.
  const half = 1.96 * Math.sqrt((clean * (1 - clean)) / n);
  return `${draws} With ${n} test images, an accuracy near the clean one is known to about ±${fixed(100 * half, 1)} points.`;
}

/** The headline of a model as sentences (plain text, not HTML). */
export function headline(group: ModelRuns): string[] {
  const clean = meanResult(runsAt(group, "noise", 0), "top1Last");
  if (clean === null) {
    return [
      `${group.model} has no finished run on the clean data, so nothing can be compared with it yet.`,
    ];
  }
  const sentences: string[] = [];
  const level = group.levels.noise.at(-1) ?? null;
  const noisy =
    level === null
      ? null
      : meanResult(runsAt(group, "noise", level), "top1Last");
  if (level !== null && noisy !== null)
    sentences.push(noiseSentence(group, clean, level, noisy));
  const paired = level !== null && group.levels.reduction.includes(level);
  const reductionLevel = paired
    ? level
    : (group.levels.reduction.at(-1) ?? null);
  if (reductionLevel !== null) {
    const reduced = meanResult(
      runsAt(group, "reduction", reductionLevel),
      "top1Last",
    );
    if (reduced !== null)
      sentences.push(
        reductionSentence(
          reductionLevel,
          clean,
          paired ? noisy : null,
          reduced,
        ),
      );
  }
  const classes = level === null ? null : classSentence(group, level);
  if (classes !== null) sentences.push(classes);
  if (sentences.length === 0)
    sentences.push(
      `${group.model} reaches ${percent(clean)} on the clean data.`,
    );
  return sentences;
}

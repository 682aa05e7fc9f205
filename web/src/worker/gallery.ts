/** Poisoned training images with their true and their given label, and what the trained network says. */
import type { Dataset } from "../../../src/data/types.js";
import { argmax, softmaxRows } from "../../../src/experiments/metrics.js";
import type { PoisonResult } from "../../../src/experiments/poison.js";
import type { PoisonedImage } from "../protocol.js";

/** Enough for a look, few enough for a phone. */
const shown = 24;

/** What a network says of a training image: all that a data set does not know. */
export interface Verdict {
  readonly index: number;
  /** Class. */
  readonly predicted: number;
  /** Softmax share of that class. */
  readonly confidence: number;
}

/**
 * Of the first poisoned images, evenly over the training set.
 *
 * @param logits `[n, C]` of all training images
 */
export function verdicts(
  { train, classNames }: Dataset,
  { given, kept }: PoisonResult,
  logits: Float32Array,
): Verdict[] {
  const changed = kept.filter((i) => given[i] !== train.labels[i]);
  const stride = Math.max(1, Math.floor(changed.length / shown));
  const classes = classNames.length;
  return Array.from(
    changed.filter((_, i) => i % stride === 0).slice(0, shown),
    (index) => {
      const row = logits.subarray(index * classes, (index + 1) * classes);
      const predicted = argmax(row);
      const confidence = softmaxRows(row, classes)[predicted]!;
      return { index, predicted, confidence };
    },
  );
}

export function poisonedImages(
  { train, classNames, imageSize }: Dataset,
  { given }: PoisonResult,
  judged: readonly Verdict[],
): PoisonedImage[] {
  const bytes = 3 * imageSize * imageSize;
  return judged.map(({ index, predicted, confidence }) => ({
    index,
    size: imageSize,
    pixels: train.images.slice(index * bytes, (index + 1) * bytes),
    truth: classNames[train.labels[index]!]!,
    given: classNames[given[index]!]!,
    predicted: classNames[predicted]!,
    confidence,
  }));
}

/** Poisoned training images with their true and their given label, and what the trained network says. */
import type { Dataset } from "../../../src/data/types.js";
import { argmax, softmaxRows } from "../../../src/experiments/metrics.js";
import type { PoisonResult } from "../../../src/experiments/poison.js";
import type { PoisonedImage } from "../protocol.js";

/** Enough for a look, few enough for a phone. */
const shown = 24;

/**
 * The first poisoned images, evenly over the training set.
 *
 * @param logits `[n, C]` of all training images
 */
export function poisonedImages(
  { train, classNames, imageSize }: Dataset,
  { given, kept }: PoisonResult,
  logits: Float32Array,
): PoisonedImage[] {
  const changed = kept.filter((i) => given[i] !== train.labels[i]);
  const stride = Math.max(1, Math.floor(changed.length / shown));
  const classes = classNames.length;
  const bytes = 3 * imageSize * imageSize;
  return Array.from(
    changed.filter((_, i) => i % stride === 0).slice(0, shown),
    (index) => {
      const row = logits.subarray(index * classes, (index + 1) * classes);
      const predicted = argmax(row);
      return {
        index,
        size: imageSize,
        pixels: train.images.slice(index * bytes, (index + 1) * bytes),
        truth: classNames[train.labels[index]!]!,
        given: classNames[given[index]!]!,
        predicted: classNames[predicted]!,
        confidence: softmaxRows(row, classes)[predicted]!,
      };
    },
  );
}

/** Poisoned training images with their true and their given label, and what the trained network says. */
import type { Dataset } from "../../../src/data/types.js";
import { argmax, softmaxRows } from "../../../src/experiments/metrics.js";
import type { PoisonResult } from "../../../src/experiments/poison.js";
import type { SweepJob } from "../../../src/experiments/sweep.js";
import type { PoisonedImage } from "../protocol.js";
import { poisonOf } from "./plan.js";
import type { StudyStore } from "./store.js";

/** Beside a run's own files, for the page alone: what the network says of poisoned images. */
export const galleryFile = "gallery.json";

/** Enough for a look, few enough for a phone. */
const shown = 24;

/** What a network says of a training image: all that a data set does not know. */
interface Verdict {
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

/** The poisoned images of a run that is through; undefined where it has none. */
export function galleryOf(
  store: StudyStore,
  dataset: Dataset,
  job: SweepJob,
): PoisonedImage[] | undefined {
  const text = store.text(`${job.folder}/${galleryFile}`);
  if (text === undefined) return undefined;
  const { train, classNames, imageSize } = dataset;
  const { given } = poisonOf(dataset, job);
  const bytes = 3 * imageSize * imageSize;
  return (JSON.parse(text) as Verdict[]).map(
    ({ index, predicted, confidence }) => ({
      index,
      size: imageSize,
      pixels: train.images.slice(index * bytes, (index + 1) * bytes),
      truth: classNames[train.labels[index]!]!,
      given: classNames[given[index]!]!,
      predicted: classNames[predicted]!,
      confidence,
    }),
  );
}

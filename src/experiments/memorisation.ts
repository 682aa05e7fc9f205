/**
 * The memorisation split: has a network learned the lies it was told? What it predicts on its own training images,
 * without augmentation: the true class, the class that it was given, or another one.
 */
import { argmax } from "./metrics.js";
import type { PoisonResult } from "./poison.js";

/** Counts of training images by what they are predicted as. */
export interface Memorisation {
  /** Training images whose given label is wrong: asTrue + asGiven + asOther. */
  readonly poisoned: number;
  readonly asTrue: number;
  readonly asGiven: number;
  readonly asOther: number;
  /** Training images whose given label is right, and how many of them are predicted so. */
  readonly clean: number;
  readonly cleanCorrect: number;
}

/**
 * The split over the kept images.
 *
 * @param logits `[n, C]` of all training images in data order; rows of removed images are not looked at
 * @param truth true labels, `[n]`
 */
export function memorisation(
  logits: Float32Array,
  truth: Int32Array,
  { given, kept }: Pick<PoisonResult, "given" | "kept">,
  numClasses: number,
): Memorisation {
  const split = { poisoned: 0, asTrue: 0, asGiven: 0, asOther: 0 };
  let clean = 0;
  let cleanCorrect = 0;
  for (const image of kept) {
    const row = logits.subarray(image * numClasses, (image + 1) * numClasses);
    const predicted = argmax(row);
    const correct = predicted === truth[image];
    if (given[image] === truth[image]) {
      clean++;
      if (correct) cleanCorrect++;
      continue;
    }
    split.poisoned++;
    if (correct) split.asTrue++;
    else if (predicted === given[image]) split.asGiven++;
    else split.asOther++;
  }
  return { ...split, clean, cleanCorrect };
}

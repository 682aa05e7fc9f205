/** Class-balanced parts of a split, for quick runs (`--train-limit`, `--test-limit`). */
import { UserError } from "../errors.js";
import type { ImageSplit } from "./types.js";

/**
 * The first so many images of each class, `limit` in all, in data order. Counts per class differ by at most one (the
 * first classes get the extra image); a class with too few images gives all it has and the others make up for it.
 *
 * @param asked Where the limit was asked for, for messages.
 * @throws UserError unless `limit` is an integer in [1, split.count].
 */
export function limitSplit(
  split: ImageSplit,
  numClasses: number,
  limit: number,
  asked = "a limit",
): ImageSplit {
  if (!Number.isInteger(limit) || limit < 1 || limit > split.count) {
    throw new UserError(
      `${asked} of ${limit} images cannot be met: it must be a whole number from 1 to ${split.count}, the images there are`,
    );
  }
  const quotas = balancedQuotas(split.labels, numClasses, limit);
  const imageBytes = split.images.length / split.count;
  const images = new Uint8Array(limit * imageBytes);
  const chosen: number[] = [];
  split.labels.forEach((label, i) => {
    if (quotas[label]! === 0) return;
    quotas[label]!--;
    images.set(
      split.images.subarray(i * imageBytes, (i + 1) * imageBytes),
      chosen.length * imageBytes,
    );
    chosen.push(i);
  });
  const { labels, given, paths } = split;
  return {
    count: limit,
    images,
    labels: Int32Array.from(chosen, (i) => labels[i]!),
    ...(given && { given: Int32Array.from(chosen, (i) => given[i]!) }),
    ...(paths && { paths: chosen.map((i) => paths[i]!) }),
  };
}

/** Images to take of each class: dealt out one per class and round until `limit` are given. */
function balancedQuotas(
  labels: Int32Array,
  numClasses: number,
  limit: number,
): Int32Array {
  const left = new Int32Array(numClasses);
  for (const label of labels) left[label]!++;
  const quotas = new Int32Array(numClasses);
  let toGive = limit;
  while (toGive > 0) {
    for (let c = 0; c < numClasses && toGive > 0; c++) {
      if (left[c] === 0) continue;
      left[c]!--;
      quotas[c]!++;
      toGive--;
    }
  }
  return quotas;
}

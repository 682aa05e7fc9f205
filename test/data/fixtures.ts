/** Small data sets in CIFAR's layouts, made by a rule that tests can check. */
import { cifarNormalisation } from "../../src/data/normalisation.js";
import type { Dataset, ImageSplit } from "../../src/data/types.js";

export const PIXELS = 3 * 32 * 32;

/** The byte at `position` of the image whose number is `image`: different for neighbours of both. */
export function pixel(image: number, position: number): number {
  return (image * 37 + position * 11 + (position >> 10)) & 0xff;
}

/** Records in the binary layout: the label bytes of each, and images numbered from `firstImage` on. */
export function records(
  labels: readonly (readonly number[])[],
  firstImage = 0,
): Uint8Array {
  const parts = labels.map((bytes, i) => [
    ...bytes,
    ...Array.from({ length: PIXELS }, (_, position) =>
      pixel(firstImage + i, position),
    ),
  ]);
  return Uint8Array.from(parts.flat());
}

export function text(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.join("\n") + "\n\n");
}

/** A CIFAR-10 folder of three classes: two training batches (3 and 2 records) and 2 test records. */
export function tinyCifar10(): Map<string, Uint8Array> {
  return new Map([
    ["batches.meta.txt", text(["cat", "dog", "frog"])],
    ["data_batch_1.bin", records([[2], [0], [1]], 0)],
    ["data_batch_2.bin", records([[0], [1]], 3)],
    ["test_batch.bin", records([[1], [2]], 100)],
  ]);
}

/** A CIFAR-100 folder of two superclasses and four classes. */
export function tinyCifar100(): Map<string, Uint8Array> {
  return new Map([
    ["coarse_label_names.txt", text(["fish", "flowers"])],
    ["fine_label_names.txt", text(["orchid", "ray", "rose", "shark"])],
    [
      "train.bin",
      records(
        [
          [1, 0],
          [0, 3],
          [1, 2],
        ],
        0,
      ),
    ],
    ["test.bin", records([[0, 1]], 50)],
  ]);
}

/** A split of 1-pixel images whose bytes are their own position, so that a copy's origin can be read off. */
export function numberedSplit(labels: readonly number[]): ImageSplit {
  return {
    count: labels.length,
    images: Uint8Array.from(labels.flatMap((_, i) => [i, i, i])),
    labels: Int32Array.from(labels),
  };
}

export function classCounts(labels: Int32Array, numClasses: number): number[] {
  const counts = new Array<number>(numClasses).fill(0);
  for (const label of labels) counts[label]!++;
  return counts;
}

/** Per-channel mean and standard deviation of a split's pixels scaled to [0, 1], in f64. */
export function pixelStatistics(
  dataset: Dataset,
  split: ImageSplit,
): typeof cifarNormalisation.cifar10 {
  const plane = dataset.imageSize ** 2;
  const sum = [0, 0, 0];
  const sumOfSquares = [0, 0, 0];
  split.images.forEach((byte, i) => {
    const channel = Math.floor(i / plane) % 3;
    sum[channel]! += byte / 255;
    sumOfSquares[channel]! += (byte / 255) ** 2;
  });
  const n = split.count * plane;
  const mean = sum.map((s) => s / n) as [number, number, number];
  const std = mean.map((m, c) => Math.sqrt(sumOfSquares[c]! / n - m * m)) as [
    number,
    number,
    number,
  ];
  return { mean, std };
}

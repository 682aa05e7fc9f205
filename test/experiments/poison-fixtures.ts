/** Labels, settings and counts that the tests of the poison share. */
import fc from "fast-check";
import {
  noiseKinds,
  type PoisonOptions,
} from "../../src/experiments/poison.js";

export const clean: PoisonOptions = {
  noise: 0,
  kind: "shuffle",
  keep: 1,
  seed: 0,
};

/** n_c images of each class, the classes interleaved so that data order is not class order. */
export function interleaved(classSizes: readonly number[]): Int32Array {
  const labels: number[] = [];
  for (let round = 0; round < Math.max(...classSizes); round++) {
    classSizes.forEach((size, c) => {
      if (round < size) labels.push(c);
    });
  }
  return Int32Array.from(labels);
}

/** How many of these images each class has. */
export function countOf(
  labels: Int32Array,
  numClasses: number,
  images: Iterable<number>,
): number[] {
  const counts = new Array<number>(numClasses).fill(0);
  for (const image of images) counts[labels[image]!]!++;
  return counts;
}

export const all = (labels: Int32Array) => Array.from(labels, (_, i) => i);

/** Data sets of 2 to 6 classes of any size, and settings, shares in whole per cents. */
export const arbitrary = fc.record({
  classSizes: fc.array(fc.integer({ min: 0, max: 40 }), {
    minLength: 2,
    maxLength: 6,
  }),
  noisePercent: fc.integer({ min: 0, max: 100 }),
  keepPercent: fc.integer({ min: 0, max: 100 }),
  kind: fc.constantFrom(...noiseKinds),
  seed: fc.integer({ min: 0, max: 2 ** 40 }),
});

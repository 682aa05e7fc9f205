/**
 * The bootstrap over test images: which images each replicate has, drawn once and used for every run, so that runs stay
 * paired. Images are drawn with replacement within their class, so class sizes stay.
 */
import { Purpose, RandomStream } from "../engine/random.js";

/** Enough for percentiles at 95 % and for p-values down to 0.0005. */
const REPLICATES = 4000;

/** Rates of one run in every replicate. */
export interface ReplicateRates {
  /** [B] */
  readonly top1: Float64Array;
  /** [C][B]; 0 for a class without test images. */
  readonly tpr: readonly Float64Array[];
}

export class ImageBootstrap {
  /** Test images of each class, in data order. */
  readonly #members: number[][];
  /** How often replicate b has member i of class c: [C][n_c][B]. */
  readonly #counts: Uint8Array[][];

  /** The same labels, seed and number of replicates give the same draws. */
  constructor(
    labels: Int32Array,
    numClasses: number,
    readonly replicates = REPLICATES,
    seed = 0,
  ) {
    this.#members = Array.from({ length: numClasses }, () => []);
    labels.forEach((label, image) => this.#members[label]!.push(image));
    this.#counts = this.#members.map(({ length }, c) => {
      const counts = Array.from({ length }, () => new Uint8Array(replicates));
      const stream = new RandomStream(seed, Purpose.bootstrap, 0, c);
      for (let b = 0; b < replicates; b++) {
        for (let draw = 0; draw < length; draw++)
          counts[stream.integer(length)]![b]!++;
      }
      return counts;
    });
  }

  /** @param correct 1 for each test image that is classified correctly, [N] */
  rates(correct: Uint8Array): ReplicateRates {
    const { replicates } = this;
    const top1 = new Float64Array(replicates);
    const tpr = this.#members.map((members, c) => {
      const hits = new Float64Array(replicates);
      members.forEach((image, i) => {
        if (correct[image] !== 1) return;
        const counts = this.#counts[c]![i]!;
        for (let b = 0; b < replicates; b++) hits[b]! += counts[b]!;
      });
      for (let b = 0; b < replicates; b++) {
        top1[b]! += hits[b]!;
        if (members.length > 0) hits[b]! /= members.length;
      }
      return hits;
    });
    for (let b = 0; b < replicates; b++) top1[b]! /= correct.length;
    return { top1, tpr };
  }
}

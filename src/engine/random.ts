/**
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11).
 *
 * Every random number in tarnish is a pure function of (seed, purpose, epoch, index, block); shaders/random.wgsl.ts
 * computes the same words on the GPU. Streams with different purposes are independent, so that changing one use of
 * randomness (say, augmentation) never disturbs another (say, the initial weights).
 */

export { Purpose } from "../../shaders/random.wgsl.js";

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middle2 = aLow * bHigh + (middle % 0x10000);
  return (
    (aHigh * bHigh +
      Math.floor(middle / 0x10000) +
      Math.floor(middle2 / 0x10000)) >>>
    0
  );
}

/** One Philox4x32-10 block: four unsigned 32-bit words from a 4-word counter and a 2-word key. */
export function philox4x32(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = mulHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The two key words of a seed (an integer in [0, 2^53)). */
export function seedKey(seed: number): [number, number] {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed must be an integer in [0, 2^53), got ${seed}`);
  }
  return [seed >>> 0, Math.floor(seed / 0x1_0000_0000)];
}

/**
 * A sequential reader of one stream. `(seed, purpose, epoch, index)` names the stream; words are drawn in block order.
 */
export class RandomStream {
  readonly #key: [number, number];
  #block = 0;
  #words: readonly number[] = [];
  #next = 4;

  constructor(
    seed: number,
    readonly purpose: number,
    readonly epoch = 0,
    readonly index = 0,
  ) {
    this.#key = seedKey(seed);
  }

  /** The next unsigned 32-bit word. */
  uint32(): number {
    if (this.#next === 4) {
      this.#words = philox4x32(
        [this.#block++, this.index, this.epoch, this.purpose],
        this.#key,
      );
      this.#next = 0;
    }
    return this.#words[this.#next++]!;
  }

  /** Uniform in [0, 1) with 24 bits, exactly representable in f32 (the GPU computes the same value). */
  float(): number {
    return (this.uint32() >>> 8) * 2 ** -24;
  }

  /** Uniform integer in [0, n), without modulo bias. */
  integer(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32)
      throw new RangeError(`integer(n) needs 1 <= n <= 2^32, got ${n}`);
    const limit = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % n;
    }
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T extends { length: number; [index: number]: number }>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swap = values[i]!;
      values[i] = values[j]!;
      values[j] = swap;
    }
    return values;
  }

  /** A uniformly random permutation of 0…n−1. */
  permutation(n: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: n }, (_, i) => i));
  }
}

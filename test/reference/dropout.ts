/**
 * Inverted dropout: y = x · mask / (1 − p), dx = dy · mask / (1 − p), mask ∈ {0, 1} (torch.nn.Dropout in training mode).
 *
 * The mask is counter-based: element e (linear NHWC index within its sample) of sample s in an epoch is kept when
 * unit(word e of the stream (seed, Purpose.dropout, epoch, s XOR layer·0x9E3779B9)) ≥ p, with word e = word e mod 4 of
 * Philox block ⌊e/4⌋ and unit(w) = (w >>> 8)·2^-24. p is rounded to f32 first, because the GPU compares in f32.
 */
import { Purpose, RandomStream } from "../../src/engine/random.js";
import { map, ref, sameShape, sizeOf, type Ref } from "./tensor.js";

/** What names the dropout streams of a batch. */
export interface DropoutStreams {
  seed: number;
  epoch: number;
  /** Which dropout layer of the model, from 0. */
  layer: number;
  /** Sample id (dataset index) of each row of the batch. */
  samples: ArrayLike<number>;
}

/** Keep mask (0 or 1) of shape `[N,H,W,C]` for drop probability p in [0, 1). */
export function dropoutMask(
  shape: readonly number[],
  p: number,
  { seed, epoch, layer, samples }: DropoutStreams,
): Ref {
  const mask = ref(shape);
  const perSample = sizeOf(shape.slice(1));
  for (let n = 0; n < shape[0]!; n++) {
    const index = (samples[n]! ^ Math.imul(layer, 0x9e3779b9)) >>> 0;
    const stream = new RandomStream(seed, Purpose.dropout, epoch, index);
    for (let e = 0; e < perSample; e++) {
      mask.data[n * perSample + e] = stream.float() >= Math.fround(p) ? 1 : 0;
    }
  }
  return mask;
}

/** x (or dy, for the backward pass) and the keep mask, of the same shape → x · mask / (1 − p). */
export function dropout(x: Ref, mask: Ref, p: number): Ref {
  sameShape(x, mask);
  return map(x, (v, i) => (v * mask.data[i]!) / (1 - p));
}

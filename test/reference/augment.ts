/**
 * Augmentation and normalisation of images held as bytes: what the GPU computes from the resident dataset.
 *
 * Words w0…w3 (Philox block 0) and w4…w7 (block 1) come from the stream (seed, Purpose.augment, epoch, index of the
 * image in the dataset); unit(w) = (w >>> 8)·2^-24. An image is padded with `pad` zero pixels on each side and then
 *
 *   crop        S×S at row ⌊unit(w0)·(2·pad+1)⌋, column ⌊unit(w1)·(2·pad+1)⌋ of the padded image
 *   flip        the cropped image left to right when w2 is odd
 *   brightness  v1 = v + delta,                      delta  = (2·unit(w4) − 1)·63/255          (v = byte/255)
 *   contrast    v2 = (v1 − mean_c)·factor + mean_c,  factor = 0.2 + unit(w5)·1.6
 *               with mean_c the mean of v1 over channel c of the cropped image; nothing is clamped
 *   normalise   (v2 − mean[c]) / std[c]
 *
 * `none` only normalises; `standard` pads 4, crops and flips; `study` pads 2 and does everything. The ranges are those
 * of TensorFlow's CIFAR-10 tutorial (cifar10_input.py: random_brightness 63, random_contrast 0.2…1.8, float images).
 */
import { Purpose, RandomStream } from "../../src/engine/random.js";
import { index4, ref, type Ref } from "./tensor.js";

export type AugmentKind = "none" | "standard" | "study";

/** Zero pixels on each side before the crop. */
const PAD: Record<AugmentKind, number> = { none: 0, standard: 4, study: 2 };

/** The images of a dataset: planar bytes `[n][3][S][S]`. */
export interface Images {
  bytes: Uint8Array;
  /** S, the height and width in pixels. */
  size: number;
}

export interface AugmentOptions {
  kind: AugmentKind;
  seed: number;
  epoch: number;
  /** Per channel, for pixel values in [0, 1]. */
  mean: readonly number[];
  std: readonly number[];
}

/** What chance decides for one image. */
export interface Draws {
  /** Offset of the crop within the padded image, 0…2·pad. */
  row: number;
  column: number;
  flip: boolean;
  delta: number;
  factor: number;
}

/** The draws for the image at `index` of the dataset. */
export function augmentDraws(
  kind: AugmentKind,
  seed: number,
  epoch: number,
  index: number,
): Draws {
  const draws: Draws = { row: 0, column: 0, flip: false, delta: 0, factor: 1 };
  if (kind === "none") return draws;
  const stream = new RandomStream(seed, Purpose.augment, epoch, index);
  const w = Array.from({ length: 8 }, () => stream.uint32());
  const unit = (word: number) => (word >>> 8) * 2 ** -24;
  const offsets = 2 * PAD[kind] + 1;
  draws.row = Math.floor(unit(w[0]!) * offsets);
  draws.column = Math.floor(unit(w[1]!) * offsets);
  draws.flip = (w[2]! & 1) === 1;
  if (kind === "study") {
    draws.delta = ((2 * unit(w[4]!) - 1) * 63) / 255;
    draws.factor = 0.2 + unit(w[5]!) * 1.6;
  }
  return draws;
}

/** The images at `indices` of the dataset → the network's input `[N,S,S,3]`. */
export function augment(
  { bytes, size }: Images,
  indices: ArrayLike<number>,
  { kind, seed, epoch, mean, std }: AugmentOptions,
): Ref {
  const y = ref([indices.length, size, size, 3]);
  const pad = PAD[kind];
  for (let n = 0; n < indices.length; n++) {
    const image = indices[n]!;
    const { row, column, flip, delta, factor } = augmentDraws(
      kind,
      seed,
      epoch,
      image,
    );
    for (let c = 0; c < 3; c++) {
      const v1 = (h: number, w: number): number => {
        const sourceRow = h + row - pad;
        const sourceColumn = (flip ? size - 1 - w : w) + column - pad;
        const inside =
          sourceRow >= 0 &&
          sourceRow < size &&
          sourceColumn >= 0 &&
          sourceColumn < size;
        const at = ((image * 3 + c) * size + sourceRow) * size + sourceColumn;
        return (inside ? bytes[at]! / 255 : 0) + delta;
      };
      let channelMean = 0;
      for (let h = 0; h < size; h++) {
        for (let w = 0; w < size; w++) channelMean += v1(h, w) / size ** 2;
      }
      for (let h = 0; h < size; h++) {
        for (let w = 0; w < size; w++) {
          const v2 = (v1(h, w) - channelMean) * factor + channelMean;
          y.data[index4(y, n, h, w, c)] = (v2 - mean[c]!) / std[c]!;
        }
      }
    }
  }
  return y;
}

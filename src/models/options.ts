/** What may vary in a model besides its number of classes: the options of `--width` and `--stem`. */

/** What a residual net begins with: `cifar` 3×3 at stride 1; `imagenet` 7×7 at stride 2 and a 3×3 max pool at stride 2. */
export const stems = ["cifar", "imagenet"] as const;

/** Of the residual nets. */
export const defaultStem: Stem = "cifar";

export type Stem = (typeof stems)[number];

export interface ModelOptions {
  /** Channel multiplier, 1 by default. */
  readonly width?: number | undefined;
  /** Residual nets alone; {@link defaultStem} by default. */
  readonly stem?: Stem | undefined;
}

/** A channel count times the width, rounded half up to a multiple of 8, at least 8. Width 1 is exact. */
export function scaleChannels(channels: number, width = 1): number {
  if (width === 1) return channels;
  return Math.max(8, Math.floor((channels * width) / 8 + 0.5) * 8);
}

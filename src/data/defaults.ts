/** A data set's own training and test images, or both drawn anew. */
export const dataSplits = ["official", "random"] as const;
export type DataSplit = (typeof dataSplits)[number];

/** How data is loaded where nothing else is said. */
export const dataDefaults = {
  dataSplit: "official",
  /** Seed of the random split and of an image folder's hold-out: data, not a run's own seed, so that runs share it. */
  splitSeed: 0,
  valFraction: 0.2,
  imageSize: 32,
} as const;

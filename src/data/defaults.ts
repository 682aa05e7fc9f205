/** How data is loaded where nothing else is said. */
export const dataDefaults = {
  dataSplit: "official",
  /** Seed of the random split and of an image folder's hold-out: data, not a run's own seed, so that runs share it. */
  splitSeed: 0,
  valFraction: 0.2,
  imageSize: 32,
} as const;

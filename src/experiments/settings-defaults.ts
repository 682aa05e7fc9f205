/** What is taken where nothing else is said; and what augmentations there are. settings.ts is their door. */
import { dataDefaults } from "../data/defaults.js";
import type { Augmentation } from "../engine/image-source.js";
import type { DataSettings, TrainSettings } from "./settings.js";

export const augmentations = {
  none: { padding: 0, flip: false, distort: false },
  standard: { padding: 4, flip: true, distort: false },
  study: { padding: 2, flip: true, distort: true },
} as const satisfies Record<string, Augmentation>;

/** What data is loaded where nothing else is said. */
export const defaultData = {
  data: "sample",
  ...dataDefaults,
} as const satisfies DataSettings;

export const defaultSettings = {
  ...defaultData,
  model: "lenet",
  width: 1,
  epochs: 30,
  batch: 128,
  momentum: 0.9,
  weightDecay: 5e-4,
  nesterov: false,
  warmup: 0,
  labelSmoothing: 0,
  noise: 0,
  noiseKind: "shuffle",
  keep: 1,
  augment: "standard",
  order: "shuffle",
  seed: 0,
  precision: "f32",
  evalEvery: 1,
  logEvery: 10,
} as const satisfies Partial<TrainSettings>;

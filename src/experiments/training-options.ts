/** What a run's settings say to the engine: the same for a session, for a plan of one, and for measuring what it costs. */
import type { Augmentation } from "../engine/image-source.js";
import type { TrainingOptions } from "../engine/trace.js";
import { buildModel } from "../models/registry.js";
import { augmentations, type TrainSettings } from "./settings.js";

interface ImagesSource<Images> {
  readonly kind: "images";
  readonly images: Images;
  readonly augmentation: Augmentation;
}

/**
 * @param images the training images, on the device or only their layout
 * @param kept how many of them there are to train on
 */
export function trainingOptions<Images>(
  settings: TrainSettings,
  classes: number,
  images: Images,
  kept: number,
): Omit<TrainingOptions, "source" | "frozenBatchNorm"> & {
  readonly source: ImagesSource<Images>;
  readonly batch: number;
  readonly microBatch: number;
} {
  const batch = Math.min(settings.batch, kept);
  return {
    model: buildModel(settings.model, classes, settings),
    source: {
      kind: "images",
      images,
      augmentation: augmentations[settings.augment],
    },
    optimizer: settings,
    labelSmoothing: settings.labelSmoothing,
    recompute: settings.recompute ?? false,
    precision: settings.precision,
    batch,
    microBatch: settings.microBatch ?? batch,
  };
}

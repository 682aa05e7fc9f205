/** What a training run is asked to do: the flags of `train` under their own names, with defaults, checked in one place. */
import type { DataSplit } from "../data/defaults.js";
import type { Precision } from "../engine/precision.js";
import { UserError } from "../errors.js";
import { defaultStem, type Stem } from "../models/options.js";
import { findModel } from "../models/registry.js";
import type { NoiseKind } from "./poison.js";
import type { Order } from "./schedule.js";
import { type augmentations, defaultSettings } from "./settings-defaults.js";
import { settingsError } from "./settings-schema.js";

export {
  augmentations,
  defaultData,
  defaultSettings,
} from "./settings-defaults.js";

export type AugmentName = keyof typeof augmentations;

/** What data a run is about; the same words wherever data is loaded. */
export interface DataSettings {
  readonly data: string;
  readonly coarse?: boolean | undefined;
  readonly trainLimit?: number | undefined;
  readonly testLimit?: number | undefined;
  /** `random` redraws the training and the test images. */
  readonly dataSplit: DataSplit;
  /** Seed of the random split and of an image folder's hold-out. */
  readonly splitSeed: number;
  /** Image folders without test images: share of each class that is held out. */
  readonly valFraction: number;
  /** Height and width that the images of a folder are scaled and cropped to. */
  readonly imageSize: number;
  /** A file of given labels, one per training image. */
  readonly labels?: string | undefined;
}

/** Settings of a run; the names are those of the flags and of config.json. */
export interface TrainSettings extends DataSettings {
  readonly model: string;
  readonly width: number;
  /** The residual nets' alone. */
  readonly stem?: Stem | undefined;
  readonly epochs: number;
  readonly batch: number;
  /** Images on the device at once; gradients add up over a batch. Default: the batch. */
  readonly microBatch?: number | undefined;
  /** Less memory, the same result: batch norm's outputs are computed again in the backward pass. */
  readonly recompute?: boolean | undefined;
  readonly lr: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
  /** Epochs of linear warm-up; fractions are fine. */
  readonly warmup: number;
  readonly labelSmoothing: number;
  readonly noise: number;
  readonly noiseKind: NoiseKind;
  readonly keep: number;
  readonly augment: AugmentName;
  readonly order: Order;
  readonly seed: number;
  /** All optimiser steps T instead of epochs × ceil(n / batch). */
  readonly steps?: number | undefined;
  /** Stop after so many optimiser steps; the schedule stays. */
  readonly maxSteps?: number | undefined;
  readonly init?: string | undefined;
  readonly precision: Precision;
  readonly evalEvery: number;
  readonly logEvery: number;
}

/** What the device's arithmetic can hold. */
const largestFloat = (2 - 2 ** -23) * 2 ** 127;

/** The flag of a setting: `--micro-batch` of microBatch. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Fills in the defaults and checks what can be checked without the data. Throws UserError. */
export function resolveSettings(given: Partial<TrainSettings>): TrainSettings {
  const model = findModel(given.model ?? defaultSettings.model, given);
  const settings: TrainSettings = {
    lr: model.learningRate,
    ...(model.options.includes("stem") && { stem: defaultStem }),
    ...defaultSettings,
    ...defined(given),
  };
  const error = settingsError({ ...settings });
  if (error !== null) throw new UserError(error.replace(/^\w+/, flagOf));
  if (settings.nesterov && settings.momentum === 0) {
    throw new UserError("--nesterov: needs a --momentum above 0");
  }
  if (settings.microBatch !== undefined && settings.microBatch > settings.batch)
    throw new UserError(
      `--micro-batch ${settings.microBatch}: is larger than --batch ${settings.batch}`,
    );
  for (const [flag, value] of [
    ["--lr", settings.lr],
    ["--weight-decay", settings.weightDecay],
  ] as const)
    if (value > largestFloat)
      throw new UserError(
        `${flag}: expected at most ${largestFloat.toPrecision(3)}, the largest 32-bit float, got ${value}`,
      );
  return settings;
}

function defined(given: Partial<TrainSettings>): Partial<TrainSettings> {
  return Object.fromEntries(
    Object.entries<unknown>(given).filter(([, value]) => value !== undefined),
  );
}

/**
 * Settings with others in their place. How long a run trains is said once, in epochs or in steps: either takes the place
 * of the other.
 */
export function replaceSettings(
  base: Partial<TrainSettings>,
  own: Partial<TrainSettings>,
): Partial<TrainSettings> {
  const { epochs, steps, ...others } = base;
  const length = own.epochs ?? own.steps;
  return {
    ...others,
    ...(length === undefined && defined({ epochs, steps })),
    ...own,
  };
}

/** @throws UserError where somebody says twice how long a run trains; `prefix` says where */
export function checkLength(
  { epochs, steps }: Pick<Partial<TrainSettings>, "epochs" | "steps">,
  prefix = "",
): void {
  if (epochs !== undefined && steps !== undefined)
    throw new UserError(
      `${prefix}--epochs ${epochs}, --steps ${steps}: both say how long a run trains; leave one out`,
    );
}

/**
 * Refuses a batch size that somebody asked for and that a training set cannot fill. Where nobody asked, the default stands
 * and a smaller set is one batch.
 */
export function checkBatch(asked: number | undefined, images: number): void {
  if (asked !== undefined && asked > images)
    throw new UserError(
      `--batch ${asked}: there are ${images} training images; take at most as many`,
    );
}

/** What the settings come to for a training set of `images` images. Throws UserError where nothing is left to do. */
export interface Course {
  readonly stepsPerEpoch: number;
  /** T of the schedule, and the step after which training stops. */
  readonly totalSteps: number;
  readonly lastStep: number;
  readonly warmupSteps: number;
}

export function planCourse(settings: TrainSettings, images: number): Course {
  if (images === 0) {
    throw new UserError(
      `--keep ${settings.keep} leaves no training image; keep more`,
    );
  }
  const stepsPerEpoch = Math.ceil(images / settings.batch);
  const totalSteps = settings.steps ?? settings.epochs * stepsPerEpoch;
  const warmupSteps = Math.round(settings.warmup * stepsPerEpoch);
  if (warmupSteps >= totalSteps) {
    throw new UserError(
      `--warmup ${settings.warmup}: takes ${warmupSteps} of ${totalSteps} steps; leave some for training`,
    );
  }
  return {
    stepsPerEpoch,
    totalSteps,
    warmupSteps,
    lastStep: Math.min(totalSteps, settings.maxSteps ?? totalSteps),
  };
}

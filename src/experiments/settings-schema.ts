/** What a run's settings may be, as a schema: of a sweep's file, of config.json, and of what a caller asks for. */
import { dataSplits } from "../data/defaults.js";
import { imageLimits } from "../data/image-folder.js";
import { precisions } from "../engine/precision.js";
import { stems } from "../models/options.js";
import { modelNames } from "../models/registry.js";
import { type JsonObject } from "./json.js";
import { type Schema, schemaError } from "./json-schema.js";
import { orders } from "./schedule.js";
import { augmentations, defaultSettings as d } from "./settings-defaults.js";

const count = (description: string, rest: object = {}): Schema => ({
  type: "integer",
  minimum: 1,
  description,
  ...rest,
});
const atLeast0 = (description: string, fallback: number): Schema => ({
  type: "number",
  minimum: 0,
  description,
  default: fallback,
});
export const share = { type: "number", minimum: 0, maximum: 1 } as const;

/** The settings of a run that a sweep may fix, by the names of `tarnish train`'s flags. */
export const settingsProperties: Readonly<Record<string, Schema>> = {
  width: {
    type: "number",
    exclusiveMinimum: 0,
    maximum: 8,
    default: d.width,
    description:
      "Scales the channels; of models that come in width 1 alone it is left out",
  },
  stem: { enum: stems, description: "What the residual nets begin with" },
  data: {
    type: "string",
    pattern: ".",
    default: d.data,
    description: "sample, cifar10, cifar100, or a path",
  },
  coarse: {
    type: "boolean",
    description: "CIFAR-100 with its 20 superclasses",
  },
  trainLimit: count("The first so many training images, class-balanced"),
  testLimit: count("The first so many test images, class-balanced"),
  dataSplit: {
    enum: dataSplits,
    default: d.dataSplit,
    description: "random draws training and test images anew",
  },
  splitSeed: {
    type: "integer",
    minimum: 0,
    default: d.splitSeed,
    description: "Seed of a random split and of what is held out",
  },
  valFraction: {
    ...share,
    default: d.valFraction,
    description:
      "Image folders without test images: the share of each class that is held out",
  },
  imageSize: {
    type: "integer",
    ...{
      minimum: imageLimits.imageSize.min,
      maximum: imageLimits.imageSize.max,
    },
    default: d.imageSize,
    description: "Image folders: height and width of the images",
  },
  epochs: count("Passes over the training set", { default: d.epochs }),
  batch: count("Images per step", { default: d.batch }),
  microBatch: count(
    "Images on the device at once: gradients add up over a batch; batch norm sees each part alone",
  ),
  recompute: {
    type: "boolean",
    default: false,
    description:
      "Less memory, the same result: batch norm's outputs are computed again in the backward pass",
  },
  lr: {
    type: "number",
    exclusiveMinimum: 0,
    description: "Peak learning rate; each model has its own default",
  },
  momentum: {
    type: "number",
    minimum: 0,
    exclusiveMaximum: 1,
    default: d.momentum,
  },
  weightDecay: atLeast0("L2 penalty, as in PyTorch's SGD", d.weightDecay),
  nesterov: { type: "boolean", default: d.nesterov },
  warmup: atLeast0("Epochs of linear warm-up", d.warmup),
  labelSmoothing: { ...share, default: d.labelSmoothing },
  noiseKind: {
    type: "string",
    pattern: ".",
    default: d.noiseKind,
    description: "How wrong labels are drawn",
  },
  augment: { enum: Object.keys(augmentations), default: d.augment },
  order: { enum: orders, default: d.order },
  init: {
    type: "string",
    pattern: ".",
    description: "Initial weights, a .safetensors file",
  },
  precision: { enum: [...precisions], default: d.precision },
  steps: count("All optimiser steps of every run, instead of epochs × batches"),
  maxSteps: count("Stop after so many steps, the schedule unchanged"),
  evalEvery: count("Epochs between evaluations", { default: d.evalEvery }),
  logEvery: count("Steps between log lines", { default: d.logEvery }),
};

/** What a sweep varies itself, and a file of labels, which belongs to one run. */
const ownProperties: Readonly<Record<string, Schema>> = {
  model: { enum: modelNames },
  noise: share,
  keep: share,
  seed: { type: "integer", minimum: 0 },
  labels: { type: "string", pattern: "." },
};

/** What is wrong with the settings among an object's members, with its name, or null. Other members may be anything. */
export function settingsError(object: JsonObject): string | null {
  const properties = { ...settingsProperties, ...ownProperties };
  const settings = Object.fromEntries(
    Object.entries(object).filter(([name]) => Object.hasOwn(properties, name)),
  );
  return schemaError(
    { type: "object", properties, additionalProperties: false },
    settings,
  );
}

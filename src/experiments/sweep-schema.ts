/** The schema of a sweep's JSON file; docs/sweep.schema.json is this object. */
import { dataSplits } from "../data/defaults.js";
import { imageLimits } from "../data/image-folder.js";
import { precisions } from "../engine/precision.js";
import { stems } from "../models/options.js";
import { modelNames } from "../models/registry.js";
import type { ObjectSchema, Schema } from "./json-schema.js";
import { orders } from "./schedule.js";
import { augmentations, defaultSettings as d } from "./settings.js";
import { budgets, sweepArms } from "./tables.js";

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
const share = { type: "number", minimum: 0, maximum: 1 } as const;

/** The settings of a run that a sweep may fix, by the names of `tarnish train`'s flags. */
const settingsProperties: Readonly<Record<string, Schema>> = {
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

/** The data set is the sweep's: its models are compared on it. */
const ofData = [
  ...["data", "coarse", "trainLimit", "testLimit"],
  ...["dataSplit", "splitSeed", "valFraction", "imageSize"],
];
const ofModel = Object.fromEntries(
  Object.entries(settingsProperties).filter(([name]) => !ofData.includes(name)),
);

const settings = (
  description: string,
  properties: Readonly<Record<string, Schema>>,
): ObjectSchema => ({
  type: "object",
  description,
  properties,
  additionalProperties: false,
});

const modelList = (minItems: number, description: string): Schema => ({
  type: "array",
  items: { enum: modelNames },
  minItems,
  uniqueItems: true,
  description,
});

/** Seeds that a number may stand for. */
export const maxSeeds = 10_000;

export const sweepSchema: ObjectSchema = {
  type: "object",
  description:
    "A sweep: every model × seed is trained once on all data and once per level of each arm",
  required: ["name", "models", "levels"],
  additionalProperties: false,
  properties: {
    $schema: { type: "string", description: "Where this schema is" },
    name: {
      type: "string",
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$",
      description: "Names the sweep and its default folder, sweeps/<name>",
    },
    models: modelList(1, "The networks"),
    levels: {
      type: "array",
      items: share,
      minItems: 1,
      uniqueItems: true,
      description:
        "Shares of wrong labels and of removed images; the baseline at 0 is always there",
    },
    arms: {
      type: "array",
      items: { enum: sweepArms },
      uniqueItems: true,
      default: sweepArms,
      description: "What is done to the training data",
    },
    seeds: {
      anyOf: [
        { type: "integer", minimum: 1, maximum: maxSeeds },
        {
          type: "array",
          items: { type: "integer", minimum: 0 },
          minItems: 1,
          uniqueItems: true,
        },
      ],
      default: 3,
      description: "N for the seeds 0 to N − 1, or a list of seeds",
    },
    budget: {
      enum: budgets,
      default: "epochs",
      description:
        "What reduction holds constant: the epochs, or the baseline's number of optimiser steps",
    },
    bothBudgets: modelList(
      0,
      "Models reduced under a budget of steps too, where the budget is epochs",
    ),
    settings: settings("Settings of every run", settingsProperties),
    perModel: {
      type: "object",
      description:
        "Settings of single models, which go before those of every run",
      properties: Object.fromEntries(
        modelNames.map((name) => [
          name,
          settings(`Settings of ${name}'s runs`, ofModel),
        ]),
      ),
      additionalProperties: false,
    },
  },
};

/** The published schema: docs/sweep.schema.json. */
export const publishedSweepSchema: object = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "A sweep of tarnish",
  ...sweepSchema,
};

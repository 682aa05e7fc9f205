/** The schema of a sweep's JSON file; docs/sweep.schema.json is this object. */
import { modelNames } from "../models/registry.js";
import type { ObjectSchema, Schema } from "./json-schema.js";
import { settingsProperties, share } from "./settings-schema.js";
import { budgets, sweepArms } from "./tables.js";

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

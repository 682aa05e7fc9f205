/** Models by name, with what the command line needs to know about each. */
import type { Model } from "../engine/index.js";
import { UserError } from "../errors.js";
import { googlenet } from "./googlenet.js";
import { lenet } from "./lenet.js";
import { type ModelOptions, stems } from "./options.js";
import { resnet, type ResnetName } from "./resnet.js";
import { shallow } from "./shallow.js";

export interface ModelEntry {
  readonly name: string;
  /** One line for help texts and docs. */
  readonly summary: string;
  /** Default peak learning rate at batch 128. */
  readonly learningRate: number;
  /** The options that apply. */
  readonly options: readonly (keyof ModelOptions)[];
  readonly build: (classes: number, options: ModelOptions) => Model;
}

function residual(name: ResnetName, summary: string): ModelEntry {
  return {
    name,
    summary,
    learningRate: 0.1,
    options: ["width", "stem"],
    build: (classes, options) => resnet(name, classes, options),
  };
}

export const models: readonly ModelEntry[] = [
  {
    name: "lenet",
    summary: "LeNet-5 with ReLU and max pooling",
    learningRate: 0.02,
    options: [],
    build: lenet,
  },
  {
    name: "shallow",
    summary: "three convolutions with batch norm, two linear layers",
    learningRate: 0.05,
    options: ["width"],
    build: shallow,
  },
  residual("resnet8", "a stem and three basic blocks: small, for benchmarks"),
  residual("resnet18", "residual, 8 basic blocks"),
  residual("resnet34", "residual, 16 basic blocks"),
  residual("resnet50", "residual, 16 bottleneck blocks"),
  residual("resnet101", "residual, 33 bottleneck blocks"),
  residual("resnet152", "residual, 50 bottleneck blocks"),
  residual("unresnet18", "ResNet-18 with its shortcuts taken out"),
  {
    name: "googlenet",
    summary: "nine inception modules, in the CIFAR form",
    learningRate: 0.1,
    options: ["width"],
    build: googlenet,
  },
];

export const modelNames: readonly string[] = models.map(({ name }) => name);

/** Looks a model up. Throws UserError for an unknown name or an option that the model does not take. */
export function findModel(
  name: string,
  { width = 1, stem }: ModelOptions = {},
): ModelEntry {
  const entry = models.find((candidate) => candidate.name === name);
  if (!entry)
    throw new UserError(
      `--model: there is no model "${name}". Choose one of ${modelNames.join(", ")}.`,
    );
  if (!(width > 0 && width <= 8))
    throw new UserError(`--width: expected a number in (0, 8], got ${width}`);
  if (width !== 1 && !entry.options.includes("width"))
    throw new UserError(`--width: ${name} comes in width 1 only, got ${width}`);
  if (stem !== undefined && !entry.options.includes("stem"))
    throw new UserError(
      `--stem: ${name} has no choice of stems; leave --stem out (the residual nets take it)`,
    );
  if (stem !== undefined && !stems.includes(stem))
    throw new UserError(
      `--stem: expected one of ${stems.join(", ")}, got ${stem}`,
    );
  return entry;
}

/** The model of a name for a number of classes. Throws UserError as `findModel` does. */
export function buildModel(
  name: string,
  classes: number,
  options: ModelOptions = {},
): Model {
  return findModel(name, options).build(classes, options);
}

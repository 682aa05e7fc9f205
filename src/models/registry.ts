/** Models by name, with what the command line needs to know about each. */
import type { Model } from "../engine/index.js";
import { UserError } from "../errors.js";
import { lenet } from "./lenet.js";
import { resnet8 } from "./resnet.js";
import { shallow } from "./shallow.js";

export interface ModelEntry {
  readonly name: string;
  /** One line for help texts. */
  readonly summary: string;
  /** Default peak learning rate at batch 128. */
  readonly learningRate: number;
  /** Whether `--width` may differ from 1. */
  readonly scalable: boolean;
  readonly build: (classes: number, width: number) => Model;
}

const entries: readonly ModelEntry[] = [
  {
    name: "lenet",
    summary: "LeNet-5, 62 thousand parameters",
    learningRate: 0.02,
    scalable: false,
    build: lenet,
  },
  {
    name: "shallow",
    summary: "three convolutions with batch norm",
    learningRate: 0.05,
    scalable: true,
    build: shallow,
  },
  {
    name: "resnet8",
    summary: "small residual net for benchmarks",
    learningRate: 0.1,
    scalable: true,
    build: resnet8,
  },
];

export const modelNames: readonly string[] = entries.map(({ name }) => name);

/** Looks a model up. Throws UserError for an unknown name or a width that the model does not take. */
export function findModel(name: string, width = 1): ModelEntry {
  const entry = entries.find((candidate) => candidate.name === name);
  if (!entry)
    throw new UserError(
      `--model: there is no model "${name}". Choose one of ${modelNames.join(", ")}.`,
    );
  if (!(width > 0 && width <= 8))
    throw new UserError(`--width: expected a number in (0, 8], got ${width}`);
  if (width !== 1 && !entry.scalable)
    throw new UserError(`--width: ${name} comes in width 1 only, got ${width}`);
  return entry;
}

/**
 * Options as the commands declare them. A value that does not fit is refused while the command line is read, before
 * anything runs, with the flag, what it takes and what was given: "--noise: expected a share between 0 and 1, got 1.5".
 */
import { type Command, Option } from "commander";
import { dataDefaults, dataSplits } from "../data/defaults.js";
import { imageLimits } from "../data/image-folder.js";
import { gpuApis } from "../engine/open-device.js";
import { UserError } from "../errors.js";
import { noiseKindList } from "../experiments/poison.js";
import { defaultStem, stems } from "../models/options.js";

/** An option whose value goes through `parse`; parse throws the complaint about the text it is given. */
export function parsedOption(
  flags: string,
  description: string,
  parse: (flag: string, text: string) => unknown,
): Option {
  const option = new Option(flags, description);
  const flag = option.long ?? flags;
  return option.argParser((text: string) => parse(flag, text));
}

function refuse(flag: string, expected: string, text: string): UserError {
  return new UserError(`${flag}: expected ${expected}, got ${text || '""'}`);
}

/** A plain decimal number ("1e-3" included), or NaN for anything else: "", "0x10", "Infinity" and "1,5" are no numbers. */
function decimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)
    ? Number(text)
    : NaN;
}

/** A whole number in [min, max]. */
export function parseInteger(
  flag: string,
  text: string,
  min = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = decimal(text);
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const range =
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${min}`
      : `a whole number from ${min} to ${max}`;
  throw refuse(flag, range, text);
}

/** A share in [0, 1]. */
export function parseShare(flag: string, text: string): number {
  const value = decimal(text);
  if (value >= 0 && value <= 1) return value;
  throw refuse(flag, "a share between 0 and 1", text);
}

/** A finite number above 0. */
function parsePositive(flag: string, text: string): number {
  const value = decimal(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw refuse(flag, "a number above 0", text);
}

/** A finite number of at least 0. */
function parseNonNegative(flag: string, text: string): number {
  const value = decimal(text);
  if (value >= 0 && Number.isFinite(value)) return value;
  throw refuse(flag, "a number of at least 0", text);
}

/** One of the words. */
export function parseChoice<T extends string>(
  flag: string,
  text: string,
  choices: readonly T[],
): T {
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  throw refuse(flag, `one of ${choices.join(", ")}`, text);
}

/** Items with commas between them, each read by `parseItem`; at least one. */
export function parseList<T>(
  flag: string,
  text: string,
  parseItem: (flag: string, item: string) => T,
): T[] {
  const items = text.split(",").map((item) => item.trim());
  return items.map((item) => parseItem(flag, item));
}

export function integerOption(
  flags: string,
  description: string,
  { min = 0, max }: { min?: number; max?: number } = {},
): Option {
  return parsedOption(flags, description, (flag, text) =>
    parseInteger(flag, text, min, max),
  );
}

/** An empty text is no path and no name: it is what a script passes whose variable is not set. @throws UserError */
export function refuseEmptyValues(command: Command): void {
  for (const option of command.options)
    if (command.getOptionValue(option.attributeName()) === "")
      throw refuse(option.long ?? option.flags, "a value", "");
  command.registeredArguments.forEach((argument, i) => {
    if (command.args[i] === "") throw refuse(argument.name(), "a value", "");
  });
}

export function shareOption(flags: string, description: string): Option {
  return parsedOption(flags, description, parseShare);
}

export function positiveOption(flags: string, description: string): Option {
  return parsedOption(flags, description, parsePositive);
}

export function nonNegativeOption(flags: string, description: string): Option {
  return parsedOption(flags, description, parseNonNegative);
}

export function choiceOption(
  flags: string,
  description: string,
  choices: readonly string[],
): Option {
  return parsedOption(
    flags,
    `${description} (${choices.join(", ")})`,
    (flag, text) => parseChoice(flag, text, choices),
  );
}

export function listOption(
  flags: string,
  description: string,
  parseItem: (flag: string, item: string) => unknown,
): Option {
  return parsedOption(flags, description, (flag, text) =>
    parseList(flag, text, parseItem),
  );
}

/** The options that several commands share, worded once. */
export const commonOptions = {
  stem: () =>
    choiceOption(
      "--stem <name>",
      `what a residual net begins with, ${defaultStem} by default`,
      stems,
    ),
  data: () =>
    new Option(
      "--data <name|path>",
      "sample, cifar10, cifar100, or a path: CIFAR's archive or its folder, a folder of images or a .zip or .tar.gz of one",
    ).default("sample"),
  coarse: () =>
    new Option("--coarse", "CIFAR-100 with its 20 superclasses as labels"),
  trainLimit: () =>
    integerOption(
      "--train-limit <n>",
      "the first n training images alone, class-balanced",
      { min: 1 },
    ),
  testLimit: () =>
    integerOption(
      "--test-limit <n>",
      "the first n test images alone, class-balanced",
      { min: 1 },
    ),
  dataSplit: () =>
    choiceOption(
      "--data-split <name>",
      "random draws training and test images anew",
      dataSplits,
    ),
  splitSeed: () =>
    integerOption(
      "--split-seed <n>",
      `the seed of a random split and of what is held out (default: ${dataDefaults.splitSeed})`,
    ),
  valFraction: () =>
    shareOption(
      "--val-fraction <share>",
      `image folders without test images: the share of each class that is held out (default: ${dataDefaults.valFraction})`,
    ),
  imageSize: () =>
    integerOption(
      "--image-size <pixels>",
      `image folders: height and width of the images (default: ${dataDefaults.imageSize})`,
      imageLimits.imageSize,
    ),
  labels: () =>
    new Option(
      "--labels <file>",
      "labels to train on, one integer per training image (.npy, .csv, .json)",
    ),
  mirror: () =>
    new Option(
      "--mirror <url>",
      "where cifar10 and cifar100 are downloaded from (default: $TARNISH_MIRROR, or their authors' site)",
    ),
  noise: () =>
    shareOption(
      "--noise <share>",
      "share of each class that gets a noisy label",
    ),
  noiseKind: () => new Option("--noise-kind <kind>", noiseKindList),
  seed: () =>
    integerOption(
      "--seed <n>",
      "the seed of everything that is drawn at random",
    ).default(0),
  adapter: () =>
    new Option(
      "--adapter <name>",
      "auto, hardware, software, or part of an adapter's name",
    ).default("auto"),
  memoryLimit: () =>
    positiveOption(
      "--memory-limit <GiB>",
      "refuse a run that takes more on the device (a software adapter: the machine's memory at most)",
    ),
  gpuApi: () =>
    choiceOption(
      "--gpu-api <api>",
      "whose WebGPU: Dawn's, or Deno's own",
      gpuApis,
    ).default("dawn"),
  tune: () =>
    new Option(
      "--no-tune",
      "choose kernels by rule instead of measuring them on the GPU",
    ),
  json: () =>
    new Option(
      "--json",
      "end with one line of JSON on stdout; everything else goes to stderr",
    ),
  overwrite: () => new Option("--overwrite", "replace what is there already"),
} as const;

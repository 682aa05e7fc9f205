/** Sweeps by name (the two studies and the demo), from a JSON file, and with some of their axes or settings replaced. */
import { UserError } from "../errors.js";
import { findModel } from "../models/registry.js";
import { schemaError } from "./json-schema.js";
import { parseNoiseKind } from "./poison.js";
import { checkLength, replaceSettings } from "./settings.js";
import { settingsOf, type SweepPlan, type SweepSettings } from "./sweep.js";
import { sweepSchema } from "./sweep-schema.js";
import { type Budget, sweepArms } from "./tables.js";

export interface SweepDefinition extends SweepPlan {
  readonly name: string;
  /** One line for help texts. */
  readonly summary?: string;
}

const common = { budget: "epochs", bothBudgets: [], perModel: {} } as const;

export const builtInSweeps: readonly SweepDefinition[] = [
  {
    ...common,
    name: "dirty-data",
    summary:
      "ResNet-152 on CIFAR-100 with 0, 20, 40 and 60 % shuffled labels (Hive, 2019)",
    models: ["resnet152"],
    levels: [0.2, 0.4, 0.6],
    arms: ["noise"],
    seeds: [0],
    settings: { data: "cifar100", noiseKind: "shuffle", augment: "study" },
  },
  {
    ...common,
    name: "impact-index",
    summary:
      "five models on CIFAR-10 with 0 to 30 % wrong labels or missing images, three seeds (Alectio, 2020)",
    models: ["shallow", "lenet", "unresnet18", "googlenet", "resnet18"],
    levels: [0.05, 0.1, 0.15, 0.2, 0.25, 0.3],
    arms: sweepArms,
    seeds: [0, 1, 2],
    bothBudgets: ["lenet"],
    settings: { data: "cifar10", noiseKind: "uniform" },
  },
];

/** The demo's sweep: a ladder on the embedded sample, small enough for two CPU cores. */
export function demoSweep(seed: number, epochs: number): SweepDefinition {
  return {
    ...common,
    name: "demo",
    models: ["lenet"],
    levels: [0.2, 0.4, 0.6],
    arms: sweepArms,
    seeds: [seed],
    settings: {
      data: "sample",
      epochs,
      batch: 40,
      lr: 0.02,
      nesterov: true,
      augment: "none",
    },
  };
}

/** What the command line may replace. */
export interface SweepOverrides {
  readonly models?: readonly string[] | undefined;
  readonly levels?: readonly number[] | undefined;
  readonly arms?: SweepPlan["arms"] | undefined;
  readonly seeds?: readonly number[] | undefined;
  readonly budget?: Budget | undefined;
  readonly bothBudgets?: readonly string[] | undefined;
  readonly settings?: SweepSettings;
}

/**
 * A definition with some of it replaced; settings given here go before a model's own.
 * @throws UserError for axes that make no sweep
 */
export function overrideSweep(
  definition: SweepDefinition,
  { settings = {}, ...axes }: SweepOverrides,
): SweepDefinition {
  const given = Object.fromEntries(
    Object.entries<unknown>(axes).filter(([, value]) => value !== undefined),
  );
  const merged = { ...definition, ...given };
  const kept = (own: SweepSettings): SweepSettings =>
    Object.fromEntries(
      Object.entries(replaceSettings(own, settings)).filter(
        ([key]) => !(key in settings),
      ),
    );
  const perModel = Object.fromEntries(
    Object.entries(merged.perModel).map(([model, own]) => [model, kept(own)]),
  );
  const overridden = {
    ...merged,
    settings: replaceSettings(merged.settings, settings),
    perModel,
  };
  if (axes.bothBudgets) requireBothBudgets(overridden, "--both-budgets");
  return checked(overridden);
}

/**
 * Refuses a second budget that would be passed over, where somebody asks for it; one that a definition has goes with its
 * ground when flags take that away.
 */
function requireBothBudgets(definition: SweepDefinition, where: string): void {
  const { arms, budget, bothBudgets } = definition;
  if (bothBudgets.length === 0) return;
  requireModels(definition, bothBudgets, where);
  if (budget === "steps")
    throw new UserError(
      `${where}: the budget is steps already; take epochs, or leave this out`,
    );
  if (!arms.includes("reduction"))
    throw new UserError(
      `${where}: there is no reduction arm; add it, or leave this out`,
    );
  for (const model of bothBudgets) {
    const { steps } = settingsOf(definition, model);
    if (steps !== undefined)
      throw new UserError(
        `${where}: all of ${model}'s runs have ${steps} steps; count in epochs, or leave this out`,
      );
  }
}

function requireModels(
  { models }: SweepDefinition,
  named: readonly string[],
  where: string,
): void {
  const other = named.find((model) => !models.includes(model));
  if (other !== undefined)
    throw new UserError(
      `${where}: ${other} is no model of this sweep (${models.join(", ")}); add it, or leave this out`,
    );
}

/** Axes without repetitions, levels ascending and without the baseline's 0. */
function checked(definition: SweepDefinition): SweepDefinition {
  const { models, arms, seeds, bothBudgets } = definition;
  for (const model of [...models, ...bothBudgets]) findModel(model);
  const levels = [...new Set(definition.levels)]
    .filter((level) => level > 0)
    .sort((a, b) => a - b);
  if (levels.includes(1) && arms.includes("reduction"))
    throw new UserError(
      "--levels: 1 would remove every image; leave it out, or ask for --arms noise",
    );
  return {
    ...definition,
    models: [...new Set(models)],
    levels,
    arms: [...new Set(arms)],
    seeds: [...new Set(seeds)],
    bothBudgets: bothBudgets.filter((model) => models.includes(model)),
  };
}

/**
 * A sweep from the text of its JSON file.
 * @param source The file, for messages.
 * @throws UserError naming the file and the path of what does not fit docs/sweep.schema.json
 */
export function parseSweepDefinition(
  text: string,
  source: string,
): SweepDefinition {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = (error as Error).message.replace(/\s+/g, " ");
    throw new UserError(`${source}: is no JSON: ${why}`);
  }
  const error = schemaError(sweepSchema, value);
  if (error !== null)
    throw new UserError(`${source}: ${error} (see docs/sweep.schema.json)`);
  const { seeds = 3, ...given } = value as Partial<SweepDefinition> &
    Pick<SweepDefinition, "name" | "models" | "levels"> & {
      seeds?: number | number[];
    };
  const settings = given.settings ?? {};
  for (const own of [settings, ...Object.values(given.perModel ?? {})]) {
    if (own.noiseKind !== undefined)
      parseNoiseKind(own.noiseKind, `${source}: noiseKind`);
    checkLength(own, `${source}: `);
  }
  const definition = {
    ...common,
    arms: sweepArms,
    ...given,
    settings,
    seeds: typeof seeds === "number" ? firstSeeds(seeds) : seeds,
  };
  for (const model of Object.keys(definition.perModel))
    requireModels(definition, [model], `${source}: perModel.${model}`);
  requireBothBudgets(definition, `${source}: bothBudgets`);
  return checked(definition);
}

/** The seeds 0 to n − 1. */
export function firstSeeds(n: number): number[] {
  return Array.from({ length: n }, (_, seed) => seed);
}

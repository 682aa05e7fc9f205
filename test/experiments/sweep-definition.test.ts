import { readFileSync } from "node:fs";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addTrainingOptions } from "../../src/cli/commands/train.js";
import { UserError } from "../../src/errors.js";
import { type Schema, schemaError } from "../../src/experiments/json-schema.js";
import {
  builtInSweeps,
  demoSweep,
  overrideSweep,
  parseSweepDefinition,
  type SweepOverrides,
} from "../../src/experiments/sweep-definition.js";
import {
  publishedSweepSchema,
  sweepSchema,
} from "../../src/experiments/sweep-schema.js";
import { planSweep } from "../../src/experiments/sweep.js";
import { evenly } from "./planned-data.js";

const minimal = { name: "mine", models: ["lenet"], levels: [0.1, 0.2] };
const parse = (value: unknown) =>
  parseSweepDefinition(
    typeof value === "string" ? value : JSON.stringify(value),
    "mine.json",
  );

describe("the two studies", () => {
  it("impact-index: five models, 0 to 30 % in steps of 5, both arms, three seeds", async () => {
    const [, study] = builtInSweeps;
    const jobs = await planSweep(study!, evenly(50_000));
    const arms = (arm: string) => jobs.filter((job) => job.arm === arm);
    expect(arms("baseline")).toHaveLength(5 * 3);
    expect(arms("noise")).toHaveLength(5 * 3 * 6);
    expect(arms("reduction")).toHaveLength(5 * 3 * 6);
    // LeNet is reduced under both budgets.
    expect(arms("reduction-steps")).toHaveLength(3 * 6);
    expect(new Set(jobs.map(({ model }) => model))).toEqual(new Set(["shallow", "lenet", "unresnet18", "googlenet", "resnet18"])); // prettier-ignore
    expect(new Set(arms("noise").map(({ level }) => level))).toEqual(new Set([0.05, 0.1, 0.15, 0.2, 0.25, 0.3])); // prettier-ignore
    for (const { settings } of jobs)
      expect(settings).toMatchObject({ data: "cifar10", noiseKind: "uniform" });
  });
  it("dirty-data: resnet152 on cifar100 with 0, 20, 40, 60 % shuffled labels", async () => {
    const [study] = builtInSweeps;
    const jobs = await planSweep(study!, evenly(50_000));
    expect(jobs.map(({ id }) => id)).toEqual(["resnet152_baseline_0_s0", "resnet152_noise_0.2_s0", "resnet152_noise_0.4_s0", "resnet152_noise_0.6_s0"]); // prettier-ignore
    for (const { settings } of jobs)
      expect(settings).toMatchObject({ data: "cifar100", noiseKind: "shuffle", augment: "study" }); // prettier-ignore
  });
  it("the demo: seven runs on the sample", async () => {
    expect(await planSweep(demoSweep(0, 8), evenly(2000))).toHaveLength(7);
  });
});

describe("a sweep's JSON file", () => {
  it("has defaults for what it leaves out", () => {
    expect(parse(minimal)).toEqual({
      ...minimal,
      arms: ["noise", "reduction"],
      seeds: [0, 1, 2],
      budget: "epochs",
      bothBudgets: [],
      settings: {},
      perModel: {},
    });
    expect(parse({ ...minimal, seeds: [5, 7] }).seeds).toEqual([5, 7]);
    expect(parse({ ...minimal, seeds: 1 }).seeds).toEqual([0]);
  });
  it("has levels in order, each once, the baseline's aside", () => {
    expect(parse({ ...minimal, levels: [0.3, 0, 0.1] }).levels).toEqual([0.1, 0.3]); // prettier-ignore
  });
  it.each<[string, unknown, string]>([
    ["no JSON", "{name: mine}", "mine.json: is no JSON: "],
    ["no object", "[]", "mine.json: expected an object, got []"],
    ["a missing member", { name: "mine", models: ["lenet"] }, "mine.json: levels: is missing"], // prettier-ignore
    ["an unknown member", { ...minimal, sedes: 3 }, "mine.json: sedes: is unknown; there are $schema, name, models"], // prettier-ignore
    ["an unknown model", { ...minimal, models: ["lenet", "alexnet"] }, "mine.json: models[1]: expected one of lenet, shallow"], // prettier-ignore
    ["no model", { ...minimal, models: [] }, "mine.json: models: expected different items in a list of 1 or more, got []"], // prettier-ignore
    ["a level twice", { ...minimal, levels: [0.1, 0.1] }, "mine.json: levels: expected different items"], // prettier-ignore
    ["a level above 1", { ...minimal, levels: [0.1, 20] }, "mine.json: levels[1]: expected a number of at least 0, at most 1, got 20"], // prettier-ignore
    ["an unknown arm", { ...minimal, arms: ["lies"] }, "mine.json: arms[0]: expected one of noise, reduction, got \"lies\""], // prettier-ignore
    ["no seed", { ...minimal, seeds: 0 }, "mine.json: seeds: expected a whole number of at least 1, at most 10000, or different items in a list of 1 or more, got 0"], // prettier-ignore
    ["an unknown budget", { ...minimal, budget: "dollars" }, "mine.json: budget: expected one of epochs, steps"], // prettier-ignore
    ["a name that is no folder's", { ...minimal, name: "../mine" }, "mine.json: name: expected text that matches"], // prettier-ignore
    ["a wrong setting", { ...minimal, settings: { epochs: 1.5 } }, "mine.json: settings.epochs: expected a whole number of at least 1, got 1.5"], // prettier-ignore
    ["a setting of the wrong kind", { ...minimal, settings: { nesterov: "yes" } }, "mine.json: settings.nesterov: expected true or false, got \"yes\""], // prettier-ignore
    ["an unknown setting", { ...minimal, settings: { momentun: 0.9 } }, "mine.json: settings.momentun: is unknown"], // prettier-ignore
    ["a setting that the sweep varies", { ...minimal, settings: { noise: 0.1 } }, "mine.json: settings.noise: is unknown"], // prettier-ignore
    ["a model's own data", { ...minimal, perModel: { lenet: { data: "sample" } } }, "mine.json: perModel.lenet.data: is unknown"], // prettier-ignore
    ["settings of no model", { ...minimal, perModel: { alexnet: {} } }, "mine.json: perModel.alexnet: is unknown"], // prettier-ignore
    ["an unknown kind of noise", { ...minimal, settings: { noiseKind: "lies" } }, "noiseKind lies: is unknown"], // prettier-ignore
    ["two lengths", { ...minimal, settings: { epochs: 5, steps: 9 } }, "mine.json: --epochs 5, --steps 9: both say how long"], // prettier-ignore
    ["two lengths of a model", { ...minimal, perModel: { lenet: { epochs: 5, steps: 9 } } }, "both say how long"], // prettier-ignore
    ["a reduction to nothing", { ...minimal, levels: [1] }, "--levels: 1 would remove every image"], // prettier-ignore
    ["a model's settings without the model", { ...minimal, perModel: { shallow: { lr: 0.1 } } }, "mine.json: perModel.shallow: shallow is no model of this sweep (lenet); add it, or leave this out"], // prettier-ignore
    ["a second budget without its model", { ...minimal, bothBudgets: ["shallow"] }, "mine.json: bothBudgets: shallow is no model of this sweep (lenet); add it, or leave this out"], // prettier-ignore
    ["a second budget beside steps", { ...minimal, budget: "steps", bothBudgets: ["lenet"] }, "mine.json: bothBudgets: the budget is steps already; take epochs, or leave this out"], // prettier-ignore
    ["a second budget without a first", { ...minimal, arms: ["noise"], bothBudgets: ["lenet"] }, "mine.json: bothBudgets: there is no reduction arm; add it, or leave this out"], // prettier-ignore
    ["a second budget of equal steps", { ...minimal, settings: { steps: 9 }, bothBudgets: ["lenet"] }, "mine.json: bothBudgets: all of lenet's runs have 9 steps; count in epochs, or leave this out"], // prettier-ignore
    ["a second budget of a model's equal steps", { ...minimal, perModel: { lenet: { steps: 9 } }, bothBudgets: ["lenet"] }, "mine.json: bothBudgets: all of lenet's runs have 9 steps"], // prettier-ignore
    ["a member of Object's", { ...minimal, settings: { toString: 1 } }, "mine.json: settings.toString: is unknown"], // prettier-ignore
  ])("with %s is refused with its path", (_, value, message) => {
    expect(() => parse(value)).toThrow(UserError);
    expect(() => parse(value)).toThrow(message);
  });
});

describe("the command line goes before the definition", () => {
  const definition = parse({ ...minimal, settings: { epochs: 5, batch: 50 }, perModel: { lenet: { lr: 0.1, epochs: 7 } } }); // prettier-ignore
  it("replaces axes and settings, a model's own included", async () => {
    const changed = overrideSweep(definition, {
      models: ["lenet", "shallow"],
      levels: undefined,
      seeds: [9],
      settings: { epochs: 2 },
    });
    expect(changed).toMatchObject({ models: ["lenet", "shallow"], levels: [0.1, 0.2], seeds: [9] }); // prettier-ignore
    const jobs = await planSweep(changed, evenly(2000));
    expect(new Set(jobs.map(({ settings }) => settings.epochs))).toEqual(new Set([2])); // prettier-ignore
    const [lenet] = jobs;
    expect(lenet!.settings).toMatchObject({ batch: 50, lr: 0.1 });
  });
  it("takes steps instead of epochs, and epochs instead of steps", async () => {
    const plan = async (settings: object) => {
      const jobs = await planSweep(overrideSweep(definition, { settings }), evenly(2000)); // prettier-ignore
      return jobs[0]!.settings;
    };
    expect(await plan({ steps: 30 })).toMatchObject({ steps: 30, epochs: 30 });
    const bySteps = parse({ ...minimal, settings: { epochs: 5 }, perModel: { lenet: { steps: 40 } } }); // prettier-ignore
    const [lenet] = await planSweep(bySteps, evenly(2000));
    expect(lenet!.settings.steps).toBe(40);
    const [again] = await planSweep(overrideSweep(bySteps, { settings: { epochs: 2 } }), evenly(2000)); // prettier-ignore
    expect(again!.settings).toMatchObject({ epochs: 2 });
    expect(again!.settings.steps).toBeUndefined();
  });
  it("is not passed over: models of both budgets that would not be", () => {
    const [, study] = builtInSweeps;
    const asked = (overrides: SweepOverrides) => () =>
      overrideSweep(study!, { bothBudgets: ["lenet"], ...overrides });
    const two = ["shallow", "resnet18"];
    expect(asked({ models: two })).toThrow("--both-budgets: lenet is no model of this sweep (shallow, resnet18); add it, or leave this out"); // prettier-ignore
    expect(asked({ budget: "steps" })).toThrow("--both-budgets: the budget is steps already"); // prettier-ignore
    expect(asked({ arms: ["noise"] })).toThrow("--both-budgets: there is no reduction arm"); // prettier-ignore
    expect(asked({ settings: { steps: 9 } })).toThrow("--both-budgets: all of lenet's runs have 9 steps"); // prettier-ignore
    expect(asked({})().bothBudgets).toEqual(["lenet"]);
    // What a definition says of itself goes where flags take its ground away.
    const flags = [{ models: two }, { budget: "steps" }, { arms: ["noise"] }, { settings: { steps: 9 } }] as const; // prettier-ignore
    for (const some of flags) overrideSweep(study!, some);
    expect(overrideSweep(study!, { models: two }).bothBudgets).toEqual([]);
    expect(asked({ bothBudgets: [], budget: "steps" })().bothBudgets).toEqual([]); // prettier-ignore
  });
  it("refuses unknown models", () => {
    expect(() => overrideSweep(definition, { models: ["alexnet"] })).toThrow(UserError); // prettier-ignore
  });
});

describe("the published schema", () => {
  it("is docs/sweep.schema.json", () => {
    const path = new URL("../../docs/sweep.schema.json", import.meta.url);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(
      JSON.parse(JSON.stringify(publishedSweepSchema)),
    );
  });
  it("has every flag of train that a sweep does not vary, and no other", () => {
    const flags = addTrainingOptions(new Command()).options.map((option) => option.attributeName()); // prettier-ignore
    const varied = ["model", "noise", "keep", "seed"];
    const { settings } = sweepSchema.properties;
    expect(Object.keys((settings as { properties: object }).properties).sort()).toEqual(flags.filter((flag) => !varied.includes(flag)).sort()); // prettier-ignore
  });
  it("takes its own defaults and the built-in sweeps", () => {
    const visit = (schema: Schema, path: string): void => {
      if (schema.default !== undefined)
        expect(schemaError(schema, schema.default), path).toBeNull();
      if ("properties" in schema)
        for (const [key, inner] of Object.entries(schema.properties))
          visit(inner, `${path}.${key}`);
    };
    visit(sweepSchema, "");
    for (const sweep of [...builtInSweeps, demoSweep(0, 8)]) {
      const file = { ...sweep, summary: undefined };
      expect(schemaError(sweepSchema, JSON.parse(JSON.stringify(file))), sweep.name).toBeNull(); // prettier-ignore
    }
  });
});

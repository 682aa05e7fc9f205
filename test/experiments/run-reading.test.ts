import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseFinishedRun } from "../../src/experiments/run-reading.js";
import { runFolder, studyFolders } from "./study-fixtures.js";

const { study } = studyFolders();

it.each([
  ["epochs", {}],
  ["epochs", { totalSteps: 80, maxSteps: 80 }],
  ["steps", { totalSteps: 80, steps: 80 }],
  // Of sweeps from before this was refused: the baseline ended after as many steps.
  ["steps", { totalSteps: 80, maxSteps: 79 }],
])("a reduced run's budget is %s with %j", (budget, config) => {
  const condition = { model: "lenet", arm: "reduction", level: 0.2, seed: 0 } as const; // prettier-ignore
  const sweep = study({
    ...{ models: ["lenet"], levels: [0.2], seeds: [0], perClass: 4, config },
    tpr: () => 1,
  });
  const read = (name: string) =>
    readFileSync(join(runFolder(sweep, condition), name), "utf8");
  const { rates } = parseFinishedRun(condition, {
    "config.json": read("config.json"),
    "summary.json": read("summary.json"),
    "per_class.csv": read("per_class.csv"),
    "poison.json": read("poison.json"),
  });
  expect(rates.budget).toBe(budget);
});

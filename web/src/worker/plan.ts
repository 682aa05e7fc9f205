/** A study's runs from what the reader asked for; what cannot be done is refused before anything is. */
import type { Dataset } from "../../../src/data/types.js";
import { poison, type PoisonResult } from "../../../src/experiments/poison.js";
import { planSweep, type SweepJob } from "../../../src/experiments/sweep.js";
import type { PlannedData } from "../../../src/experiments/sweep-effect.js";
import type { StudyRequest } from "../protocol.js";

/** Which images a run keeps, and their labels. */
export function poisonOf(
  { train, classNames }: Dataset,
  { settings }: Pick<SweepJob, "settings">,
): PoisonResult {
  const { noise, noiseKind: kind, keep, seed } = settings;
  const options = { noise, kind, keep, seed };
  return poison(train.labels, classNames.length, options);
}

/** @throws UserError for what these data do not allow */
export async function planStudy(
  dataset: PlannedData & Pick<Dataset, "name">,
  request: StudyRequest,
): Promise<SweepJob[]> {
  const { models, levels, arms, epochs, seed, trainLimit } = request;
  return planSweep(
    {
      models,
      levels: levels.filter((level) => level > 0),
      arms,
      seeds: [seed],
      budget: "epochs",
      bothBudgets: [],
      settings: {
        data: dataset.name,
        epochs,
        batch: Math.min(40, dataset.train.labels.length),
        nesterov: true,
        augment: "none",
        logEvery: 1,
        ...(trainLimit !== undefined && { trainLimit }),
      },
      perModel: {},
    },
    dataset,
  );
}

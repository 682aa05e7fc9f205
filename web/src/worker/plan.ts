/** A study's runs from what the reader asked for; what cannot be done is refused before anything is. */
import type { Dataset } from "../../../src/data/types.js";
import { UserError } from "../../../src/errors.js";
import { poison, type PoisonResult } from "../../../src/experiments/poison.js";
import { planSweep, type SweepJob } from "../../../src/experiments/sweep.js";
import { counted } from "../numbers.js";
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
  dataset: Dataset,
  request: StudyRequest,
): Promise<SweepJob[]> {
  requireEffect(dataset, request);
  const { models, levels, arms, epochs, seed, trainLimit } = request;
  const { count } = dataset.train;
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
        batch: Math.min(40, count),
        nesterov: true,
        augment: "none",
        logEvery: 1,
        ...(trainLimit !== undefined && { trainLimit }),
      },
      perModel: {},
    },
    count,
  );
}

/** Every level leaves images to train on, and changes something: a run like the clean one says nothing of its level. */
function requireEffect(
  { train, classNames }: Dataset,
  { levels, arms, seed }: StudyRequest,
): void {
  const all = `the ${counted(train.count)} training images`;
  for (const level of levels.filter((share) => share > 0)) {
    const share = `${Number((100 * level).toFixed(2))} %`;
    for (const arm of arms) {
      const { kept, changed } = poison(train.labels, classNames.length, {
        noise: arm === "noise" ? level : 0,
        kind: "shuffle",
        keep: arm === "reduction" ? Number((1 - level).toFixed(12)) : 1,
        seed,
      });
      if (kept.length === 0)
        throw new UserError(
          `removing ${share} of ${all} leaves none; take a lower level, or more images`,
        );
      if (changed === 0 && kept.length === train.count)
        throw new UserError(
          arm === "noise"
            ? `${share} of wrong labels changes none of ${all}; take a higher level, or more images`
            : `removing ${share} of ${all} removes none; take a higher level, or more images`,
        );
    }
  }
}

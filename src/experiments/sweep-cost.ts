/**
 * What the jobs of a sweep cost in time: work from the models' multiply-adds, seconds from what has been measured. A
 * share of the work done says more of the time left than a count of jobs, of which some take a hundred times others.
 */
import { describeModel } from "../models/describe.js";
import { buildModel } from "../models/registry.js";
import { planCourse } from "./settings.js";
import type { SweepJob } from "./sweep.js";

/** Sizes of the data set. */
export interface DataSize {
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: number;
  readonly imageSize: number;
}

/** Images that a job passes through its network. */
export interface JobImages {
  /** Forward and backward. */
  readonly trained: number;
  /** Forward alone. */
  readonly evaluated: number;
  readonly steps: number;
}

export function imagesOf(
  { settings }: Pick<SweepJob, "settings">,
  { trainImages, testImages }: DataSize,
): JobImages {
  const kept = Math.round(trainImages * settings.keep);
  const { lastStep, stepsPerEpoch } = planCourse(settings, kept);
  const epochs = Math.ceil(lastStep / stepsPerEpoch);
  return {
    trained: Math.round((lastStep / stepsPerEpoch) * kept),
    evaluated: Math.ceil(epochs / settings.evalEvery) * testImages,
    steps: lastStep,
  };
}

/** Seconds per unit of work, learnt from the jobs that have run, and from them the seconds that others will take. */
export class CostModel {
  readonly #multiplyAdds = new Map<string, number>();
  readonly #learnt = new Map<string, { work: number; seconds: number }>();

  constructor(private readonly size: DataSize) {}

  /** Multiply-adds of a job: a backward pass takes twice those of a forward pass. */
  work(job: SweepJob): number {
    const { trained, evaluated } = imagesOf(job, this.size);
    return (3 * trained + evaluated) * this.#ofModel(job);
  }

  /** Notes that a part of a job took so long. */
  learn(job: SweepJob, part: number, seconds: number): void {
    const known = this.#learnt.get(job.model) ?? { work: 0, seconds: 0 };
    this.#learnt.set(job.model, {
      work: known.work + part * this.work(job),
      seconds: known.seconds + seconds,
    });
  }

  /** Seconds that a job will take; null before anything has been learnt. */
  seconds(job: SweepJob): number | null {
    const own = this.#learnt.get(job.model);
    const all = own ? [own] : [...this.#learnt.values()];
    const work = all.reduce((sum, one) => sum + one.work, 0);
    const seconds = all.reduce((sum, one) => sum + one.seconds, 0);
    return work === 0 ? null : (this.work(job) * seconds) / work;
  }

  /**
   * Seconds that jobs will take, with one of them under way: of that one a part has taken `seconds`. Null before
   * anything is known.
   */
  secondsLeft(
    waiting: readonly SweepJob[],
    now?: { job: SweepJob; part: number; left: number; seconds: number },
  ): number | null {
    const pace =
      now && now.part > 0
        ? now.seconds / (now.part * this.work(now.job))
        : null;
    let sum = now && pace !== null ? now.left * this.work(now.job) * pace : 0;
    for (const job of waiting) {
      const own = this.#learnt.has(job.model) || pace === null;
      const seconds = own ? this.seconds(job) : this.work(job) * pace;
      if (seconds === null) return null;
      sum += seconds;
    }
    return sum;
  }

  #ofModel({ model, settings }: SweepJob): number {
    let known = this.#multiplyAdds.get(model);
    if (known === undefined) {
      const { classes, imageSize } = this.size;
      const network = buildModel(model, classes, settings);
      known = describeModel(network, [imageSize, imageSize, 3]).multiplyAdds;
      this.#multiplyAdds.set(model, known);
    }
    return known;
  }
}

/** A study in the browser: its runs one after the other, into the files of a sweep folder. */
import type { Dataset } from "../../../src/data/types.js";
import type { Device } from "../../../src/engine/device.js";
import {
  encodeCheckpoint,
  recordedKernels,
  runIdentity,
} from "../../../src/experiments/checkpoint.js";
import { jsonText } from "../../../src/experiments/json.js";
import {
  bestWeights,
  evaluationFiles,
  firstFiles,
  summaryOf,
} from "../../../src/experiments/run-files.js";
import { planCourse } from "../../../src/experiments/settings.js";
import type { SweepJob } from "../../../src/experiments/sweep.js";
import { DivergedError, train } from "../../../src/experiments/trainer.js";
import type { FromWorker, JobFacts } from "../protocol.js";
import { galleryFile, galleryOf, verdicts } from "./gallery.js";
import { poisonOf } from "./plan.js";
import { Results, type ResultsParts } from "./results.js";
import { checkpointOf, keptLines, pointOf } from "./run-records.js";

export interface StudyParts extends ResultsParts {
  readonly device: Device;
  readonly dataset: Dataset;
  /** Of the data set, for config.json. */
  readonly dataSha256: string;
  readonly tell: (message: FromWorker) => void;
}

export class Study {
  readonly #results: Results;

  constructor(private readonly parts: StudyParts) {
    this.#results = new Results(parts);
  }

  get jobFacts(): JobFacts[] {
    const { dataset } = this.parts;
    return this.#results.jobFacts((job) => poisonOf(dataset, job).kept.length);
  }

  /** Trains what is missing. @throws InterruptedError when told to stop, and the engine's errors */
  async run(signal: AbortSignal): Promise<void> {
    const results = this.#results;
    const { jobs } = this.parts;
    await results.save();
    await results.draw();
    for (const job of jobs)
      if (results.hasEnded(job)) await this.#showGallery(job);
    for (const job of jobs) {
      if (results.hasEnded(job)) continue;
      signal.throwIfAborted();
      await this.#runJob(job, signal);
      await results.save();
      await results.draw();
    }
    await results.finish();
  }

  async #runJob(job: SweepJob, signal: AbortSignal): Promise<void> {
    const { tell } = this.parts;
    try {
      const top1 = await this.#train(job, signal);
      this.#results.takeUp(job);
      tell({ kind: "ended", job: job.id, top1 });
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      this.#results.diverged(job);
      tell({ kind: "ended", job: job.id, top1: null, problem: error.message });
    }
  }

  async #train(job: SweepJob, signal: AbortSignal): Promise<number> {
    const { device, dataset, dataSha256, store, version, tell } = this.parts;
    const { id, settings, folder, hash } = job;
    const poisoned = poisonOf(dataset, job);
    const resumeFrom = checkpointOf(store, job);
    let identity = runIdentity(hash, version, device.adapterName, resumeFrom);
    const lines = keptLines(store, job);
    const metrics = () => store.put(`${folder}/metrics.jsonl`, lines.map((line) => `${line}\n`).join("")); // prettier-ignore
    const what = "compiling shaders for this GPU";
    tell({ kind: "preparing", job: id, what });
    const { stepsPerEpoch } = planCourse(settings, poisoned.kept.length);
    const result = await train(
      device,
      dataset,
      settings,
      poisoned,
      {
        onStart: async (info) => {
          const kernels = JSON.stringify(info.session.kernels);
          identity = { ...identity, kernels };
          if (resumeFrom) return;
          const origin = { settings, dataset, dataSha256, poisoned, identity };
          await store.putAll(`${folder}/`, await firstFiles(origin, info));
        },
        onRecord: (record) => {
          lines.push(JSON.stringify(record));
          tell({
            kind: "curve",
            job: id,
            curve: record.kind === "step" ? "loss" : "top1",
            points: [pointOf(record, stepsPerEpoch)],
          });
        },
        onProgress: ({ images, imagesPerSecond }) => {
          tell({ kind: "progress", job: id, images, imagesPerSecond });
        },
        onBest: (best) =>
          store.put(
            `${folder}/checkpoints/best.safetensors`,
            bestWeights(best, identity),
          ),
        onCheckpoint: async (state) => {
          await metrics();
          await store.put(
            `${folder}/checkpoints/last.safetensors`,
            encodeCheckpoint(state, identity),
          );
        },
      },
      {
        resumeFrom,
        signal,
        kernels: resumeFrom && recordedKernels(resumeFrom),
      },
    );
    await metrics();
    if (result.trainingLogits) {
      const judged = verdicts(dataset, poisoned, result.trainingLogits);
      await store.put(`${folder}/${galleryFile}`, JSON.stringify(judged));
      await this.#showGallery(job);
    }
    await store.putAll(
      `${folder}/`,
      evaluationFiles(dataset, result.metrics, result.logits),
    );
    const run = folder.split("/").at(-1)!;
    // Last of all: a run that has a summary is done.
    await store.put(
      `${folder}/summary.json`,
      jsonText(await summaryOf(run, settings, identity, result)),
    );
    return result.last.top1;
  }

  /** The poisoned images of a run that is through, now or in an earlier visit. */
  async #showGallery(job: SweepJob): Promise<void> {
    const { store, dataset, show } = this.parts;
    const images = galleryOf(store, dataset, job);
    if (images) await show({ kind: "gallery", job: job.id, images });
  }
}

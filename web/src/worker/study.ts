/** A study in the browser: its runs one after the other, into the files of a sweep folder. */
import type { Dataset } from "../../../src/data/types.js";
import { writeNpy } from "../../../src/data/npy.js";
import type { Device } from "../../../src/engine/device.js";
import {
  type CheckpointFile,
  checkpointFormat,
  decodeCheckpoint,
  encodeCheckpoint,
  type RunIdentity,
} from "../../../src/experiments/checkpoint.js";
import { jsonText } from "../../../src/experiments/json.js";
import {
  poison,
  poisonRecord,
  type PoisonResult,
} from "../../../src/experiments/poison.js";
import { evaluationFiles } from "../../../src/experiments/run-files.js";
import {
  type FinishedRun,
  parseFinishedRun,
} from "../../../src/experiments/run-reading.js";
import { planCourse } from "../../../src/experiments/settings.js";
import type { SweepJob } from "../../../src/experiments/sweep.js";
import {
  measureStudy,
  type StudyMeasures,
  tableFiles,
} from "../../../src/experiments/sweep-tables.js";
import type { ResultRow } from "../../../src/experiments/tables.js";
import { DivergedError, train } from "../../../src/experiments/trainer.js";
import type { TrainResult } from "../../../src/experiments/training-events.js";
import {
  encodeWeights,
  weightsSha256,
} from "../../../src/experiments/weights.js";
import type { FromWorker, JobFacts } from "../protocol.js";
import { drawFigures, drawReport, studyData } from "./drawing.js";
import { poisonedImages } from "./gallery.js";
import type { StudyStore } from "./store.js";

export interface StudyParts {
  readonly device: Device;
  readonly dataset: Dataset;
  readonly jobs: readonly SweepJob[];
  readonly store: StudyStore;
  readonly version: string;
  readonly tell: (message: FromWorker) => void;
}

type Ending = "done" | "diverged";

export class Study {
  readonly #ended = new Map<string, Ending>();
  readonly #finished = new Map<string, FinishedRun>();

  constructor(private readonly parts: StudyParts) {
    for (const job of parts.jobs) this.#readFinished(job);
  }

  /** The runs as the page lists them. */
  get jobFacts(): JobFacts[] {
    return this.parts.jobs.map((job) => {
      const { id, model, arm, level, settings } = job;
      const kept = this.#poison(job).kept.length;
      const { stepsPerEpoch, lastStep } = planCourse(settings, kept);
      return {
        id,
        model,
        arm,
        level,
        images: Math.round((lastStep / stepsPerEpoch) * kept),
        done: this.#ended.has(id),
      };
    });
  }

  /** Trains what is missing. @throws InterruptedError when told to stop, and the engine's errors */
  async run(signal: AbortSignal): Promise<void> {
    const { jobs, tell, version } = this.parts;
    await this.#save();
    if (this.#ended.size > 0) this.#draw();
    for (const job of jobs) {
      if (this.#ended.has(job.id)) continue;
      signal.throwIfAborted();
      await this.#runJob(job, signal);
      await this.#save();
      this.#draw();
    }
    const measures = this.#measures();
    const report = drawReport(
      studyData(this.parts.store, version, this.#results(), measures),
    );
    await this.parts.store.put("report/index.html", report);
    tell({
      kind: "done",
      results: this.#results(),
      impact: measures.impact,
      report,
    });
  }

  async #runJob(job: SweepJob, signal: AbortSignal): Promise<void> {
    const { tell } = this.parts;
    try {
      const top1 = await this.#train(job, signal);
      this.#readFinished(job);
      tell({ kind: "ended", job: job.id, top1 });
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      this.#ended.set(job.id, "diverged");
      tell({ kind: "ended", job: job.id, top1: null, problem: error.message });
    }
  }

  #poison({ settings }: SweepJob): PoisonResult {
    const { labels } = this.parts.dataset.train;
    return poison(labels, this.parts.dataset.classNames.length, {
      noise: settings.noise,
      kind: settings.noiseKind,
      keep: settings.keep,
      seed: settings.seed,
    });
  }

  async #train(job: SweepJob, signal: AbortSignal): Promise<number> {
    const { device, dataset, store, version, tell } = this.parts;
    const { settings, folder } = job;
    const poisoned = this.#poison(job);
    const identity: RunIdentity = {
      config: job.hash,
      version,
      adapters: [device.adapterName],
      kernels: JSON.stringify(device.target),
    };
    const resumeFrom = this.#checkpointOf(job);
    const lines = (store.text(`${folder}/metrics.jsonl`) ?? "")
      .split("\n")
      .slice(0, resumeFrom?.position.records ?? 0);
    const metrics = () => store.put(`${folder}/metrics.jsonl`, lines.map((line) => `${line}\n`).join("")); // prettier-ignore
    tell({
      kind: "preparing",
      job: job.id,
      what: "compiling shaders for this GPU",
    });
    let fraction: (step: number) => number = () => 0;
    const result = await train(
      device,
      dataset,
      settings,
      poisoned,
      {
        onStart: async ({ session, course, images }) => {
          fraction = (step) => step / course.stepsPerEpoch;
          if (resumeFrom) return;
          await store.putAll(`${folder}/`, {
            "config.json": jsonText({
              ...settings,
              version,
              adapter: device.adapterName,
              kernels: device.target,
              classes: dataset.classNames,
              normalisation: { mean: dataset.mean, std: dataset.std },
              images,
              totalSteps: course.totalSteps,
              parameters: session.store.parameterCount,
              memory: session.memory,
            }),
            "labels.npy": writeNpy(poisoned.given),
            "poison.json": jsonText(await poisonRecord(poisoned)),
          });
        },
        onRecord: (record) => {
          lines.push(JSON.stringify(record));
          tell({
            kind: "curve",
            job: job.id,
            curve: record.kind === "step" ? "loss" : "top1",
            points: [
              [
                fraction(record.step),
                record.kind === "step" ? record.loss : record.top1,
              ],
            ],
          });
        },
        onProgress: ({ images, imagesPerSecond }) => {
          tell({ kind: "progress", job: job.id, images, imagesPerSecond });
        },
        onBest: ({ specs, weights, epoch, step }) =>
          store.put(
            `${folder}/checkpoints/best.safetensors`,
            encodeWeights(specs, weights, undefined, {
              format: checkpointFormat,
              config: job.hash,
              epoch: String(epoch),
              step: String(step),
            }),
          ),
        onCheckpoint: async (state) => {
          await metrics();
          await store.put(
            `${folder}/checkpoints/last.safetensors`,
            encodeCheckpoint(state, identity),
          );
        },
      },
      { resumeFrom, signal },
    );
    await metrics();
    if (result.trainingLogits)
      tell({
        kind: "gallery",
        job: job.id,
        images: poisonedImages(dataset, poisoned, result.trainingLogits),
      });
    await this.#writeResult(job, result);
    return result.last.top1;
  }

  async #writeResult(
    { settings, folder }: SweepJob,
    result: TrainResult,
  ): Promise<void> {
    const { store, dataset, device } = this.parts;
    const { metrics, logits, specs, weights, memorisation } = result;
    const { steps, epochs, last, best, trainSeconds, imagesPerSecond } = result;
    await store.putAll(`${folder}/`, evaluationFiles(dataset, metrics, logits));
    await store.put(
      `${folder}/summary.json`,
      jsonText({
        run: folder.split("/").at(-1)!,
        model: settings.model,
        data: settings.data,
        adapter: device.adapterName,
        precision: settings.precision,
        steps,
        epochs,
        last,
        best,
        trainSeconds,
        imagesPerSecond,
        weightsSha256: await weightsSha256(specs, weights),
        ...(memorisation && { memorisation }),
      }),
    );
  }

  #checkpointOf({ folder, hash }: SweepJob): CheckpointFile | undefined {
    const path = `${folder}/checkpoints/last.safetensors`;
    const bytes = this.parts.store.bytes(path);
    if (!bytes) return undefined;
    try {
      const checkpoint = decodeCheckpoint(bytes, path);
      return checkpoint.config === hash ? checkpoint : undefined;
    } catch {
      // Cut off by a crash: the run begins again.
      return undefined;
    }
  }

  /** Takes up a run whose files are all there. */
  #readFinished(job: SweepJob): void {
    const { store } = this.parts;
    const file = (name: string) => store.text(`${job.folder}/${name}`);
    const [config, summary, perClass, poisonJson] = [
      "config.json",
      "summary.json",
      "per_class.csv",
      "poison.json",
    ].map(file);
    if (!config || !summary || !perClass || !poisonJson) return;
    this.#finished.set(
      job.id,
      parseFinishedRun(job, {
        "config.json": config,
        "summary.json": summary,
        "per_class.csv": perClass,
        "poison.json": poisonJson,
        "test_logits.safetensors": store.bytes(
          `${job.folder}/test_logits.safetensors`,
        ),
      }),
    );
    this.#ended.set(job.id, "done");
  }

  #results(): ResultRow[] {
    return this.parts.jobs.map((job) => {
      const { id, model, arm, level, seed, folder } = job;
      const result = this.#finished.get(id)?.result ?? {
        top1Last: null,
        top1Best: null,
        top5Last: null,
        lossLast: null,
      };
      const status = this.#ended.get(id) ?? "pending";
      return { model, arm, level, seed, ...result, status, run: folder };
    });
  }

  #measures(): StudyMeasures {
    return measureStudy([...this.#finished.values()]);
  }

  async #save(): Promise<void> {
    const { store, jobs, version } = this.parts;
    await store.putAll("", {
      "sweep.json": jsonText({
        name: "lab",
        createdWith: version,
        jobs: jobs.map(({ id, hash, settings }) => ({
          id,
          hash,
          config: settings,
          state: this.#ended.get(id) ?? "pending",
        })),
      }),
      ...tableFiles(this.#results(), this.#measures()),
    });
  }

  #draw(): void {
    const { store, version, tell } = this.parts;
    const study = studyData(store, version, this.#results(), this.#measures());
    for (const figure of drawFigures(study)) tell({ kind: "figure", figure });
  }
}

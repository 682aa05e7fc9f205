/** A study in the browser: its runs one after the other, into the files of a sweep folder. */
import type { Dataset } from "../../../src/data/types.js";
import type { Device } from "../../../src/engine/device.js";
import {
  type CheckpointFile,
  decodeCheckpoint,
  encodeCheckpoint,
  recordedKernels,
  runIdentity,
} from "../../../src/experiments/checkpoint.js";
import { jsonText } from "../../../src/experiments/json.js";
import { poison, type PoisonResult } from "../../../src/experiments/poison.js";
import {
  bestWeights,
  evaluationFiles,
  firstFiles,
  summaryOf,
} from "../../../src/experiments/run-files.js";
import {
  type FinishedRun,
  parseFinishedRun,
} from "../../../src/experiments/run-reading.js";
import { planCourse } from "../../../src/experiments/settings.js";
import type { SweepJob } from "../../../src/experiments/sweep.js";
import type { StudyData } from "../../../src/experiments/report/study.js";
import {
  measureStudy,
  type StudyMeasures,
  tableFiles,
} from "../../../src/experiments/sweep-tables.js";
import type { ResultRow } from "../../../src/experiments/tables.js";
import {
  DivergedError,
  type EvalRecord,
  type StepRecord,
  train,
} from "../../../src/experiments/trainer.js";
import type { CurvePoint, FromWorker, JobFacts } from "../protocol.js";
import { drawFigures, drawReport, studyData } from "./drawing.js";
import { poisonedImages, type Verdict, verdicts } from "./gallery.js";
import type { StudyStore } from "./store.js";

export interface StudyParts {
  readonly device: Device;
  readonly dataset: Dataset;
  /** Of the data set, for config.json. */
  readonly dataSha256: string;
  readonly jobs: readonly SweepJob[];
  readonly store: StudyStore;
  readonly version: string;
  readonly tell: (message: FromWorker) => void;
  /** Tells, and waits until the page has drawn it. */
  readonly show: (message: FromWorker) => Promise<void>;
}

/** Beside a run's own files, for the page alone: what the network says of poisoned images. */
export const galleryFile = "gallery.json";

type Ending = "done" | "diverged";
type MetricsRecord = StepRecord | EvalRecord;

function pointOf(record: MetricsRecord, stepsPerEpoch: number): CurvePoint {
  const value = record.kind === "step" ? record.loss : record.top1;
  return [record.step / stepsPerEpoch, value];
}

/** The curves that lines of metrics.jsonl tell. */
function curvesOf(lines: readonly string[], stepsPerEpoch: number) {
  const records = lines.map((line) => JSON.parse(line) as MetricsRecord);
  const curve = (kind: MetricsRecord["kind"]) =>
    records
      .filter((record) => record.kind === kind)
      .map((record) => pointOf(record, stepsPerEpoch));
  return { loss: curve("step"), top1Curve: curve("eval") };
}

export class Study {
  readonly #ended = new Map<string, Ending>();
  readonly #finished = new Map<string, FinishedRun>();
  #measured: StudyMeasures | undefined;

  constructor(private readonly parts: StudyParts) {
    for (const job of parts.jobs) this.#readFinished(job);
  }

  /** The runs as the page lists them, with what earlier visits made of them. */
  get jobFacts(): JobFacts[] {
    return this.parts.jobs.map((job) => {
      const { id, model, arm, level, settings } = job;
      const kept = this.#poison(job).kept.length;
      const { stepsPerEpoch, lastStep } = planCourse(settings, kept);
      const done = this.#ended.has(id);
      const images = Math.round((lastStep / stepsPerEpoch) * kept);
      const trained = this.#checkpointOf(job)?.position.timing.images ?? 0;
      return {
        id,
        model,
        arm,
        level,
        images,
        done,
        trained: done ? images : trained,
        ...curvesOf(this.#keptLines(job), stepsPerEpoch),
        top1: this.#finished.get(id)?.result.top1Last ?? null,
      };
    });
  }

  /** Trains what is missing. @throws InterruptedError when told to stop, and the engine's errors */
  async run(signal: AbortSignal): Promise<void> {
    const { jobs, show } = this.parts;
    await this.#save();
    if (this.#ended.size > 0) await this.#draw();
    for (const job of jobs)
      if (this.#ended.has(job.id)) await this.#showGallery(job);
    for (const job of jobs) {
      if (this.#ended.has(job.id)) continue;
      signal.throwIfAborted();
      await this.#runJob(job, signal);
      await this.#save();
      await this.#draw();
    }
    const report = drawReport(this.#data());
    await this.parts.store.put("report/index.html", report);
    await show({
      kind: "done",
      results: this.#results(),
      impact: this.#measures().impact,
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
    const { device, dataset, dataSha256, store, version, tell } = this.parts;
    const { id, settings, folder, hash } = job;
    const poisoned = this.#poison(job);
    const resumeFrom = this.#checkpointOf(job);
    let identity = runIdentity(hash, version, device.adapterName, resumeFrom);
    const lines = this.#keptLines(job);
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
    const text = store.text(`${job.folder}/${galleryFile}`);
    if (text === undefined) return;
    const judged = JSON.parse(text) as Verdict[];
    const images = poisonedImages(dataset, this.#poison(job), judged);
    await show({ kind: "gallery", job: job.id, images });
  }

  #checkpointOf(job: SweepJob): CheckpointFile | undefined {
    const path = `${job.folder}/checkpoints/last.safetensors`;
    const bytes = this.parts.store.bytes(path);
    if (!bytes) return undefined;
    try {
      const checkpoint = decodeCheckpoint(bytes, path);
      const { config, position } = checkpoint;
      const whole = this.#metricsLines(job).length >= position.records;
      return config === job.hash && whole ? checkpoint : undefined;
    } catch {
      // Cut off by a crash: the run begins again.
      return undefined;
    }
  }

  /** The lines of metrics.jsonl that the checkpoint counts. */
  #keptLines(job: SweepJob): string[] {
    const records = this.#checkpointOf(job)?.position.records ?? 0;
    return this.#metricsLines(job).slice(0, records);
  }

  #metricsLines({ folder }: SweepJob): string[] {
    const text = this.parts.store.text(`${folder}/metrics.jsonl`);
    return (text ?? "").split("\n").slice(0, -1);
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
    this.#measured = undefined;
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

  /** Of the runs that are done: measured once for the tables and the figures, and again when one more is. */
  #measures(): StudyMeasures {
    this.#measured ??= measureStudy([...this.#finished.values()]);
    return this.#measured;
  }

  #data(): StudyData {
    const { store, version } = this.parts;
    return studyData(store, version, this.#results(), this.#measures());
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

  async #draw(): Promise<void> {
    for (const figure of drawFigures(this.#data()))
      await this.parts.show({ kind: "figure", figure });
  }
}

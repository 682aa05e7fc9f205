/** What a study has come to so far, from its files alone: tables, figures, the report. */
import { jsonText, parseObject } from "../../../src/experiments/json.js";
import type { StudyData } from "../../../src/experiments/report/study.js";
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
import type { FromWorker, JobFacts } from "../protocol.js";
import { drawFigures, drawReport, studyData } from "./drawing.js";
import { checkpointOf, curvesOf, keptLines } from "./run-records.js";
import { storedJobs } from "./saved.js";
import type { StudyStore } from "./store.js";

export interface ResultsParts {
  readonly jobs: readonly SweepJob[];
  readonly store: StudyStore;
  readonly version: string;
  /** Tells, and waits until the page has drawn it. */
  readonly show: (message: FromWorker) => Promise<void>;
}

type Ending = "done" | "diverged";

export class Results {
  readonly #ended = new Map<string, Ending>();
  readonly #finished = new Map<string, FinishedRun>();
  #measured: StudyMeasures | undefined;

  constructor(private readonly parts: ResultsParts) {
    for (const job of parts.jobs) this.takeUp(job);
    const hashes = new Set(parts.jobs.map(({ hash }) => hash));
    for (const { job, state } of storedJobs(parts.store))
      if (state === "diverged" && hashes.has(job.hash)) this.diverged(job);
  }

  hasEnded({ id }: SweepJob): boolean {
    return this.#ended.has(id);
  }

  diverged({ id }: SweepJob): void {
    this.#ended.set(id, "diverged");
  }

  /** Takes up a run whose files are all there. */
  takeUp(job: SweepJob): void {
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

  /**
   * The runs as the page lists them, with what earlier visits made of them.
   *
   * @param keptOf Training images of a run that has not ended.
   */
  jobFacts(keptOf: (job: SweepJob) => number): JobFacts[] {
    const { store } = this.parts;
    return this.parts.jobs.map((job) => {
      const { id, model, arm, level, settings } = job;
      const ending = this.#ended.get(id);
      const kept = ending ? this.#keptBy(job) : keptOf(job);
      const { stepsPerEpoch, lastStep } = planCourse(settings, kept);
      const images = Math.round((lastStep / stepsPerEpoch) * kept);
      const trained = checkpointOf(store, job)?.position.timing.images ?? 0;
      return {
        id,
        model,
        arm,
        level,
        images,
        ended: ending ?? null,
        trained: ending ? images : trained,
        ...curvesOf(keptLines(store, job), stepsPerEpoch),
        top1: this.#finished.get(id)?.result.top1Last ?? null,
      };
    });
  }

  /** Training images of a run that has ended. */
  #keptBy({ folder }: SweepJob): number {
    const text = this.parts.store.text(`${folder}/poison.json`) ?? "";
    const { kept } = parseObject(text, "poison.json");
    return Array.isArray(kept) ? kept.length : 0;
  }

  /** Writes sweep.json and the tables. */
  async save(): Promise<void> {
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
      ...tableFiles(this.#rows(), this.#measures()),
    });
  }

  /** Shows the figures, where a run has ended. */
  async draw(): Promise<void> {
    if (this.#ended.size === 0) return;
    for (const figure of drawFigures(this.#data()))
      await this.parts.show({ kind: "figure", figure });
  }

  /** The report, once every run has ended. */
  async finish(): Promise<void> {
    const report = drawReport(this.#data());
    await this.parts.store.put("report/index.html", report);
    await this.parts.show({
      kind: "done",
      results: this.#rows(),
      impact: this.#measures().impact,
      report,
    });
  }

  #rows(): ResultRow[] {
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
    return studyData(store, version, this.#rows(), this.#measures());
  }
}

/**
 * One training run from settings to evaluated weights, in memory: poison is already decided, files are somebody else's.
 * Runs in a browser as in Node.
 */
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { ImageSource } from "../engine/image-source.js";
import type { ParameterSpec } from "../engine/parameters.js";
import type { Evaluation } from "../engine/evaluation.js";
import { Session } from "../engine/session.js";
import { buildModel } from "../models/registry.js";
import { type Evaluation as Metrics, evaluateLogits } from "./metrics.js";
import type { PoisonResult } from "./poison.js";
import { epochOrder, learningRateAt } from "./schedule.js";
import {
  augmentations,
  type Course,
  planCourse,
  type TrainSettings,
} from "./settings.js";

/** The loss is no longer a finite number: training has diverged and its weights are worthless. */
export class DivergedError extends Error {
  override name = "DivergedError";
  constructor(
    readonly step: number,
    settings: TrainSettings,
  ) {
    super(
      `training diverged at step ${step}: the loss is not finite. Try a lower --lr (now ${settings.lr}) or a --warmup.`,
    );
  }
}

/** Training was told to stop before its end; a checkpoint holds what was done. */
export class InterruptedError extends Error {
  override name = "InterruptedError";
  constructor(
    /** Optimiser steps done, all of them in the checkpoint. */
    readonly step: number,
    /** The signal's reason: "SIGINT" where the command was told so. */
    readonly reason: unknown,
  ) {
    super(`training was stopped after step ${step}`);
  }
}

/** A line of metrics.jsonl for an optimiser step. */
export interface StepRecord {
  readonly kind: "step";
  readonly step: number;
  readonly epoch: number;
  /** The step's own mean loss, before its update. */
  readonly loss: number;
  readonly lr: number;
  readonly imagesPerSecond: number;
}

/** A line of metrics.jsonl for an evaluation. */
export interface EvalRecord {
  readonly kind: "eval";
  readonly step: number;
  readonly epoch: number;
  readonly split: "test";
  readonly loss: number;
  readonly top1: number;
  readonly top5: number | null;
}

/** An evaluation as summary.json tells it. */
export interface EpochResult {
  readonly epoch: number;
  readonly loss: number;
  readonly top1: number;
  readonly top5: number | null;
  readonly ece: number;
}

/** What is known when the model is compiled and training is about to start. */
export interface StartInfo {
  readonly session: Session;
  readonly course: Course;
  /** Training images after reduction. */
  readonly images: number;
}

export interface TrainEvents {
  /** Every line of metrics.jsonl, in order. */
  onRecord?: (record: StepRecord | EvalRecord) => void;
  /** After every few steps: images trained so far, speed, and the newest loss. */
  onProgress?: (progress: {
    images: number;
    imagesPerSecond: number;
    loss: number;
  }) => void;
  /** Called before the first step: initial weights may still be replaced. */
  onStart?: (info: StartInfo) => void | Promise<void>;
  /** A new best evaluation (by top-1), with the session whose weights it has. */
  onBest?: (
    result: EpochResult,
    step: number,
    session: Session,
  ) => Promise<void>;
}

export interface TrainResult {
  readonly steps: number;
  readonly epochs: number;
  readonly last: EpochResult;
  readonly best: EpochResult;
  /** The last evaluation in full. */
  readonly metrics: Metrics;
  /** Test logits `[n, C]` of the last weights. */
  readonly logits: Float32Array;
  /** The model's tensors: names and PyTorch shapes. */
  readonly specs: readonly ParameterSpec[];
  /** Weights and batch-norm state under PyTorch's names and layouts. */
  readonly weights: Map<string, Float32Array>;
  readonly momentum: Map<string, Float32Array>;
  /** Seconds of training steps, and images per second without the first steps (which compile shaders) where there are more. */
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
}

/** Trains and evaluates. Throws UserError, DivergedError or one of the engine's errors. */
export async function train(
  device: Device,
  dataset: Dataset,
  settings: TrainSettings,
  poisoned: Pick<PoisonResult, "given" | "kept">,
  events: TrainEvents = {},
): Promise<TrainResult> {
  const { imageSize, mean, std, classNames } = dataset;
  const course = planCourse(settings, poisoned.kept.length);
  const common = { imageSize, mean, std };
  const trainImages = await ImageSource.upload(device, {
    ...common,
    images: dataset.train.images,
    labels: poisoned.given,
  });
  const testImages = await ImageSource.upload(device, {
    ...common,
    images: dataset.test.images,
    labels: dataset.test.labels,
  });
  let session: Session | undefined;
  let evaluation: Evaluation | undefined;
  try {
    const batch = Math.min(settings.batch, poisoned.kept.length);
    session = await Session.create(device, {
      model: buildModel(settings.model, classNames.length, settings),
      source: {
        kind: "images",
        images: trainImages,
        augmentation: augmentations[settings.augment],
      },
      batch,
      optimizer: settings,
      labelSmoothing: settings.labelSmoothing,
      seed: settings.seed,
    });
    if (poisoned.kept.length % batch > 0)
      await session.prepare(poisoned.kept.length % batch);
    evaluation = await session.evaluation(testImages);
    await events.onStart?.({ session, course, images: poisoned.kept.length });
    return await new Run(
      device,
      dataset,
      settings,
      poisoned.kept,
      course,
      session,
      trainImages,
      evaluation,
      events,
    ).run();
  } finally {
    evaluation?.destroy();
    session?.destroy();
    trainImages.destroy();
    testImages.destroy();
  }
}

/** Steps whose losses have been asked for but not read. */
interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly images: number;
  readonly losses: { read(): Promise<Float32Array> };
}

class Run {
  /** Steps between looks at the losses: grows until a chunk takes about half a second. */
  #chunkSteps = 1;
  #pending: Chunk | undefined;
  #lastSettled = 0;
  #msPerStep = 0;
  #trainMs = 0;
  #warmMs = 0;
  #warmImages = 0;
  #imagesSettled = 0;

  constructor(
    private readonly device: Device,
    private readonly dataset: Dataset,
    private readonly settings: TrainSettings,
    private readonly kept: Int32Array,
    private readonly course: Course,
    private readonly session: Session,
    private readonly images: ImageSource,
    private readonly evaluation: Evaluation,
    private readonly events: TrainEvents,
  ) {}

  async run(): Promise<TrainResult> {
    const { settings, course, session, events } = this;
    const { stepsPerEpoch, lastStep } = course;
    const epochs = Math.ceil(lastStep / stepsPerEpoch);
    let best: EpochResult | undefined;
    let last: EpochResult | undefined;
    let metrics: Metrics | undefined;
    let logits: Float32Array | undefined;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const step = Math.min(epoch * stepsPerEpoch, lastStep);
      await this.#trainEpoch(epoch, (epoch - 1) * stepsPerEpoch + 1, step);
      if (epoch % settings.evalEvery === 0 || epoch === epochs) {
        ({ metrics, logits } = await this.#evaluate(step));
        const { loss, top1, top5, ece } = metrics;
        last = { epoch, loss, top1, top5, ece };
        events.onRecord?.({
          kind: "eval",
          step,
          epoch,
          split: "test",
          loss,
          top1,
          top5,
        });
        if (!best || top1 > best.top1) {
          best = last;
          await events.onBest?.(best, step, session);
        }
      }
    }
    if (!best || !last || !metrics || !logits)
      throw new Error("a run has at least one epoch");
    return {
      steps: lastStep,
      epochs,
      last,
      best,
      metrics,
      logits,
      specs: session.store.specs,
      weights: await session.store.read(this.device),
      momentum: await session.store.read(this.device, "momentum"),
      trainSeconds: this.#trainMs / 1000,
      // A run of two chunks has nothing but its first steps to go by.
      imagesPerSecond:
        1000 *
        (this.#warmMs > 0
          ? this.#warmImages / this.#warmMs
          : this.#imagesSettled / this.#trainMs),
    };
  }

  async #trainEpoch(
    epoch: number,
    firstStep: number,
    lastStep: number,
  ): Promise<void> {
    const { settings, course, session, kept } = this;
    this.images.setOrder(
      epochOrder(kept, settings.order, settings.seed, epoch),
    );
    this.#lastSettled = performance.now();
    let from = firstStep;
    let images = 0;
    for (let step = firstStep; step <= lastStep; step++) {
      const offset = (step - firstStep) * settings.batch;
      const samples = Math.min(settings.batch, kept.length - offset);
      const learningRate = learningRateAt(step, { ...course, lr: settings.lr });
      await session.train({ step, epoch, offset, samples, learningRate });
      images += samples;
      if (step - from + 1 >= this.#chunkSteps || step === lastStep) {
        const chunk = {
          from,
          to: step,
          images,
          losses: session.copyLosses(from, step),
        };
        // One chunk runs while the one before it is read: the GPU always has work, and the queue stays short.
        await this.#settle(epoch);
        this.#pending = chunk;
        from = step + 1;
        images = 0;
      }
    }
    await this.#settle(epoch);
  }

  /** Waits for the pending chunk and reports its losses. */
  async #settle(epoch: number): Promise<void> {
    const chunk = this.#pending;
    if (!chunk) return;
    this.#pending = undefined;
    const steps = chunk.to - chunk.from + 1;
    await this.#sleepThrough(steps);
    const losses = await chunk.losses.read();
    const now = performance.now();
    const elapsed = now - this.#lastSettled;
    this.#lastSettled = now;
    this.#trainMs += elapsed;
    // The first two chunks compile shaders (software adapters do so at the first run).
    if (chunk.from > 2) {
      this.#warmMs += elapsed;
      this.#warmImages += chunk.images;
      this.#msPerStep = elapsed / steps;
      this.#chunkSteps = Math.max(
        1,
        Math.min(64, Math.round(500 / this.#msPerStep), this.#chunkSteps * 2),
      );
    }
    this.#imagesSettled += chunk.images;
    this.#report(chunk, losses, epoch, (chunk.images / elapsed) * 1000);
  }

  #report(
    chunk: Chunk,
    losses: Float32Array,
    epoch: number,
    imagesPerSecond: number,
  ): void {
    const { settings, course, events } = this;
    losses.forEach((loss, i) => {
      const step = chunk.from + i;
      if (!Number.isFinite(loss)) throw new DivergedError(step, settings);
      if (
        step === 1 ||
        step % settings.logEvery === 0 ||
        step === course.lastStep
      ) {
        const lr = learningRateAt(step, { ...course, lr: settings.lr });
        events.onRecord?.({
          kind: "step",
          step,
          epoch,
          loss,
          lr,
          imagesPerSecond,
        });
      }
    });
    events.onProgress?.({
      images: this.#imagesSettled,
      imagesPerSecond,
      loss: losses.at(-1)!,
    });
  }

  /**
   * While one of the GPU's promises is pending, Dawn's Node bindings poll without pause, which steals up to a third of a
   * software adapter's time. So most of the expected time passes in a timer before the promise is made.
   */
  async #sleepThrough(steps: number): Promise<void> {
    if (!this.device.isSoftware) return;
    const due = this.#lastSettled + 0.9 * steps * this.#msPerStep;
    const wait = due - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
  }

  async #evaluate(
    step: number,
  ): Promise<{ metrics: Metrics; logits: Float32Array }> {
    const { invalid, logits } = await this.evaluation.run();
    if (invalid > 0) throw new DivergedError(step, this.settings);
    const { labels } = this.dataset.test;
    return {
      logits,
      metrics: evaluateLogits(logits, labels, this.dataset.classNames.length),
    };
  }
}

/**
 * The loop of a training run: epochs of steps, evaluations, checkpoints. Whatever decides the result is a function of
 * the settings and the position, so that a run which goes on from a checkpoint ends as if it had never stopped.
 */
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import type { Evaluation } from "../engine/evaluation.js";
import type { ImageSource } from "../engine/image-source.js";
import type { Session } from "../engine/session.js";
import type { EpochResult, Position, Timing } from "./checkpoint.js";
import { memorisation } from "./memorisation.js";
import { type Evaluation as Metrics, evaluateLogits } from "./metrics.js";
import type { PoisonResult } from "./poison.js";
import { epochOrder, learningRateAt } from "./schedule.js";
import type { Course, TrainSettings } from "./settings.js";
import { DivergedError, InterruptedError } from "./training-errors.js";
import {
  defaultCheckpoints,
  type EvalRecord,
  type StepRecord,
  type TrainControl,
  type TrainEvents,
  type TrainResult,
} from "./training-events.js";
import type { Weights } from "./weights.js";

/** Steps whose losses have been asked for but not read. */
interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly images: number;
  readonly losses: { read(): Promise<Float32Array> };
}

/** The results of an evaluation on the test images. */
interface Evaluated {
  readonly result: EpochResult;
  readonly metrics: Metrics;
  readonly logits: Float32Array;
}

export interface TrainingParts {
  readonly device: Device;
  readonly dataset: Dataset;
  readonly settings: TrainSettings;
  readonly poisoned: Pick<PoisonResult, "given" | "kept">;
  readonly course: Course;
  /** Holds the state to begin with: initial weights, or a checkpoint's weights and momentum. */
  readonly session: Session;
  readonly trainImages: ImageSource;
  /** Of the test images. */
  readonly evaluation: Evaluation;
  readonly events: TrainEvents;
  readonly control: TrainControl;
}

export class TrainingLoop {
  /** Optimiser steps submitted. */
  #step: number;
  #epochsDone: number;
  #records: number;
  #best: EpochResult | undefined;
  readonly #timing: { -readonly [K in keyof Timing]: Timing[K] };
  /** Steps done before this start. */
  readonly #before: number;

  /** Steps between looks at the losses: grows until a chunk takes about half a second. */
  #chunkSteps = 1;
  #pending: Chunk | undefined;
  #lastSettled = 0;

  /** The last checkpoint: where, and when. */
  #kept: { step: number; epochsDone: number; time: number };
  /** The weights after `step`, where they have been read. */
  #read: { step: number; weights: Weights } | undefined;

  constructor(private readonly parts: TrainingParts) {
    const position = parts.control.resumeFrom?.position;
    this.#step = this.#before = position?.step ?? 0;
    this.#epochsDone = position?.epochsDone ?? 0;
    this.#records = position?.records ?? 0;
    this.#best = position?.best;
    this.#timing = {
      ...(position?.timing ?? { images: 0, ms: 0, warmImages: 0, warmMs: 0 }),
    };
    this.#kept = {
      step: this.#step,
      epochsDone: this.#epochsDone,
      time: performance.now(),
    };
  }

  async run(): Promise<TrainResult> {
    const { device, settings, course, session } = this.parts;
    const { stepsPerEpoch, lastStep } = course;
    const epochs = Math.ceil(lastStep / stepsPerEpoch);
    let evaluated: Evaluated | undefined;
    for (let epoch = this.#epochsDone + 1; epoch <= epochs; epoch++) {
      await this.#trainEpoch(epoch);
      await this.#stopIfAsked();
      if (epoch % settings.evalEvery === 0 || epoch === epochs) {
        evaluated = await this.#evaluate(epoch);
        await this.#recordEvaluation(evaluated.result);
      }
      this.#epochsDone = epoch;
      const every =
        this.parts.control.checkpoint?.epochs ?? defaultCheckpoints.epochs;
      if (epoch % every === 0 || epoch === epochs || this.#overdue())
        await this.#checkpoint();
      await this.#stopIfAsked();
    }
    // A run that was stopped between its last checkpoint and its end has evaluated before, to the same result.
    evaluated ??= await this.#evaluate(epochs);
    const { result: last, metrics, logits } = evaluated;
    return {
      steps: lastStep,
      epochs,
      last,
      best: this.#best ?? last,
      metrics,
      logits,
      ...(await this.#memorisation()),
      specs: session.store.specs,
      weights: await this.#weights(),
      momentum: await session.store.read(device, "momentum"),
      trainSeconds: this.#timing.ms / 1000,
      imagesPerSecond: this.#imagesPerSecond(),
    };
  }

  /** Trains what is left of an epoch: all of it, or the part behind the checkpoint that the run goes on from. */
  async #trainEpoch(epoch: number): Promise<void> {
    const { settings, course, session, trainImages, poisoned } = this.parts;
    const { kept } = poisoned;
    trainImages.setOrder(
      epochOrder(kept, settings.order, settings.seed, epoch),
    );
    const firstStep = (epoch - 1) * course.stepsPerEpoch + 1;
    const lastStep = Math.min(epoch * course.stepsPerEpoch, course.lastStep);
    this.#lastSettled = performance.now();
    let from = this.#step + 1;
    let images = 0;
    while (this.#step < lastStep) {
      const step = this.#step + 1;
      const offset = (step - firstStep) * settings.batch;
      const samples = Math.min(settings.batch, kept.length - offset);
      const learningRate = learningRateAt(step, { ...course, lr: settings.lr });
      await session.train({ step, epoch, offset, samples, learningRate });
      this.#step = step;
      images += samples;
      const pause =
        step < lastStep &&
        (this.#overdue() || this.parts.control.signal?.aborted === true);
      if (pause || step === lastStep || step - from + 1 >= this.#chunkSteps) {
        const chunk = {
          from,
          to: step,
          images,
          losses: session.copyLosses(from, step),
        };
        // One chunk runs while the one before it is read: the GPU always has work, and the queue stays short.
        await this.#settle();
        this.#pending = chunk;
        from = step + 1;
        images = 0;
      }
      if (pause) {
        await this.#settle();
        await this.#checkpoint();
        await this.#stopIfAsked();
        this.#lastSettled = performance.now();
      }
    }
    await this.#settle();
  }

  /** Waits for the pending chunk and reports its losses. */
  async #settle(): Promise<void> {
    const chunk = this.#pending;
    if (!chunk) return;
    this.#pending = undefined;
    const steps = chunk.to - chunk.from + 1;
    // The first two chunks compile shaders (software adapters do so at the first run).
    const warm = chunk.from > this.#before + 2;
    const losses = await chunk.losses.read();
    const now = performance.now();
    const elapsed = now - this.#lastSettled;
    this.#lastSettled = now;
    this.#timing.ms += elapsed;
    this.#timing.images += chunk.images;
    if (warm) {
      this.#timing.warmMs += elapsed;
      this.#timing.warmImages += chunk.images;
      this.#chunkSteps = Math.max(
        1,
        Math.min(64, Math.round((500 * steps) / elapsed), this.#chunkSteps * 2),
      );
    }
    this.#report(chunk, losses, (chunk.images / elapsed) * 1000);
  }

  #report(chunk: Chunk, losses: Float32Array, imagesPerSecond: number): void {
    const { settings, course, events } = this.parts;
    const epoch = Math.ceil(chunk.to / course.stepsPerEpoch);
    losses.forEach((loss, i) => {
      const step = chunk.from + i;
      if (!Number.isFinite(loss)) throw this.#diverged(step);
      if (
        step === 1 ||
        step % settings.logEvery === 0 ||
        step === course.lastStep
      ) {
        const lr = learningRateAt(step, { ...course, lr: settings.lr });
        this.#record({ kind: "step", step, epoch, loss, lr, imagesPerSecond });
      }
    });
    events.onProgress?.({
      images: this.#timing.images,
      imagesPerSecond,
      loss: losses.at(-1)!,
    });
  }

  #record(record: StepRecord | EvalRecord): void {
    this.parts.events.onRecord?.(record);
    this.#records++;
  }

  async #evaluate(epoch: number): Promise<Evaluated> {
    const { evaluation, dataset } = this.parts;
    const { invalid, logits } = await evaluation.run();
    if (invalid > 0) throw this.#diverged(this.#step, "logits");
    const classes = dataset.classNames.length;
    const metrics = evaluateLogits(logits, dataset.test.labels, classes);
    const { loss, top1, top5, ece } = metrics;
    return { logits, metrics, result: { epoch, loss, top1, top5, ece } };
  }

  async #recordEvaluation(result: EpochResult): Promise<void> {
    const { events, session } = this.parts;
    const { epoch, loss, top1, top5 } = result;
    const step = this.#step;
    this.#record({
      kind: "eval",
      step,
      epoch,
      split: "test",
      loss,
      top1,
      top5,
    });
    if (this.#best && top1 <= this.#best.top1) return;
    this.#best = result;
    if (events.onBest) {
      const { specs } = session.store;
      await events.onBest({
        step,
        epoch,
        specs,
        weights: await this.#weights(),
      });
    }
  }

  /** What the last weights make of the training images; undefined where no label was changed. */
  async #memorisation(): Promise<
    Pick<TrainResult, "memorisation" | "trainingLogits">
  > {
    const { session, trainImages, dataset, poisoned } = this.parts;
    const { labels } = dataset.train;
    if (poisoned.kept.every((i) => poisoned.given[i] === labels[i]))
      return { memorisation: undefined, trainingLogits: undefined };
    trainImages.setOrder(labels.map((_, i) => i));
    const evaluation = await session.evaluation(trainImages);
    try {
      const { invalid, logits, classes } = await evaluation.run();
      if (invalid > 0) throw this.#diverged(this.#step, "logits");
      return {
        memorisation: memorisation(logits, labels, poisoned, classes),
        trainingLogits: logits,
      };
    } finally {
      evaluation.destroy();
    }
  }

  /** Whether the last checkpoint is older than it should get. */
  #overdue(): boolean {
    const { events, control } = this.parts;
    const seconds = control.checkpoint?.seconds ?? defaultCheckpoints.seconds;
    const age = performance.now() - this.#kept.time;
    return events.onCheckpoint !== undefined && age >= 1000 * seconds;
  }

  /** Makes a checkpoint, unless the last one says the same. All steps must be settled: their losses are finite. */
  async #checkpoint(): Promise<void> {
    const { device, session, course, events } = this.parts;
    const step = this.#step;
    const epochsDone = this.#epochsDone;
    const { step: keptStep, epochsDone: keptEpochs } = this.#kept;
    if (step === keptStep && epochsDone === keptEpochs) return;
    if (events.onCheckpoint) {
      const weights = await this.#weights();
      const momentum = await session.store.read(device, "momentum");
      const position: Position = {
        step,
        epoch: Math.ceil(step / course.stepsPerEpoch),
        epochsDone,
        records: this.#records,
        lossScaling: await session.lossScaling(),
        best: this.#best,
        timing: { ...this.#timing },
      };
      const { specs } = session.store;
      await events.onCheckpoint({ position, specs, weights, momentum });
    }
    this.#kept = { step, epochsDone, time: performance.now() };
  }

  /** Where the signal says so: makes a checkpoint and throws InterruptedError. */
  async #stopIfAsked(): Promise<void> {
    const { signal } = this.parts.control;
    if (!signal?.aborted) return;
    await this.#checkpoint();
    throw new InterruptedError(this.#step, signal.reason);
  }

  /** The weights and batch-norm state after the newest step: finite, or training has diverged in that very step. */
  async #weights(): Promise<Weights> {
    const step = this.#step;
    if (this.#read?.step !== step) {
      const { device, session } = this.parts;
      const weights = await session.store.read(device);
      if (!allFinite(weights)) throw this.#diverged(step, "weights");
      this.#read = { step, weights };
    }
    return this.#read.weights;
  }

  #diverged(step: number, what?: "weights" | "logits"): DivergedError {
    const kept = this.parts.events.onCheckpoint ? this.#kept.step : 0;
    return new DivergedError(step, this.parts.settings, kept, what);
  }

  #imagesPerSecond(): number {
    const { images, ms, warmImages, warmMs } = this.#timing;
    // A run of two chunks has nothing but its first steps to go by.
    return 1000 * (warmMs > 0 ? warmImages / warmMs : images / ms);
  }
}

function allFinite(weights: Weights): boolean {
  // A plain loop: these are tens of millions of values, and the device waits.
  for (const values of weights.values())
    for (let i = 0; i < values.length; i++)
      if (!Number.isFinite(values[i])) return false;
  return true;
}

/**
 * A session: one model's parameters on a device with its compiled training and evaluation plans. A training step writes
 * one small uniform and replays a plan; losses gather on the GPU until somebody asks for them.
 */
import type { Device } from "./device.js";
import { AdapterError, ShapeError } from "./errors.js";
import { Evaluation } from "./evaluation.js";
import { HostBatch } from "./host-batch.js";
import type { ImageSource } from "./image-source.js";
import {
  initialLossScaling,
  type LossScaling,
  lossScalingBytes,
  readLossScaling,
  writeLossScaling,
} from "./loss-scaling.js";
import { LossRing } from "./loss-ring.js";
import type { ParameterStore } from "./parameters.js";
import { type PlansOptions, SessionPlans } from "./session-plans.js";
import { encodeStep, stepBytes, type StepValues } from "./step.js";
import { StepLogits } from "./step-logits.js";
import { lossRingSize, microBatches, requireImages } from "./trace.js";
import type { KernelRecord } from "./tuning.js";

export { lossRingSize };

export interface SessionOptions extends PlansOptions {
  /** Largest batch that a step trains on. */
  readonly batch: number;
  /**
   * Images that are on the device at once (default: the batch). A step then runs over micro-batches of this size, the last
   * one maybe smaller, and adds up their gradients before its one update. Batch norm sees each micro-batch by itself, unless it is frozen.
   */
  readonly microBatch?: number;
  /** Seeds the initial weights, dropout and augmentation. */
  readonly seed?: number;
}

/** What one training step needs to know. Steps and epochs count from 1. */
export interface TrainStep {
  readonly learningRate: number;
  readonly step: number;
  readonly epoch?: number;
  /** First position of the batch in the source's order. */
  readonly offset?: number;
  /** Batch size; defaults to the session's. */
  readonly samples?: number;
}

/**
 * One model on one device: its parameters, and plans that are compiled once for each size of batch and replayed. Steps and
 * evaluations run in the order in which they are submitted; `destroy` ends it and frees its memory.
 */
export class Session {
  readonly #plans: SessionPlans;
  readonly #logits: StepLogits;
  readonly #losses: LossRing;
  /** Largest (micro-)batch; smaller than the batch where gradients are accumulated. */
  readonly #micro: number;
  #host: HostBatch | undefined;
  /** Of the logits. */
  #classes = 0;
  #momentumReady = false;

  private constructor(
    readonly device: Device,
    private readonly options: SessionOptions,
  ) {
    const { batch, microBatch = batch } = options;
    requireImages("batch", batch);
    requireImages("micro-batch", microBatch);
    this.#micro = Math.min(microBatch, batch);
    this.#logits = new StepLogits(device);
    this.#losses = new LossRing(device);
    this.#plans = new SessionPlans(device, options, {
      micro: this.#micro,
      accumulates: this.#micro < batch,
    });
    if (options.precision === "mixed" && !this.#plans.target.half)
      throw new AdapterError(
        `${device.adapterName} has no 16-bit floats (shader-f16), which mixed precision needs; use f32`,
      );
  }

  /**
   * Traces and compiles the model for its batch size and writes PyTorch's default initial weights.
   *
   * @throws ShapeError where the model does not fit its images or labels, or a batch is no whole number of images;
   *   AdapterError for mixed precision on an adapter without 16-bit floats; KernelError or OutOfMemoryError where a plan cannot be
   *   made on the device
   */
  static async create(
    device: Device,
    options: SessionOptions,
  ): Promise<Session> {
    const session = new Session(device, options);
    try {
      session.#createResources();
      if (options.trains ?? true) await session.prepare(options.batch);
      else await session.#plans.declare();
    } catch (error) {
      session.destroy();
      throw error;
    }
    session.store.write(device, session.store.initialValues(options.seed ?? 0));
    return session;
  }

  #createResources(): void {
    const { device, options } = this;
    const { resources } = this.#plans;
    const make = (name: string, size: number, usage = 0) =>
      resources.set(name, this.#plans.buffer(name, size, usage));
    make("step", stepBytes, GPUBufferUsage.UNIFORM);
    make("losses", lossRingSize * 4);
    make("loss gradient", lossScalingBytes);
    this.setLossScaling(initialLossScaling(options.precision));
    if (options.source.kind === "host")
      this.#host = new HostBatch(
        device,
        options.source.input,
        options.batch,
        this.#micro,
        resources,
      );
  }

  #resource(name: "step" | "losses" | "loss gradient"): GPUBuffer {
    return this.#plans.resources.get(name)!;
  }

  /** The model's parameters and batch norm's running statistics. */
  get store(): ParameterStore {
    return this.#plans.store;
  }

  /** Bytes of the buffers that plans share, and of parameters, gradients, momentum and state. */
  get memory(): { plan: number; parameters: number } {
    return this.#plans.memory;
  }

  /**
   * Compiles the plans for a batch size, so that the first step does not have to.
   *
   * @throws ShapeError, KernelError or OutOfMemoryError as `create` does
   */
  async prepare(samples: number): Promise<void> {
    const { batch, source } = this.options;
    for (const size of new Set(microBatches(samples, this.#micro))) {
      const { logits } = await this.#plans.training(size);
      this.#classes = logits.shape[3];
      if (source.kind === "images" && source.images.classes > this.#classes)
        throw new ShapeError(
          `the model tells ${this.#classes} classes apart, and the labels name ${source.images.classes}`,
        );
      if (this.#micro < batch) this.#logits.gather(batch, logits.shape[3]);
    }
    await this.#plans.update();
  }

  /** The kernel variants of all plans so far, by the problem that each was chosen for. */
  get kernels(): KernelRecord {
    return this.#plans.kernels;
  }

  #writeStep(values: Partial<StepValues>): void {
    const complete: StepValues = {
      seed: this.options.seed ?? 0,
      step: 0,
      epoch: 0,
      offset: 0,
      samples: 1,
      continues: false,
      logSlot: 0,
      learningRate: 0,
      firstStep: false,
      ...values,
    };
    this.device.gpu.queue.writeBuffer(
      this.#resource("step"),
      0,
      encodeStep(complete),
    );
  }

  /**
   * Writes a batch for the next step of a session whose source is the host. It stays until the next `feed`.
   *
   * @param images `[samples, h, w, c]` without padding, as the source's `input` says
   * @param labels a class index for each image, from 0
   * @throws ShapeError where images or labels do not fit the session, or it makes its batches from images on the GPU
   */
  feed(images: Float32Array, labels: ArrayLike<number>): void {
    if (!this.#host)
      throw new ShapeError(
        "feed: this session makes its batches from images on the GPU",
      );
    this.#host.feed(images, labels, this.#classes);
  }

  /**
   * Submits one training step: forward, backward and the optimiser's update. Resolves when it is submitted, not when it
   * is done; steps run in the order of submission.
   *
   * @throws ShapeError where the session only evaluates, steps do not count from 1, or the batch is larger than the session's,
   *   than what was fed, or than the images from `offset` on; KernelError, OutOfMemoryError or DeviceLostError of the device
   */
  async train({
    learningRate,
    step,
    epoch = 1,
    offset = 0,
    samples = this.options.batch,
  }: TrainStep): Promise<void> {
    this.#requireStep(step, samples, offset);
    await this.prepare(samples);
    const values = {
      learningRate,
      step,
      epoch,
      samples,
      logSlot: this.#losses.slot(step),
      firstStep: !this.#momentumReady,
    };
    this.#momentumReady = true;
    let first = 0;
    for (const size of microBatches(samples, this.#micro)) {
      const { plan, logits } = await this.#plans.training(size);
      this.#host?.select(first, size);
      this.#writeStep({
        ...values,
        offset: offset + first,
        continues: first > 0,
      });
      await plan.run();
      this.#logits.keep(plan.slice(logits), logits.shape, first);
      first += size;
    }
    await (await this.#plans.update())?.run();
    this.#losses.hold(step);
  }

  #requireStep(step: number, samples: number, offset: number): void {
    const { batch, source, trains = true } = this.options;
    if (!trains)
      throw new ShapeError("train: this session was made to evaluate only");
    if (!(Number.isInteger(step) && step >= 1))
      throw new ShapeError(`train: steps count from 1, got ${step}`);
    if (!(Number.isInteger(samples) && samples >= 1 && samples <= batch))
      throw new ShapeError(
        `train: a step takes 1 to ${batch} images here, got ${samples}`,
      );
    if (this.#host && this.#host.fed < samples)
      throw new ShapeError(
        `train: the step takes ${samples} images and ${this.#host.fed} were fed; feed them first`,
      );
    if (
      source.kind === "images" &&
      !(offset >= 0 && offset + samples <= source.images.count)
    )
      throw new ShapeError(
        `train: there are ${source.images.count} images, none from ${offset} to ${offset + samples}`,
      );
  }

  /**
   * Starts reading the mean training losses of steps `from`…`to`. The copy is ordered after the steps submitted so far; await
   * the result's `read` when the GPU had time to finish.
   *
   * @throws ShapeError for a step that this session has not trained, or not among its last `lossRingSize`
   */
  copyLosses(from: number, to: number): { read(): Promise<Float32Array> } {
    return this.#losses.copy(this.#resource("losses"), from, to);
  }

  /**
   * The mean training loss of a step, before its update. Waits for it.
   *
   * @throws ShapeError as `copyLosses` does
   */
  async loss(step: number): Promise<number> {
    return (await this.copyLosses(step, step).read())[0]!;
  }

  /**
   * Logits `[samples, classes]` of the last training step's batch, before its update; to be read before an evaluation. Waits for it.
   *
   * @throws ShapeError where no step has run, or an evaluation has taken their place
   */
  lastLogits(): Promise<Float32Array> {
    return this.#logits.read();
  }

  /** Where the loss scaling of mixed precision stands. Waits for all submitted steps. */
  lossScaling(): Promise<LossScaling> {
    return readLossScaling(this.device, this.#resource("loss gradient"));
  }

  /** Goes on from a checkpoint's loss scaling. */
  setLossScaling(state: LossScaling): void {
    const buffer = this.#resource("loss gradient");
    writeLossScaling(this.device, buffer, state);
  }

  /** Marks the momentum buffers as filled (after writing a checkpoint's), or as empty. */
  setMomentumReady(ready: boolean): void {
    this.#momentumReady = ready;
  }

  /**
   * Prepares evaluation of all images of a source with the running statistics, `batch` images at a time (by default as
   * many as fit the memory that training has taken, up to 256).
   *
   * @throws ShapeError where the model does not fit the images; KernelError or OutOfMemoryError where a plan cannot be made
   */
  async evaluation(
    images: ImageSource,
    batch = this.#plans.evaluationBatch(images),
  ): Promise<Evaluation> {
    const full = await this.#plans.evaluation(images, batch);
    const rest = images.count % batch;
    const tail =
      rest > 0 ? await this.#plans.evaluation(images, rest, full) : undefined;
    return new Evaluation(
      this.device,
      images.count,
      batch,
      full,
      tail,
      (offset) => {
        this.#logits.forget();
        this.#writeStep({ offset });
      },
    );
  }

  /** Frees the session's memory on the device; images are the caller's. */
  destroy(): void {
    this.#plans.destroy();
    this.#logits.destroy();
  }
}

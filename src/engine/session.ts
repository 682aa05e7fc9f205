/**
 * A session: one model's parameters on a device with its compiled training and evaluation plans. A training step writes
 * one small uniform and replays a plan; losses gather on the GPU until somebody asks for them.
 */
import { type BatchSource, bindSource } from "./batch.js";
import type { Device } from "./device.js";
import { AdapterError, ShapeError } from "./errors.js";
import {
  bestEvaluationBatch,
  Evaluation,
  type EvaluationPlan,
} from "./evaluation.js";
import type { Graph, KernelTarget } from "./graph.js";
import { HostBatch } from "./host-batch.js";
import type { ImageSource } from "./image-source.js";
import {
  initialLossScaling,
  type LossScaling,
  lossScalingBytes,
  readLossScaling,
  writeLossScaling,
} from "./loss-scaling.js";
import { planMemory } from "./memory-plan.js";
import { ParameterStore } from "./parameters.js";
import { BufferPool, lower, Plan, type Resources } from "./plan.js";
import { encodeStep, stepBytes, type StepValues } from "./step.js";
import { StepLogits } from "./step-logits.js";
import type { Tensor } from "./tensor.js";
import {
  lossRingSize,
  microBatches,
  traceEvaluation,
  traceTraining,
  traceUpdate,
  type TrainingOptions,
} from "./trace.js";
import type { KernelRecord } from "./tuning.js";

export { lossRingSize };

export interface SessionOptions extends TrainingOptions {
  readonly source: BatchSource;
  /** Largest batch that a step trains on. */
  readonly batch: number;
  /**
   * Images that are on the device at once (default: the batch). A step then runs over micro-batches of this size, the last
   * one maybe smaller, and adds up their gradients before its one update. Batch norm sees each micro-batch by itself, unless it is frozen.
   */
  readonly microBatch?: number;
  /** Seeds the initial weights, dropout and augmentation. */
  readonly seed?: number;
  /** Overrides the kernel family (tests run every variant). */
  readonly target?: KernelTarget;
  /** A record of kernels to use again (`Session.kernels` of an earlier run); what it lacks is chosen by rule. */
  readonly kernels?: KernelRecord | undefined;
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

interface CompileOptions {
  /** Buffers besides the session's own. */
  readonly others?: Resources;
  /** Whether kernels may be measured. */
  readonly tune?: boolean;
}

interface TrainingPlan {
  readonly plan: Plan;
  readonly logits: Tensor;
}

export class Session {
  readonly store = new ParameterStore();
  readonly #pool = new BufferPool();
  readonly #resources = new Map<string, GPUBuffer>();
  readonly #logits: StepLogits;
  readonly #plans = new Map<number, Promise<TrainingPlan>>();
  /** Largest (micro-)batch; smaller than the batch where gradients are accumulated. */
  readonly #micro: number;
  /** The optimiser's own plan, where steps accumulate. */
  #update: Promise<Plan> | undefined;
  #host: HostBatch | undefined;
  #kernels: KernelRecord = {};
  #momentumReady = false;

  private constructor(
    readonly device: Device,
    private readonly options: SessionOptions,
  ) {
    this.#logits = new StepLogits(device);
    const { batch, microBatch = batch } = options;
    if (!(microBatch >= 1))
      throw new ShapeError(
        `a micro-batch has at least one image, got ${microBatch}`,
      );
    this.#micro = Math.min(microBatch, batch);
    const { half } = this.#target ?? device.target;
    if (options.precision === "mixed" && !half)
      throw new AdapterError(
        `${device.adapterName} has no 16-bit floats (shader-f16), which mixed precision needs; use f32`,
      );
  }

  /** Traces and compiles the model for its batch size and writes PyTorch's default initial weights. */
  static async create(
    device: Device,
    options: SessionOptions,
  ): Promise<Session> {
    const session = new Session(device, options);
    try {
      session.#createResources();
      await session.prepare(options.batch);
    } catch (error) {
      session.destroy();
      throw error;
    }
    session.store.write(device, session.store.initialValues(options.seed ?? 0));
    return session;
  }

  #createResources(): void {
    const { device, options } = this;
    this.#resources.set(
      "step",
      this.#buffer("step", stepBytes, GPUBufferUsage.UNIFORM),
    );
    this.#resources.set("losses", this.#buffer("losses", lossRingSize * 4));
    this.#resources.set(
      "loss gradient",
      this.#buffer("loss gradient", lossScalingBytes),
    );
    this.setLossScaling(initialLossScaling(options.precision));
    if (options.source.kind === "host")
      this.#host = new HostBatch(
        device,
        options.source.input,
        options.batch,
        this.#micro,
        this.#resources,
      );
  }

  #buffer(name: string, size: number, extra = 0): GPUBuffer {
    const usage =
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_DST |
      GPUBufferUsage.COPY_SRC;
    return this.device.buffer(name, Math.ceil(size / 16) * 16, usage | extra);
  }

  /** Bytes of the buffers that plans share, and of parameters, gradients, momentum and state. */
  get memory(): { plan: number; parameters: number } {
    return { plan: this.#pool.bytes, parameters: this.store.bytes };
  }

  get #accumulates(): boolean {
    return this.#micro < this.options.batch;
  }

  /** Compiles the plans for a batch size, so that the first step does not have to. */
  async prepare(samples: number): Promise<void> {
    for (const size of new Set(microBatches(samples, this.#micro)))
      await this.#planFor(size);
    if (this.#accumulates) await (this.#update ??= this.#compileUpdate());
  }

  #planFor(samples: number): Promise<TrainingPlan> {
    let plan = this.#plans.get(samples);
    if (!plan)
      this.#plans.set(samples, (plan = this.#compileTraining(samples)));
    return plan;
  }

  async #compileTraining(samples: number): Promise<TrainingPlan> {
    const { store, options } = this;
    const { graph, logits } = traceTraining(
      store,
      options,
      samples,
      this.#accumulates,
    );
    // What runs most is measured; an epoch's last, smaller batch and evaluations take kernels by rule.
    const tune = samples === this.#micro;
    const plan = await this.#compile(graph, options.source, [logits], { tune });
    if (this.#accumulates) this.#logits.gather(options.batch, logits.shape[3]);
    return { plan, logits };
  }

  /** The kernels to use where they are not the device's own choice. */
  get #target(): KernelTarget | undefined {
    const { options, device } = this;
    if (!options.kernels) return options.target;
    return {
      ...(options.target ?? device.target),
      kernels: new Map(Object.entries(options.kernels)),
    };
  }

  #compileUpdate(): Promise<Plan> {
    const { store, options } = this;
    return this.#compile(traceUpdate(store, options), options.source, []);
  }

  /** Compiles a graph against the session's buffers, those of a source of batches, and others. */
  async #compile(
    graph: Graph,
    source: BatchSource,
    keep: readonly Tensor[],
    { others = new Map(), tune = false }: CompileOptions = {},
  ): Promise<Plan> {
    const { device, store } = this;
    await store.allocate(device);
    const resources = new Map([...this.#resources, ...others]);
    bindSource(source, resources);
    store.arenas.forEach((arena, i) => {
      for (const what of ["parameters", "gradients", "momentum"] as const)
        resources.set(`${what} ${i}`, arena[what]);
    });
    const target = this.#target;
    const plan = await Plan.compile(device, graph, {
      store,
      resources,
      pool: this.#pool,
      keep,
      tune,
      ...(target && { target }),
    });
    this.#kernels = { ...this.#kernels, ...plan.kernels };
    return plan;
  }

  /** The kernel variants of all plans so far, by the problem that each was chosen for. */
  get kernels(): KernelRecord {
    return this.#kernels;
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
      this.#resources.get("step")!,
      0,
      encodeStep(complete),
    );
  }

  /** Writes a batch for the next step of a session whose source is the host: images NHWC without padding. */
  feed(images: Float32Array, labels: ArrayLike<number>): void {
    if (!this.#host)
      throw new ShapeError(
        "feed: this session makes its batches from images on the GPU",
      );
    this.#host.feed(images, labels);
  }

  /**
   * Submits one training step: forward, backward and the optimiser's update. Resolves when it is submitted, not when it
   * is done; steps run in the order of submission.
   */
  async train({
    learningRate,
    step,
    epoch = 1,
    offset = 0,
    samples = this.options.batch,
  }: TrainStep): Promise<void> {
    await this.prepare(samples);
    const values = {
      learningRate,
      step,
      epoch,
      samples,
      logSlot: step % lossRingSize,
      firstStep: !this.#momentumReady,
    };
    this.#momentumReady = true;
    let first = 0;
    for (const size of microBatches(samples, this.#micro)) {
      const { plan, logits } = await this.#planFor(size);
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
    await (await this.#update)?.run();
  }

  /**
   * Starts reading the training losses of steps `from`…`to` (at most the ring's size back). The copy is ordered after the
   * steps submitted so far; await the result's `read` when the GPU had time to finish.
   */
  copyLosses(from: number, to: number): { read(): Promise<Float32Array> } {
    if (to - from + 1 > lossRingSize)
      throw new ShapeError(`only the last ${lossRingSize} losses are kept`);
    const { device } = this;
    const staging = device.stage(this.#resources.get("losses")!);
    return {
      read: async () => {
        const ring = new Float32Array(await staging.read());
        return Float32Array.from(
          { length: to - from + 1 },
          (_, i) => ring[(from + i) % lossRingSize]!,
        );
      },
    };
  }

  /** The mean training loss of a step (by default the last slot asked for). Waits for it. */
  async loss(step: number): Promise<number> {
    return (await this.copyLosses(step, step).read())[0]!;
  }

  /** Logits `[samples, classes]` of the last training step's batch, before its update. Waits for it. */
  lastLogits(): Promise<Float32Array> {
    return this.#logits.read();
  }

  /** Where the loss scaling of mixed precision stands. Waits for all submitted steps. */
  lossScaling(): Promise<LossScaling> {
    return readLossScaling(this.device, this.#resources.get("loss gradient")!);
  }

  /** Goes on from a checkpoint's loss scaling. */
  setLossScaling(state: LossScaling): void {
    const buffer = this.#resources.get("loss gradient")!;
    writeLossScaling(this.device, buffer, state);
  }

  /** Marks the momentum buffers as filled (after writing a checkpoint's), or as empty. */
  setMomentumReady(ready: boolean): void {
    this.#momentumReady = ready;
  }

  /**
   * Prepares evaluation of all images of a source with the running statistics, `batch` images at a time (by default as
   * many as fit the memory that training has taken, up to 256).
   */
  async evaluation(
    images: ImageSource,
    batch = this.#evaluationBatch(images),
  ): Promise<Evaluation> {
    const full = await this.#compileEvaluation(images, batch);
    const rest = images.count % batch;
    const tail =
      rest > 0 ? await this.#compileEvaluation(images, rest, full) : undefined;
    return new Evaluation(
      this.device,
      images.count,
      batch,
      full,
      tail,
      (offset) => {
        this.#writeStep({ offset });
      },
    );
  }

  #evaluationBatch(images: ImageSource): number {
    const { store, options, device } = this;
    const target = this.#target ?? device.target;
    const source = { kind: "images", images } as const;
    return bestEvaluationBatch(images.count, this.#pool.sizes, (samples) => {
      const { graph } = traceEvaluation(store, { ...options, source }, samples);
      return planMemory(lower(graph, target)).slots;
    });
  }

  async #compileEvaluation(
    images: ImageSource,
    samples: number,
    shared?: EvaluationPlan,
  ): Promise<EvaluationPlan> {
    const { options, store } = this;
    const { graph, classes } = traceEvaluation(
      store,
      { ...options, source: { kind: "images", images } },
      samples,
    );
    const counters =
      shared?.counters ?? this.#buffer("counters", (4 + classes * classes) * 4);
    const logits =
      shared?.logits ?? this.#buffer("logits", images.count * classes * 4);
    const plan = await this.#compile(graph, { kind: "images", images }, [], {
      others: new Map([
        ["counters", counters],
        ["all logits", logits],
      ]),
    });
    return { plan, classes, counters, logits };
  }

  destroy(): void {
    this.#pool.destroy();
    this.store.destroy();
    this.#logits.destroy();
    for (const buffer of this.#resources.values()) buffer.destroy();
  }
}

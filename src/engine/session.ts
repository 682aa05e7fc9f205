/**
 * A session: one model's parameters on a device with its compiled training and evaluation plans. A training step writes
 * one small uniform and replays a plan; losses gather on the GPU until somebody asks for them.
 */
import type { SgdOptions } from "../../shaders/sgd.wgsl.js";
import { differentiate } from "./autodiff.js";
import { type BatchSource, traceBatch } from "./batch.js";
import type { Device } from "./device.js";
import { ShapeError } from "./errors.js";
import {
  Evaluation,
  evaluationBatch,
  type EvaluationPlan,
} from "./evaluation.js";
import { fuseBackward, fuseForward } from "./fusion.js";
import { Graph, type KernelTarget } from "./graph.js";
import type { ImageSource } from "./image-source.js";
import { checkLogits, type Model, Network } from "./network.js";
import { crossEntropy, mean } from "./ops/loss.js";
import { evaluate, recordLoss } from "./ops/record.js";
import { sgd } from "./ops/sgd.js";
import { ParameterStore } from "./parameters.js";
import { BufferPool, Plan, type Resources } from "./plan.js";
import { encodeStep, stepBytes, type StepValues } from "./step.js";
import { dropPadding, pad4, type Tensor } from "./tensor.js";
import type { KernelRecord } from "./tuning.js";

export interface SessionOptions {
  readonly model: Model;
  readonly source: BatchSource;
  /** Largest batch that a step trains on. */
  readonly batch: number;
  readonly optimizer?: Partial<SgdOptions>;
  readonly labelSmoothing?: number;
  /** Seeds the initial weights, dropout and augmentation. */
  readonly seed?: number;
  /** Overrides the kernel family (tests run every variant). */
  readonly target?: KernelTarget;
  /** A record of kernels to use again (`Session.kernels` of an earlier run); what it lacks is chosen by rule. */
  readonly kernels?: KernelRecord;
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

interface TrainingPlan {
  readonly plan: Plan;
  readonly logits: Tensor;
}

/** Losses that the ring holds before the oldest is overwritten. */
export const lossRingSize = 4096;

export class Session {
  readonly store = new ParameterStore();
  readonly #pool = new BufferPool();
  readonly #resources = new Map<string, GPUBuffer>();
  readonly #plans = new Map<number, Promise<TrainingPlan>>();
  #kernels: KernelRecord = {};
  #momentumReady = false;
  #last: TrainingPlan | undefined;

  private constructor(
    readonly device: Device,
    private readonly options: SessionOptions,
  ) {}

  /** Traces and compiles the model for its batch size and writes PyTorch's default initial weights. */
  static async create(
    device: Device,
    options: SessionOptions,
  ): Promise<Session> {
    const session = new Session(device, options);
    session.#createResources();
    await session.prepare(options.batch);
    session.store.write(device, session.store.initialValues(options.seed ?? 0));
    return session;
  }

  #createResources(): void {
    const { device, options } = this;
    const usage =
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_DST |
      GPUBufferUsage.COPY_SRC;
    const make = (name: string, size: number, extra = 0) =>
      this.#resources.set(
        name,
        device.buffer(name, Math.ceil(size / 16) * 16, usage | extra),
      );
    make("step", stepBytes, GPUBufferUsage.UNIFORM);
    make("losses", lossRingSize * 4);
    this.#resources.set(
      "loss gradient",
      device.upload("loss gradient", new Float32Array([1])),
    );
    if (options.source.kind === "host") {
      const [h, w, c] = options.source.input;
      make("host images", options.batch * h * w * pad4(c) * 4);
      make("host labels", options.batch * 4);
      this.#resources.set(
        "host ids",
        device.upload(
          "host ids",
          Uint32Array.from({ length: options.batch }, (_, i) => i),
        ),
      );
    }
  }

  /** Bytes of the buffers that plans share, and of parameters, gradients, momentum and state. */
  get memory(): { plan: number; parameters: number } {
    return { plan: this.#pool.bytes, parameters: this.store.bytes };
  }

  /** Compiles the training plan for a batch size, so that the first step does not have to. */
  async prepare(samples: number): Promise<Plan> {
    let plan = this.#plans.get(samples);
    if (!plan)
      this.#plans.set(samples, (plan = this.#compileTraining(samples)));
    return (await plan).plan;
  }

  async #compileTraining(samples: number): Promise<TrainingPlan> {
    const { device, options, store } = this;
    const {
      momentum = 0,
      nesterov = false,
      weightDecay = 0,
    } = options.optimizer ?? {};
    const graph = new Graph();
    const resources = new Map(this.#resources);
    const { x, labels, ids, step } = traceBatch(
      graph,
      samples,
      options.source,
      resources,
    );
    const logits = options.model(
      new Network(graph, store, true, { ids, step }),
      x,
    );
    checkLogits(logits, samples);
    const losses = graph.apply(crossEntropy, [logits, labels], {
      labelSmoothing: options.labelSmoothing ?? 0,
    });
    const loss = graph.apply(mean, [losses], {});
    fuseForward(graph, [logits]);
    const words = (name: string, count: number) =>
      graph.external(name, [1, 1, 1, count], "words", {
        kind: "resource",
        name,
      });
    graph.add(recordLoss, [loss, step, words("losses", lossRingSize)], {});
    const { parameters } = differentiate(
      graph,
      loss,
      words("loss gradient", 1),
    );
    fuseBackward(graph, [logits]);
    for (const { name, role } of store.specs) {
      if (role === "parameter" && !parameters.has(name)) {
        throw new ShapeError(
          `parameter ${name} does not reach the logits, so it would never be trained`,
        );
      }
    }
    await store.allocate(device);
    store.arenas.forEach((arena, i) => {
      const tensors = (["parameters", "gradients", "momentum"] as const).map(
        (what) => {
          resources.set(`${what} ${i}`, arena[what]);
          return words(`${what} ${i}`, arena.size / 4);
        },
      ) as [Tensor, Tensor, Tensor];
      const [values, gradients, velocity] = tensors;
      graph.add(
        sgd,
        momentum > 0
          ? [values, gradients, step, velocity]
          : [values, gradients, step],
        {
          momentum,
          nesterov,
          weightDecay,
        },
      );
    });
    const plan = await this.#compile(graph, resources, [logits]);
    return { plan, logits };
  }

  async #compile(
    graph: Graph,
    resources: Resources,
    keep: readonly Tensor[],
  ): Promise<Plan> {
    const { store, options, device } = this;
    const target = options.kernels
      ? {
          ...(options.target ?? device.target),
          kernels: new Map(Object.entries(options.kernels)),
        }
      : options.target;
    const plan = await Plan.compile(device, graph, {
      store,
      resources,
      pool: this.#pool,
      keep,
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
    const { source, batch } = this.options;
    if (source.kind !== "host")
      throw new ShapeError(
        "feed: this session makes its batches from images on the GPU",
      );
    const [h, w, c] = source.input;
    const samples = labels.length;
    if (samples > batch || images.length !== samples * h * w * c) {
      throw new ShapeError(
        `feed: expected at most ${batch} images of ${h}×${w}×${c} and a label each, got ${images.length} values and ${samples} labels`,
      );
    }
    const padded = new Float32Array(samples * h * w * pad4(c));
    for (let pixel = 0; pixel < samples * h * w; pixel++) {
      padded.set(images.subarray(pixel * c, (pixel + 1) * c), pixel * pad4(c));
    }
    const { queue } = this.device.gpu;
    queue.writeBuffer(this.#resources.get("host images")!, 0, padded);
    queue.writeBuffer(
      this.#resources.get("host labels")!,
      0,
      Uint32Array.from(labels),
    );
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
    this.#last = await this.#plans.get(samples);
    this.#writeStep({
      learningRate,
      step,
      epoch,
      offset,
      logSlot: step % lossRingSize,
      firstStep: !this.#momentumReady,
    });
    this.#momentumReady = true;
    await this.#last!.plan.run();
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
  async lastLogits(): Promise<Float32Array> {
    if (!this.#last) throw new ShapeError("lastLogits: no step has run");
    const { plan, logits } = this.#last;
    const [samples, , , classes] = logits.shape;
    const { buffer, offset, size } = plan.slice(logits);
    return dropPadding(
      new Float32Array(await this.device.read(buffer, offset, size)),
      samples,
      classes,
    );
  }

  /** Marks the momentum buffers as filled (after writing a checkpoint's), or as empty. */
  setMomentumReady(ready: boolean): void {
    this.#momentumReady = ready;
  }

  /** Prepares evaluation of all images of a source with the running statistics, `batch` images at a time. */
  async evaluation(
    images: ImageSource,
    batch = evaluationBatch(images.count),
  ): Promise<Evaluation> {
    const source: BatchSource = { kind: "images", images };
    const full = await this.#compileEvaluation(source, batch);
    const rest = images.count % batch;
    const tail =
      rest > 0 ? await this.#compileEvaluation(source, rest, full) : undefined;
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

  async #compileEvaluation(
    source: BatchSource,
    samples: number,
    shared?: EvaluationPlan,
  ): Promise<EvaluationPlan> {
    const { device, options, store } = this;
    const count =
      source.kind === "images" ? source.images.count : options.batch;
    const graph = new Graph();
    const resources = new Map(this.#resources);
    const { x, labels, ids, step } = traceBatch(
      graph,
      samples,
      source,
      resources,
    );
    const logits = options.model(
      new Network(graph, store, false, { ids, step }),
      x,
    );
    checkLogits(logits, samples);
    fuseForward(graph, [logits]);
    const classes = logits.shape[3];
    const usage =
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_DST |
      GPUBufferUsage.COPY_SRC;
    const buffer = (
      name: keyof Pick<EvaluationPlan, "counters" | "logits">,
      size: number,
    ) =>
      shared?.[name] ?? device.buffer(name, Math.ceil(size / 16) * 16, usage);
    const counters = buffer("counters", (4 + classes * classes) * 4);
    const allLogits = buffer("logits", count * classes * 4);
    resources.set("counters", counters);
    resources.set("all logits", allLogits);
    const words = (name: string) =>
      graph.external(name, [1, 1, 1, 1], "words", { kind: "resource", name });
    graph.add(
      evaluate,
      [logits, labels, ids, words("counters"), words("all logits")],
      {},
    );
    return {
      plan: await this.#compile(graph, resources, []),
      classes,
      counters,
      logits: allLogits,
    };
  }

  destroy(): void {
    this.#pool.destroy();
    this.store.destroy();
    for (const buffer of this.#resources.values()) buffer.destroy();
  }
}

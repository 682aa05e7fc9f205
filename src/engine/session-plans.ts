/**
 * What a session has on its device: the parameters, the buffers that its plans share, and the plans that are compiled
 * against them, one for each size of (micro-)batch.
 */
import { type BatchSource, bindSource } from "./batch.js";
import type { Device } from "./device.js";
import { bestEvaluationBatch, type EvaluationPlan } from "./evaluation.js";
import type { Graph, KernelTarget } from "./graph.js";
import type { ImageSource } from "./image-source.js";
import { planMemory } from "./memory-plan.js";
import { ParameterStore } from "./parameters.js";
import { BufferPool, lower, Plan, type Resources } from "./plan.js";
import type { Tensor } from "./tensor.js";
import {
  traceEvaluation,
  traceTraining,
  traceUpdate,
  type TrainingOptions,
} from "./trace.js";
import type { KernelRecord } from "./tuning.js";

export interface PlansOptions extends TrainingOptions {
  readonly source: BatchSource;
  /** False where the session only evaluates: then nothing is compiled for training, and takes memory (default true). */
  readonly trains?: boolean;
  /** Overrides the kernel family (tests run every variant). */
  readonly target?: KernelTarget;
  /** A record of kernels to use again (`Session.kernels` of an earlier run); what it lacks is chosen by rule. */
  readonly kernels?: KernelRecord | undefined;
}

/** How the optimiser's steps are cut. */
interface Cut {
  /** Largest (micro-)batch that one plan runs over. */
  readonly micro: number;
  /** Whether steps add up the gradients of several micro-batches, and so have an update of its own. */
  readonly accumulates: boolean;
}

interface CompileOptions {
  /** Buffers besides the session's own. */
  readonly others?: Resources;
  /** Whether kernels may be measured. */
  readonly tune?: boolean;
}

export interface TrainingPlan {
  readonly plan: Plan;
  readonly logits: Tensor;
}

export class SessionPlans {
  readonly store: ParameterStore;
  /** Buffers by the names under which graphs know them. */
  readonly resources = new Map<string, GPUBuffer>();
  readonly #pool = new BufferPool();
  readonly #training = new Map<number, Promise<TrainingPlan>>();
  #update: Promise<Plan> | undefined;
  #kernels: KernelRecord = {};

  constructor(
    private readonly device: Device,
    private readonly options: PlansOptions,
    private readonly cut: Cut,
  ) {
    this.store = new ParameterStore(options.trains);
  }

  /** Makes a zeroed buffer that the caller keeps or puts among the resources. */
  buffer(name: string, size: number, extra = 0): GPUBuffer {
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

  /** The kernel variants of all plans so far, by the problem that each was chosen for. */
  get kernels(): KernelRecord {
    return this.#kernels;
  }

  /** The kernels to choose from. */
  get target(): KernelTarget {
    const { options, device } = this;
    const target = options.target ?? device.target;
    if (!options.kernels) return target;
    return { ...target, kernels: new Map(Object.entries(options.kernels)) };
  }

  /** Forward, backward and, unless steps accumulate, the update of a batch of this size. */
  training(samples: number): Promise<TrainingPlan> {
    let plan = this.#training.get(samples);
    if (!plan) {
      plan = this.#compileTraining(samples);
      this.#training.set(samples, plan);
      // What failed may be tried again, when there is more memory.
      plan.catch(() => this.#training.delete(samples));
    }
    return plan;
  }

  async #compileTraining(samples: number): Promise<TrainingPlan> {
    const { store, options, cut } = this;
    const { graph, logits } = traceTraining(
      store,
      options,
      samples,
      cut.accumulates,
    );
    // What runs most is measured; an epoch's last, smaller batch and evaluations take kernels by rule.
    const tune = samples === cut.micro;
    const plan = await this.#compile(graph, options.source, [logits], { tune });
    return { plan, logits };
  }

  /** The optimiser's own plan, where steps accumulate. */
  update(): Promise<Plan> | undefined {
    const { store, options, cut } = this;
    if (!cut.accumulates) return undefined;
    return (this.#update ??= this.#compile(
      traceUpdate(store, options),
      options.source,
      [],
    ).catch((error: unknown) => {
      this.#update = undefined;
      throw error;
    }));
  }

  /** Evaluation of `samples` images at a time, into the counters and logits of an evaluation of the same images or into new ones. */
  async evaluation(
    images: ImageSource,
    samples: number,
    shared?: Pick<EvaluationPlan, "counters" | "logits">,
  ): Promise<EvaluationPlan> {
    const { options, store } = this;
    const source = { kind: "images", images } as const;
    const { graph, classes } = traceEvaluation(
      store,
      { ...options, source },
      samples,
    );
    const { counters, logits } = shared ?? {
      counters: this.buffer("counters", (4 + classes * classes) * 4),
      logits: this.buffer("logits", images.count * classes * 4),
    };
    const others = new Map([
      ["counters", counters],
      ["all logits", logits],
    ]);
    try {
      const plan = await this.#compile(graph, source, [], { others });
      return { plan, classes, counters, logits };
    } catch (error) {
      counters.destroy();
      logits.destroy();
      throw error;
    }
  }

  /** Declares and allocates the parameters of a model that is not trained. */
  declare(): Promise<void> {
    traceEvaluation(this.store, this.options, 1);
    return this.store.allocate(this.device);
  }

  /** As many images at a time as fit the memory that training has taken. */
  evaluationBatch(images: ImageSource): number {
    const { store, options, target } = this;
    const source = { kind: "images", images } as const;
    return bestEvaluationBatch(images.count, this.#pool.sizes, (samples) => {
      const { graph } = traceEvaluation(store, { ...options, source }, samples);
      return planMemory(lower(graph, target)).slots;
    });
  }

  /** Compiles a graph against the session's buffers, those of a source of batches, and others. */
  async #compile(
    graph: Graph,
    source: BatchSource,
    keep: readonly Tensor[],
    { others = new Map(), tune = false }: CompileOptions = {},
  ): Promise<Plan> {
    const { device, store, options } = this;
    await store.allocate(device);
    const resources = new Map([...this.resources, ...others]);
    bindSource(source, resources);
    store.arenas.forEach((arena, i) => {
      for (const what of ["parameters", "gradients", "momentum"] as const) {
        const buffer = arena[what];
        if (buffer) resources.set(`${what} ${i}`, buffer);
      }
    });
    const chosen = options.target ?? options.kernels;
    const plan = await Plan.compile(device, graph, {
      store,
      resources,
      pool: this.#pool,
      keep,
      tune,
      ...(chosen && { target: this.target }),
    });
    this.#kernels = { ...this.#kernels, ...plan.kernels };
    return plan;
  }

  destroy(): void {
    this.#pool.destroy();
    this.store.destroy();
    for (const buffer of this.resources.values()) buffer.destroy();
  }
}

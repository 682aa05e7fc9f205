/**
 * A plan: a graph lowered to a fixed list of dispatches with compiled pipelines, pooled buffers and ready bind groups.
 * Running it encodes that list into one compute pass; nothing is compiled, created or read back.
 */
import type { Device } from "./device.js";
import { ShapeError } from "./errors.js";
import type { Dispatch, Graph, KernelTarget } from "./graph.js";
import { planMemory } from "./memory-plan.js";
import type { ParameterStore, Slice } from "./parameters.js";
import { bytesOf, type Tensor } from "./tensor.js";
import { type KernelRecord, lowerNode } from "./tuning.js";

/** Buffers by the name of the resource tensor that stands for them. */
export type Resources = ReadonlyMap<string, GPUBuffer>;

/** Slot buffers that several plans share: only one plan of a session runs at a time. */
export class BufferPool {
  readonly #buffers: GPUBuffer[] = [];

  /** One buffer for each size, reusing what is large enough. */
  take(device: Device, sizes: readonly number[]): GPUBuffer[] {
    const free = [...this.#buffers].sort((a, b) => a.size - b.size);
    return sizes.map((size) => {
      const i = free.findIndex((buffer) => buffer.size >= size);
      if (i >= 0) return free.splice(i, 1)[0]!;
      const buffer = device.buffer(
        `slot ${this.#buffers.length}`,
        size,
        GPUBufferUsage.STORAGE |
          GPUBufferUsage.COPY_SRC |
          GPUBufferUsage.COPY_DST,
      );
      this.#buffers.push(buffer);
      return buffer;
    });
  }

  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  destroy(): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
  }
}

/** Lowers every node; scratch tensors belong to the graph so that the memory plan sees them. */
export function lower(graph: Graph, target: KernelTarget): Dispatch[] {
  return graph.nodes.flatMap((node) => lowerNode(graph, node, target));
}

interface Command {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

export interface PlanOptions {
  readonly store: ParameterStore;
  readonly resources: Resources;
  readonly pool: BufferPool;
  /** Tensors that are read after a run. */
  readonly keep?: readonly Tensor[];
  /** Overrides the device's choice of kernels: nothing is measured (tests run every variant, resumed runs a record's). */
  readonly target?: KernelTarget;
}

export class Plan {
  #checked = false;

  private constructor(
    private readonly device: Device,
    /** The kernel launches of one run, in order. */
    readonly dispatches: readonly Dispatch[],
    private readonly commands: readonly Command[],
    private readonly slices: ReadonlyMap<Tensor, Slice>,
    /** Bytes of the plan's slots, and what they would be without sharing. */
    readonly bytes: number,
    readonly naiveBytes: number,
  ) {}

  /** Compiles a graph. Rejects with KernelError or OutOfMemoryError. */
  static async compile(
    device: Device,
    graph: Graph,
    options: PlanOptions,
  ): Promise<Plan> {
    const { store, resources, pool, keep = [] } = options;
    await store.allocate(device);
    const target = options.target ?? (await device.tunedTarget(graph));
    const dispatches = lower(graph, target);
    const memory = planMemory(dispatches, keep);
    const pipelines = await Promise.all(
      dispatches.map((dispatch) => device.pipeline(dispatch)),
    );
    const planBytes = memory.slots.reduce((sum, size) => sum + size, 0);
    const slices = new Map<Tensor, Slice>();
    const commands = await device.scoped(
      `memory and bindings of a plan of ${planBytes} bytes`,
      () => {
        const buffers = pool.take(device, memory.slots);
        for (const [tensor, slot] of memory.slotOf)
          slices.set(tensor, {
            buffer: buffers[slot]!,
            offset: 0,
            size: bytesOf(tensor),
          });
        return dispatches.map(({ label, bindings, workgroups }, i): Command => {
          const entries = bindings.map(({ tensor }, binding) => ({
            binding,
            resource:
              slices.get(tensor) ?? externalSlice(tensor, store, resources),
          }));
          const layout = device.bindGroupLayout(dispatches[i]!);
          return {
            pipeline: pipelines[i]!,
            workgroups,
            group: device.gpu.createBindGroup({ label, layout, entries }),
          };
        });
      },
    );
    return new Plan(
      device,
      dispatches,
      commands,
      slices,
      planBytes,
      memory.naiveBytes,
    );
  }

  /** The variants that run, by the problem that they were chosen for. */
  get kernels(): KernelRecord {
    const choices = this.dispatches.flatMap(({ choice }) => choice ?? []);
    return Object.fromEntries(
      choices.map(({ problem, variant }) => [problem, variant]),
    );
  }

  /** Submits one run. The first run is watched by an error scope: await `checked` once before trusting results. */
  run(): Promise<void> | undefined {
    this.device.check();
    if (this.#checked) {
      this.#submit();
      return undefined;
    }
    this.#checked = true;
    return this.device.scoped("first run of a plan", () => {
      this.#submit();
    });
  }

  #submit(): void {
    const encoder = this.device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, workgroups } of this.commands) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /** Where a planned tensor lies; meaningful after a run for tensors in `keep`. */
  slice(tensor: Tensor): Slice {
    const slice = this.slices.get(tensor);
    if (!slice)
      throw new ShapeError(`${tensor.label} is not part of this plan`);
    return slice;
  }
}

function externalSlice(
  tensor: Tensor,
  store: ParameterStore,
  resources: Resources,
): Slice {
  const { storage } = tensor;
  switch (storage.kind) {
    case "parameter":
      return store.slice(storage.name, "parameters");
    case "gradient":
      return store.slice(storage.name, "gradients");
    case "state":
      return store.slice(storage.name, "state");
    case "resource": {
      const buffer = resources.get(storage.name);
      if (!buffer)
        throw new ShapeError(`no buffer for the resource ${storage.name}`);
      return { buffer, offset: 0, size: buffer.size };
    }
    case "planned":
      throw new ShapeError(`${tensor.label} is read but nothing computes it`);
  }
}

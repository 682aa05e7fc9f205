/**
 * A plan: a graph lowered to a fixed list of dispatches with compiled pipelines, pooled buffers and ready bind groups.
 * Running it encodes that list into one compute pass; nothing is compiled, created or read back.
 */
import type { Device } from "./device.js";
import { OutOfMemoryError, ShapeError } from "./errors.js";
import type { Dispatch, Graph, KernelTarget } from "./graph.js";
import { type MemoryOptions, planMemory } from "./memory-plan.js";
import type { ParameterStore, Slice } from "./parameters.js";
import { bytesOf, formatShape, type Tensor } from "./tensor.js";
import { type KernelRecord, lowerNode } from "./tuning.js";

/** Buffers by the name of the resource tensor that stands for them. */
export type Resources = ReadonlyMap<string, GPUBuffer>;

/** The sizes of the slot buffers that several plans share, and which of them a plan takes. */
export class PoolSizes {
  readonly #sizes: number[] = [];

  /** For each size the number of a buffer: the smallest that is large enough, or a new one. */
  take(sizes: readonly number[]): number[] {
    const { taken, added } = this.#match(sizes);
    this.#sizes.push(...added);
    return taken;
  }

  /** Bytes that `take` would add. */
  growth(sizes: readonly number[]): number {
    return this.#match(sizes).added.reduce((sum, size) => sum + size, 0);
  }

  get bytes(): number {
    return this.#sizes.reduce((sum, size) => sum + size, 0);
  }

  get count(): number {
    return this.#sizes.length;
  }

  /** Forgets all but the first buffers. */
  shrink(count: number): void {
    this.#sizes.splice(count);
  }

  #match(sizes: readonly number[]): { taken: number[]; added: number[] } {
    const free = this.#sizes
      .map((size, buffer) => ({ size, buffer }))
      .sort((a, b) => a.size - b.size);
    const added: number[] = [];
    const taken = sizes.map((needed) => {
      const i = free.findIndex(({ size }) => size >= needed);
      if (i >= 0) return free.splice(i, 1)[0]!.buffer;
      return this.#sizes.length + added.push(needed) - 1;
    });
    return { taken, added };
  }
}

/** Slot buffers that several plans share: only one plan of a session runs at a time. */
export class BufferPool {
  readonly sizes = new PoolSizes();
  readonly #buffers: GPUBuffer[] = [];

  /** One buffer for each size, reusing what is large enough. */
  take(device: Device, sizes: readonly number[]): GPUBuffer[] {
    return this.sizes
      .take(sizes)
      .map(
        (number, i) =>
          (this.#buffers[number] ??= device.buffer(
            `slot ${number}`,
            sizes[i]!,
            GPUBufferUsage.STORAGE |
              GPUBufferUsage.COPY_SRC |
              GPUBufferUsage.COPY_DST,
          )),
      );
  }

  get bytes(): number {
    return this.sizes.bytes;
  }

  /** Forgets all but the first buffers: the others could not be had. */
  shrink(count: number): void {
    this.sizes.shrink(count);
    this.#buffers.splice(count);
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

export interface PlanOptions extends MemoryOptions {
  readonly store: ParameterStore;
  readonly resources: Resources;
  readonly pool: BufferPool;
  /** Overrides the device's choice of kernels: nothing is measured (tests run every variant, resumed runs a record's). */
  readonly target?: KernelTarget;
  /** Whether kernels without a measurement may be measured (default); otherwise they are chosen by rule. */
  readonly tune?: boolean;
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
    const { store, resources, pool } = options;
    await store.allocate(device);
    const { tune = true } = options;
    requireBindable(
      device,
      graph.nodes.flatMap(({ outputs }) => outputs),
    );
    const target =
      options.target ??
      (tune ? await device.tunedTarget(graph) : device.target);
    const memory = planMemory(lower(graph, target), options);
    const { dispatches } = memory;
    requireBindable(device, memory.places.keys());
    const pipelines = await Promise.all(
      dispatches.map((dispatch) => device.pipeline(dispatch)),
    );
    const slices = new Map<Tensor, Slice>();
    const pooled = pool.sizes.count;
    const what = `memory and bindings of a plan of ${memory.bytes} bytes`;
    const commands = await device
      .scoped(what, () => {
        const buffers = pool.take(device, memory.slots);
        for (const [tensor, { slot, offset }] of memory.places)
          slices.set(tensor, {
            buffer: buffers[slot]!,
            offset,
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
      })
      .catch((error: unknown) => {
        pool.shrink(pooled);
        throw error;
      });
    return new Plan(
      device,
      dispatches,
      commands,
      slices,
      memory.bytes,
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

  /**
   * Submits one run. The first run is watched by an error scope: await its promise before trusting results.
   *
   * @param profiled whether the device's profiler, where there is one, may watch it
   */
  run({ profiled = true } = {}): Promise<void> | undefined {
    this.device.check();
    if (this.#checked) {
      this.#submit(profiled);
      return undefined;
    }
    this.#checked = true;
    return this.device.scoped("first run of a plan", () => {
      this.#submit(profiled);
    });
  }

  #submit(profiled: boolean): void {
    const { gpu, profiler } = this.device;
    this.device.dispatched += this.commands.length;
    if (profiled && profiler?.watches(this.dispatches)) {
      profiler.submit(this.dispatches, (pass, i) => {
        encode(pass, this.commands[i]!);
      });
      return;
    }
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const command of this.commands) encode(pass, command);
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }

  /** Where a planned tensor lies; meaningful after a run for tensors in `keep`. */
  slice(tensor: Tensor): Slice {
    const slice = this.slices.get(tensor);
    if (!slice)
      throw new ShapeError(`${tensor.label} is not part of this plan`);
    return slice;
  }
}

function encode(
  pass: GPUComputePassEncoder,
  { pipeline, group, workgroups }: Command,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...workgroups);
}

/** Throws OutOfMemoryError for a tensor that no buffer or no binding of the adapter can hold. */
function requireBindable(device: Device, tensors: Iterable<Tensor>): void {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.gpu.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    if (bytes > most)
      throw new OutOfMemoryError(
        `${device.adapterName}: ${tensor.label} ${formatShape(tensor.shape)} takes ${bytes} bytes, and the adapter binds at most ${most} at once; use a smaller batch or micro-batch`,
      );
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

/**
 * A device: the GPU behind an adapter with the largest limits it offers, its pipelines by shader text, and its health.
 * Every error ends up typed: compile and validation errors name op, shader and adapter; a lost device stops everything.
 */
import {
  adapterName,
  type FoundAdapter,
  isSoftwareAdapter,
  kernelTarget,
  wantedFeatures,
  wantedLimits,
} from "./adapter.js";
import {
  AdapterError,
  DeviceLostError,
  KernelError,
  OutOfMemoryError,
} from "./errors.js";
import type { Dispatch, Graph, KernelTarget } from "./graph.js";
import type { Profiler } from "./profiler.js";
import type { Tuner } from "./tuning.js";
import { gently } from "./wait.js";

export interface DeviceOptions {
  /** Bytes that runs may take on the device; what needs more is refused. */
  readonly memoryLimit?: number;
}

export class Device {
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  /**
   * Free readback buffers by size: Dawn keeps a record of every buffer ever made, so they are made once. Their sizes are
   * powers of two, so that the models of a sweep share them.
   */
  readonly #staging = new Map<number, GPUBuffer[]>();
  /** Buffers made in the scope that is open. */
  #made: GPUBuffer[] | undefined;
  #failure: Error | undefined;
  /** Kernel launches that plans have submitted so far. */
  dispatched = 0;
  /** Watches the runs of plans where set. */
  profiler: Profiler | undefined;
  #destroyed = false;
  /** Measures kernel variants before a plan first uses them; without it they are chosen by rule. */
  tuner: Tuner | undefined;

  private constructor(
    readonly gpu: GPUDevice,
    /** The adapter's name, as it describes itself. */
    readonly adapterName: string,
    readonly source: string,
    /** A CPU pretending to be a GPU: expect 10 to 1000 times less speed. */
    readonly isSoftware: boolean,
    readonly target: KernelTarget,
    /** Bytes that there are at most, where that is known: a software adapter has the machine's memory, a user sets a limit. */
    readonly memory:
      { readonly bytes: number; readonly source: string } | undefined,
  ) {
    gpu.onuncapturederror = ({ error }) => {
      this.#fail(
        new DeviceLostError(
          `${adapterName} reported an error outside any call: ${error.message}`,
        ),
      );
    };
    void gpu.lost.then(({ reason, message }) => {
      // A device that somebody else destroyed is as lost as any.
      if (!this.#destroyed)
        this.#fail(
          new DeviceLostError(
            `${adapterName} was lost (${reason}): ${message}`,
          ),
        );
    });
  }

  /** Opens an adapter with all the features and limits the engine can use. */
  static async open(
    { adapter, source, hostMemory }: FoundAdapter,
    { memoryLimit }: DeviceOptions = {},
  ): Promise<Device> {
    const { info, limits, features } = adapter;
    const name = adapterName(adapter);
    const requiredLimits = Object.fromEntries(
      wantedLimits.map((limit) => [limit, limits[limit]]),
    );
    const requiredFeatures = wantedFeatures.filter((feature) =>
      features.has(feature),
    );
    const isSoftware = isSoftwareAdapter(adapter);
    let gpu: GPUDevice;
    try {
      gpu = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    } catch (error) {
      throw new AdapterError(
        `${name} refused to open: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    const target = kernelTarget(gpu, info, isSoftware);
    const bounds = [
      ...(memoryLimit !== undefined
        ? [{ bytes: memoryLimit, source: "the limit set for it is" }]
        : []),
      ...(isSoftware && hostMemory !== undefined
        ? [{ bytes: hostMemory, source: "this machine's memory is" }]
        : []),
    ].sort((a, b) => a.bytes - b.bytes);
    return new Device(gpu, name, source, isSoftware, target, bounds[0]);
  }

  /** The target with the kernels chosen that suit this adapter and the graph. */
  tunedTarget(graph: Graph): Promise<KernelTarget> {
    return this.tuner?.tune(graph, this.target) ?? Promise.resolve(this.target);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
  }

  /** Throws the first error that reached the device outside any call. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  buffer(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    return this.#make({ label, size, usage });
  }

  #make(descriptor: GPUBufferDescriptor): GPUBuffer {
    const buffer = this.gpu.createBuffer(descriptor);
    this.#made?.push(buffer);
    return buffer;
  }

  /** A storage buffer with these contents, padded with zeros to a multiple of 16 bytes. */
  upload(
    label: string,
    data: Uint32Array | Float32Array | Uint8Array,
  ): GPUBuffer {
    const size = Math.max(16, Math.ceil(data.byteLength / 16) * 16);
    const buffer = this.#make({
      label,
      size,
      usage:
        GPUBufferUsage.STORAGE |
        GPUBufferUsage.COPY_DST |
        GPUBufferUsage.COPY_SRC,
      mappedAtCreation: true,
    });
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(buffer.getMappedRange()).set(bytes);
    buffer.unmap();
    return buffer;
  }

  /**
   * Queues a copy of a range of a buffer, ordered after everything submitted so far. `read` waits for it; it holds
   * nothing up until it is called.
   */
  stage(
    buffer: GPUBuffer,
    offset = 0,
    size = buffer.size - offset,
  ): { read: () => Promise<ArrayBuffer> } {
    const room = 2 ** Math.ceil(Math.log2(size));
    const staging =
      this.#staging.get(room)?.pop() ??
      this.buffer(
        "readback",
        room,
        GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      );
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
    this.gpu.queue.submit([encoder.finish()]);
    const read = async () => {
      await this.#orFailure(staging.mapAsync(GPUMapMode.READ, 0, size));
      this.check();
      const copy = staging.getMappedRange(0, size).slice(0);
      staging.unmap();
      const free = this.#staging.get(room);
      if (free) free.push(staging);
      else this.#staging.set(room, [staging]);
      return copy;
    };
    return { read };
  }

  /** Copies a range of a buffer back. Waits for all submitted work. */
  read(
    buffer: GPUBuffer,
    offset = 0,
    size = buffer.size - offset,
  ): Promise<ArrayBuffer> {
    return this.stage(buffer, offset, size).read();
  }

  /** Resolves when all submitted work is done. Rejects when the device was lost or reported an error. */
  async idle(): Promise<void> {
    await this.#orFailure(this.gpu.queue.onSubmittedWorkDone());
    this.check();
  }

  async #orFailure<T>(work: Promise<T>): Promise<T> {
    try {
      return await gently(this, work);
    } catch (error) {
      this.check();
      throw new DeviceLostError(
        `${this.adapterName}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** The pipeline of a dispatch, compiled once per shader text. Rejects with KernelError. */
  pipeline(dispatch: Dispatch): Promise<GPUComputePipeline> {
    const cached = this.#pipelines.get(dispatch.wgsl);
    if (cached) return cached;
    const created = this.#compile(dispatch);
    this.#pipelines.set(dispatch.wgsl, created);
    return created;
  }

  /** The bind group layout of a dispatch: by how it accesses its bindings, so that unused ones may stay. */
  bindGroupLayout({ bindings }: Dispatch): GPUBindGroupLayout {
    const key = bindings.map(({ access }) => access).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      const types = {
        read: "read-only-storage",
        write: "storage",
        uniform: "uniform",
      } as const;
      layout = this.gpu.createBindGroupLayout({
        label: key,
        entries: bindings.map(({ access }, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: types[access] },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  async #compile(dispatch: Dispatch): Promise<GPUComputePipeline> {
    const { label, wgsl } = dispatch;
    const bindGroupLayouts = [this.bindGroupLayout(dispatch)];
    this.gpu.pushErrorScope("validation");
    const module = this.gpu.createShaderModule({ label, code: wgsl });
    const scope = this.gpu.popErrorScope();
    try {
      const pipeline = await gently(
        this,
        this.gpu.createComputePipelineAsync({
          label,
          layout: this.gpu.createPipelineLayout({ label, bindGroupLayouts }),
          compute: { module },
        }),
      );
      await scope;
      return pipeline;
    } catch (error) {
      const details = await scope.catch(() => null);
      const message =
        details?.message ??
        (error instanceof Error ? error.message : String(error));
      throw new KernelError(
        `shader failed to compile: ${message}`,
        label,
        this.adapterName,
        wgsl,
      );
    }
  }

  /**
   * Runs `work` and rejects if it throws, or if the device reports a validation or memory error during it. The buffers that
   * it made are then destroyed.
   */
  async scoped<T>(what: string, work: () => T): Promise<T> {
    const made: GPUBuffer[] = [];
    try {
      return await this.#scoped(what, () => {
        const outer = this.#made;
        this.#made = made;
        try {
          return work();
        } finally {
          this.#made = outer;
        }
      });
    } catch (error) {
      for (const buffer of made) buffer.destroy();
      throw error;
    }
  }

  async #scoped<T>(what: string, work: () => T): Promise<T> {
    const { gpu } = this;
    gpu.pushErrorScope("out-of-memory");
    gpu.pushErrorScope("validation");
    let result: T;
    const errors: Promise<GPUError | null>[] = [];
    try {
      result = work();
    } finally {
      errors.push(gpu.popErrorScope(), gpu.popErrorScope());
      // Where work throws, nobody waits for them.
      for (const error of errors) error.catch(() => undefined);
    }
    const [validation, memory] = await this.#orFailure(Promise.all(errors));
    if (memory)
      throw new OutOfMemoryError(
        `${this.adapterName}: out of memory: ${what}: ${memory.message}`,
      );
    if (validation)
      throw new KernelError(validation.message, what, this.adapterName, "");
    return result;
  }

  destroy(): void {
    this.#destroyed = true;
    this.gpu.destroy();
  }
}

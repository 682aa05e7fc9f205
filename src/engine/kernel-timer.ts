/**
 * Times dispatches on a device, outside any plan: with timestamp queries where the adapter offers them, else by the wall
 * clock over as many repetitions as a wait costs little beside. Buffers hold random numbers (zeros would flatter hardware
 * that gates its clocks by the data) and are kept from one measurement to the next.
 */
import type { Device } from "./device.js";
import type { Dispatch } from "./graph.js";
import { RandomStream } from "./random.js";
import { bytesOf, type Tensor } from "./tensor.js";

/** How long the repetitions of one sample should take, in seconds, and how many there may be. */
const sampleSeconds = { timestamps: 0.003, clock: 0.02 };
const mostRepeats = 64;
const patternBytes = 1 << 22;

export class KernelTimer {
  /** Buffers by the order in which a run's tensors first appear. */
  readonly #buffers: GPUBuffer[] = [];
  readonly #queries: GPUQuerySet | undefined;
  readonly #resolved: GPUBuffer | undefined;
  #pattern: GPUBuffer | undefined;

  constructor(private readonly device: Device) {
    const { gpu } = device;
    if (!gpu.features.has("timestamp-query")) return;
    this.#queries = gpu.createQuerySet({ type: "timestamp", count: 2 });
    this.#resolved = device.buffer(
      "timestamps",
      16,
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    );
  }

  /** A buffer of at least that size for the i-th tensor of a run, full of numbers in [−1, 1). */
  #bufferFor(i: number, size: number): GPUBuffer {
    const old = this.#buffers[i];
    if (old && old.size >= size) return old;
    old?.destroy();
    const buffer = this.device.buffer(
      `measured ${i}`,
      size,
      GPUBufferUsage.STORAGE |
        GPUBufferUsage.COPY_SRC |
        GPUBufferUsage.COPY_DST,
    );
    const pattern = this.#patternBuffer();
    const encoder = this.device.gpu.createCommandEncoder();
    for (let at = 0; at < size; at += patternBytes)
      encoder.copyBufferToBuffer(
        pattern,
        0,
        buffer,
        at,
        Math.min(patternBytes, size - at),
      );
    this.device.gpu.queue.submit([encoder.finish()]);
    this.#buffers[i] = buffer;
    return buffer;
  }

  #patternBuffer(): GPUBuffer {
    if (!this.#pattern) {
      const stream = new RandomStream(0, 0);
      // A prime period, so that no row of any tensor repeats its neighbour.
      const period = Float32Array.from(
        { length: 65_537 },
        () => 2 * stream.float() - 1,
      );
      const words = Float32Array.from(
        { length: patternBytes / 4 },
        (_, i) => period[i % period.length]!,
      );
      this.#pattern = this.device.upload("random numbers", words);
    }
    return this.#pattern;
  }

  /** Buffers of the dispatches' tensors, by tensor. */
  buffers(dispatches: readonly Dispatch[]): Map<Tensor, GPUBuffer> {
    const buffers = new Map<Tensor, GPUBuffer>();
    for (const { bindings } of dispatches)
      for (const { tensor } of bindings)
        if (!buffers.has(tensor))
          buffers.set(
            tensor,
            this.#bufferFor(buffers.size, Math.ceil(bytesOf(tensor) / 16) * 16),
          );
    return buffers;
  }

  /**
   * Seconds of one run of the dispatches: the median of `samples`. Rejects with KernelError where one does not compile
   * or run.
   */
  async time(dispatches: readonly Dispatch[], samples = 3): Promise<number> {
    const { device } = this;
    const pipelines = await Promise.all(
      dispatches.map((dispatch) => device.pipeline(dispatch)),
    );
    const commands = await device.scoped(
      dispatches[0]?.label ?? "nothing",
      () => {
        const buffers = this.buffers(dispatches);
        return dispatches.map((dispatch, i) => ({
          pipeline: pipelines[i]!,
          workgroups: dispatch.workgroups,
          group: device.gpu.createBindGroup({
            layout: device.bindGroupLayout(dispatch),
            entries: dispatch.bindings.map(({ tensor }, binding) => ({
              binding,
              resource: {
                buffer: buffers.get(tensor)!,
                size: Math.ceil(bytesOf(tensor) / 16) * 16,
              },
            })),
          }),
        }));
      },
    );
    const run = (repeats: number) =>
      this.#sample((pass) => {
        for (let i = 0; i < repeats; i++)
          for (const { pipeline, group, workgroups } of commands) {
            pass.setPipeline(pipeline);
            pass.setBindGroup(0, group);
            pass.dispatchWorkgroups(...workgroups);
          }
      });
    const first = await run(1);
    const wanted = this.#queries
      ? sampleSeconds.timestamps
      : sampleSeconds.clock;
    const repeats = Math.max(
      1,
      Math.min(mostRepeats, Math.ceil(wanted / first)),
    );
    const times: number[] = [];
    for (let i = 0; i < samples; i++)
      times.push((await run(repeats)) / repeats);
    return times.sort((a, b) => a - b)[samples >> 1]!;
  }

  /** Seconds that one compute pass takes. */
  async #sample(
    record: (pass: GPUComputePassEncoder) => void,
  ): Promise<number> {
    const { device } = this;
    const encoder = device.gpu.createCommandEncoder();
    const querySet = this.#queries;
    const pass = encoder.beginComputePass(
      querySet && {
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex: 0,
          endOfPassWriteIndex: 1,
        },
      },
    );
    record(pass);
    pass.end();
    if (querySet) encoder.resolveQuerySet(querySet, 0, 2, this.#resolved!, 0);
    const commands = encoder.finish();
    const start = performance.now();
    device.gpu.queue.submit([commands]);
    if (!querySet) {
      await device.idle();
      return (performance.now() - start) / 1000;
    }
    const [begin, end] = new BigInt64Array(await device.read(this.#resolved!));
    return Math.max(Number(end! - begin!), 1) / 1e9;
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#pattern?.destroy();
    this.#resolved?.destroy();
    this.#queries?.destroy();
  }
}

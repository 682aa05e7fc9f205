/**
 * Times dispatches on a device, outside any plan. Candidates race: everything is compiled first, then all of them run in
 * one submission, each pass ending with a timestamp, so that the GPU never waits for the host. A GPU that idles for some
 * milliseconds lowers its clock, five-fold and more, and takes tens of milliseconds of work to raise it again: a race
 * starts with such work, and is run again when a probe of known work at either end says that the clock was low.
 *
 * Without timestamp queries each candidate is timed alone by the wall clock.
 *
 * Buffers hold random numbers (zeros would flatter hardware whose power depends on the data) and are kept from one race
 * to the next.
 */
import type { Device } from "./device.js";
import type { Dispatch } from "./graph.js";
import { RandomStream } from "./random.js";
import { bytesOf, type Tensor } from "./tensor.js";

/** How long the repetitions of one sample should take, in seconds, and how many there may be. */
const sampleSeconds = { timestamps: 0.002, clock: 0.02 };
const mostRepeats = 64;
const samples = 3;
const patternBytes = 1 << 22;
/** Work that raises the clock before a race, in seconds; and how much slower than at its best a probe may be. */
const warmUpSeconds = 0.04;
const tolerance = 1.06;
const mostAttempts = 4;
const mostQueries = 4096;

/** A candidate that can run, and its number. */
interface Entry {
  readonly list: readonly Command[];
  readonly i: number;
}

/** A kernel launch with everything bound. */
interface Command {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

export interface RaceOptions {
  /** Encodes something after a candidate's first run, such as a copy of its result. */
  readonly afterFirst?: (encoder: GPUCommandEncoder, candidate: number) => void;
}

export class KernelTimer {
  /** Buffers by the order in which a candidate's tensors first appear. */
  readonly #buffers: GPUBuffer[] = [];
  readonly #queries: GPUQuerySet | undefined;
  readonly #resolved: GPUBuffer | undefined;
  /** Buffers that larger ones replaced; commands may still refer to them. */
  readonly #retired: GPUBuffer[] = [];
  #pattern: GPUBuffer | undefined;
  #probe: Command | undefined;
  #bestProbe = Infinity;

  constructor(private readonly device: Device) {
    const { gpu } = device;
    if (!gpu.features.has("timestamp-query")) return;
    this.#queries = gpu.createQuerySet({
      type: "timestamp",
      count: mostQueries,
    });
    this.#resolved = device.buffer(
      "timestamps",
      8 * mostQueries,
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    );
  }

  /** Buffers of a candidate's tensors. All candidates share them: the i-th tensor has the i-th buffer. */
  buffers(dispatches: readonly Dispatch[]): Map<Tensor, GPUBuffer> {
    const buffers = new Map<Tensor, GPUBuffer>();
    for (const { bindings } of dispatches)
      for (const { tensor } of bindings)
        if (!buffers.has(tensor))
          buffers.set(tensor, this.#bufferFor(buffers.size, bytesOf(tensor)));
    return buffers;
  }

  /** The i-th buffer, of at least that size, full of random numbers when it is made. */
  #bufferFor(i: number, size: number): GPUBuffer {
    const old = this.#buffers[i];
    if (old && old.size >= size) return old;
    const { device } = this;
    if (old) this.#retired.push(old);
    const buffer = device.buffer(
      `measured ${i}`,
      size,
      GPUBufferUsage.STORAGE |
        GPUBufferUsage.COPY_SRC |
        GPUBufferUsage.COPY_DST,
    );
    const pattern = this.#randomNumbers();
    const encoder = device.gpu.createCommandEncoder();
    for (let at = 0; at < size; at += patternBytes) {
      const length = Math.min(patternBytes, size - at);
      encoder.copyBufferToBuffer(pattern, 0, buffer, at, length);
    }
    device.gpu.queue.submit([encoder.finish()]);
    this.#buffers[i] = buffer;
    return buffer;
  }

  #randomNumbers(): GPUBuffer {
    return (this.#pattern ??= this.device.upload(
      "random numbers",
      randomNumbers(),
    ));
  }

  /** Makes the buffers of a candidate. False where the device cannot hold them: the others' are left as they were. */
  async #makeRoom(dispatches: readonly Dispatch[]): Promise<boolean> {
    const buffers = [...this.#buffers];
    const retired = this.#retired.length;
    // Before the scope, whose failure takes what is made in it.
    this.#randomNumbers();
    try {
      await this.device.scoped("buffers to measure kernels with", () =>
        this.buffers(dispatches),
      );
      return true;
    } catch {
      this.device.check();
      this.#buffers.splice(0, Infinity, ...buffers);
      this.#retired.splice(retired);
      return false;
    }
  }

  /**
   * Seconds of one run of each candidate (a list of dispatches that run one after another): the median of several
   * samples. Undefined for a candidate that does not compile or cannot be bound.
   */
  async race(
    candidates: readonly (readonly Dispatch[])[],
    options: RaceOptions = {},
  ): Promise<(number | undefined)[]> {
    const { device } = this;
    // Sizes first: a buffer that grows between two candidates would leave the first with the smaller one.
    const fits: boolean[] = [];
    for (const dispatches of candidates)
      fits.push(await this.#makeRoom(dispatches));
    const commands = await Promise.all(
      candidates.map(async (dispatches, i) => {
        if (!fits[i]) return undefined;
        try {
          return await this.#commands(dispatches);
        } catch {
          device.check(); // a candidate may fail, the device may not
          return undefined;
        }
      }),
    );
    const seconds = new Array<number | undefined>(candidates.length);
    const ready = commands.flatMap((list, i) => (list ? [{ list, i }] : []));
    const most = Math.floor((mostQueries - 8) / samples);
    for (let from = 0; from < ready.length; from += most) {
      const part = ready.slice(from, from + most);
      const times = this.#queries
        ? await this.#raceByTimestamps(part, options)
        : await this.#raceByClock(part, options);
      part.forEach(({ i }, k) => (seconds[i] = times[k]));
    }
    return seconds;
  }

  async #commands(dispatches: readonly Dispatch[]): Promise<Command[]> {
    const { device } = this;
    const pipelines = await Promise.all(
      dispatches.map((dispatch) => device.pipeline(dispatch)),
    );
    const buffers = this.buffers(dispatches);
    return device.scoped(dispatches[0]?.label ?? "", () =>
      dispatches.map((dispatch, i) => ({
        pipeline: pipelines[i]!,
        workgroups: dispatch.workgroups,
        group: device.gpu.createBindGroup({
          layout: device.bindGroupLayout(dispatch),
          entries: dispatch.bindings.map(({ tensor }, binding) => ({
            binding,
            resource: { buffer: buffers.get(tensor)!, size: bytesOf(tensor) },
          })),
        }),
      })),
    );
  }

  async #raceByTimestamps(
    part: readonly Entry[],
    { afterFirst }: RaceOptions,
  ): Promise<number[]> {
    // Twice each: the first run warms up, the second says how often it fits into a sample.
    const first = await this.#round((encoder, run) =>
      part.map(({ list, i }) => {
        run(list, 1);
        const timed = run(list, 1);
        afterFirst?.(encoder, i);
        return timed;
      }),
    );
    const repeats = first.map((time) => repeatsFor(time, "timestamps"));
    const times = await this.#round((_encoder, run) =>
      Array.from({ length: samples }, () =>
        part.map(({ list }, k) => run(list, repeats[k]!)),
      ).flat(),
    );
    return part.map(
      (_, k) =>
        median(times.filter((_time, i) => i % part.length === k)) / repeats[k]!,
    );
  }

  /**
   * Runs what `record` encodes, in one submission after enough work to raise the clock, and again while the probes find
   * the clock low. `record` returns the numbers of the passes it wants timed; the result is their seconds, each from the
   * end of the pass before it.
   */
  async #round(
    record: (
      encoder: GPUCommandEncoder,
      run: (list: readonly Command[], repeats: number) => number,
    ) => number[],
  ): Promise<number[]> {
    const { device } = this;
    const querySet = this.#queries!;
    this.#probe ??= await this.#makeProbe();
    const probe = [this.#probe];
    for (let attempt = 1; ; attempt++) {
      const encoder = device.gpu.createCommandEncoder();
      let passes = 0;
      const run = (list: readonly Command[], repeats: number) => {
        const timestampWrites = { querySet, endOfPassWriteIndex: passes };
        encode(encoder, list, repeats, { timestampWrites });
        return passes++;
      };
      const known = Number.isFinite(this.#bestProbe);
      run(
        probe,
        known && !device.isSoftware
          ? Math.ceil(warmUpSeconds / this.#bestProbe)
          : 1,
      );
      const before = run(probe, 1);
      const timed = record(encoder, run);
      const after = run(probe, 1);
      encoder.resolveQuerySet(querySet, 0, passes, this.#resolved!, 0);
      device.gpu.queue.submit([encoder.finish()]);
      const ends = new BigInt64Array(
        await device.read(this.#resolved!, 0, 8 * passes),
      );
      const seconds = (pass: number) =>
        Math.max(1, Number(ends[pass]! - ends[pass - 1]!)) / 1e9;
      const slower = Math.max(seconds(before), seconds(after));
      this.#bestProbe = Math.min(
        this.#bestProbe,
        seconds(before),
        seconds(after),
      );
      const steady = known && slower <= tolerance * this.#bestProbe;
      if (steady || attempt === mostAttempts || device.isSoftware)
        return timed.map(seconds);
    }
  }

  /** Multiply-adds in registers, the same work each time: about 0.1 ms on a large GPU. */
  async #makeProbe(): Promise<Command> {
    const { device } = this;
    const workgroups = device.isSoftware ? 4 : 2048;
    const tensor: Tensor = {
      id: 0,
      label: "probe",
      shape: [1, 1, 1, 4],
      layout: "words",
      type: "f32",
      storage: { kind: "resource", name: "probe" },
    };
    const [command] = await this.#commands([
      {
        label: "probe",
        workgroups: [workgroups, 1, 1],
        bindings: [{ tensor, access: "write" }],
        wgsl: `@group(0) @binding(0) var<storage, read_write> result: array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  var a = vec4<f32>(id.xyxy);
  var b = a + 1.0;
  for (var k = 0u; k < 1024u; k++) { a = a * 0.5 + 1.0; b = b * 0.25 + 2.0; }
  if (a.x + b.x < 0.0) { result[0] = a + b; }
}`,
      },
    ]);
    return command!;
  }

  async #raceByClock(
    part: readonly Entry[],
    { afterFirst }: RaceOptions,
  ): Promise<number[]> {
    const time = async (list: readonly Command[], repeats: number) => {
      const encoder = this.device.gpu.createCommandEncoder();
      encode(encoder, list, repeats);
      const commands = encoder.finish();
      const start = performance.now();
      this.device.gpu.queue.submit([commands]);
      await this.device.idle();
      return (performance.now() - start) / 1000;
    };
    const result: number[] = [];
    for (const { list, i } of part) {
      await time(list, 1);
      if (afterFirst) {
        const encoder = this.device.gpu.createCommandEncoder();
        afterFirst(encoder, i);
        this.device.gpu.queue.submit([encoder.finish()]);
      }
      const repeats = repeatsFor(await time(list, 1), "clock");
      const times: number[] = [];
      for (let sample = 0; sample < samples; sample++)
        times.push((await time(list, repeats)) / repeats);
      result.push(median(times));
    }
    return result;
  }

  destroy(): void {
    for (const buffer of this.#retired.splice(0)) buffer.destroy();
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
    this.#pattern?.destroy();
    this.#resolved?.destroy();
    this.#queries?.destroy();
  }
}

/** Encodes a pass that runs the list `repeats` times. */
function encode(
  encoder: GPUCommandEncoder,
  list: readonly Command[],
  repeats: number,
  descriptor?: GPUComputePassDescriptor,
): void {
  const pass = encoder.beginComputePass(descriptor);
  for (let i = 0; i < repeats; i++)
    for (const { pipeline, group, workgroups } of list) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...workgroups);
    }
  pass.end();
}

function repeatsFor(seconds: number, by: keyof typeof sampleSeconds): number {
  const repeats = Math.ceil(sampleSeconds[by] / seconds);
  return Math.max(1, Math.min(mostRepeats, repeats));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/**
 * Words that are numbers whichever way a kernel takes them: each half of a word is an f16 of ±[0.5, 1), which makes the word an
 * f32 of ±2^-15 to 2^-7. With a prime period, so that no row of any tensor repeats its neighbour.
 */
function randomNumbers(): Uint32Array {
  const stream = new RandomStream(0, 0);
  const half = () => {
    const random = Math.floor(2048 * stream.float());
    return ((random & 1024) << 5) | 0x3800 | (random & 1023);
  };
  const period = Uint32Array.from(
    { length: 65_537 },
    () => half() * 0x10000 + half(),
  );
  return Uint32Array.from(
    { length: patternBytes / 4 },
    (_, i) => period[i % period.length]!,
  );
}

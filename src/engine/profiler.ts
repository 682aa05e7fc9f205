/**
 * GPU time of every dispatch of a plan, from timestamp queries: each dispatch gets a pass of its own whose end is stamped,
 * and a dispatch's time is the distance to the end before it, the first one's to that of an empty pass (a pass's beginning
 * may be stamped while the work before it still runs). Passes of their own cost some speed, so only what asks for a profile
 * pays for one.
 */
import type { Device } from "./device.js";
import { AdapterError } from "./errors.js";
import type { Access, Dispatch } from "./graph.js";
import { bytesOf, type Tensor } from "./tensor.js";

/** All dispatches of one kernel in one training step. */
export interface KernelProfile {
  /** The dispatch's label, and its variant where there is a choice. */
  readonly kernel: string;
  readonly dispatches: number;
  readonly milliseconds: number;
  /** Of all kernels' time, in [0, 1]. */
  readonly share: number;
  /** Arithmetic per second, where the op says how much there is. */
  readonly gflops: number | null;
  /** What is bound, read or written once, per second: at most what really moves. */
  readonly gigabytesPerSecond: number;
}

export interface Profile {
  /** Steps that were measured: runs of a plan that end with the optimiser, else all runs. */
  readonly steps: number;
  /** GPU time of a step, in milliseconds. */
  readonly milliseconds: number;
  /** What a step's kernels bind, each time they do: the least that they read and write. Data sets are left out. */
  readonly movedBytes: number;
  /** The same if every tensor of the step were written once and read once, and sums needed no partial ones. */
  readonly leastBytes: number;
  /** Longest first. */
  readonly kernels: readonly KernelProfile[];
}

interface Run {
  readonly dispatches: readonly Dispatch[];
  readonly stamps: { read(): Promise<ArrayBuffer> };
}

/** Query sets hold this many stamps at most (WebGPU's limit). */
const maxStamps = 4096;
/** Runs that are watched; later ones go unprofiled, at full speed. */
const maxRuns = 100;
/** First runs of each plan, which compile and touch memory. */
const warmUpRuns = 2;

interface Queries {
  readonly set: GPUQuerySet;
  readonly resolved: GPUBuffer;
}

/** Attach it as `device.profiler`; from then on every run of a plan is watched until enough are. */
export class Profiler {
  readonly #queries = new Map<number, Queries>();
  readonly #seen = new Map<readonly Dispatch[], number>();
  readonly #runs: Run[] = [];

  /** Throws AdapterError where the adapter has no timestamps. */
  constructor(private readonly device: Device) {
    if (!device.gpu.features.has("timestamp-query"))
      throw new AdapterError(
        `${device.adapterName} offers no timestamp queries, so there is nothing to profile with`,
      );
  }

  /** Counts a run of these dispatches and says whether to submit it here, watched. */
  watches(dispatches: readonly Dispatch[]): boolean {
    const seen = this.#seen.get(dispatches) ?? 0;
    this.#seen.set(dispatches, seen + 1);
    return (
      seen >= warmUpRuns &&
      this.#runs.length < maxRuns &&
      dispatches.length < maxStamps
    );
  }

  /** Submits the dispatches, each in a pass of its own; `encode(pass, i)` encodes dispatch i. */
  submit(
    dispatches: readonly Dispatch[],
    encode: (pass: GPUComputePassEncoder, i: number) => void,
  ): void {
    const { gpu } = this.device;
    const stamps = dispatches.length + 1;
    const { set, resolved } = this.#queriesFor(stamps);
    const encoder = gpu.createCommandEncoder();
    for (let stamp = 0; stamp < stamps; stamp++) {
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet: set, endOfPassWriteIndex: stamp },
      });
      if (stamp > 0) encode(pass, stamp - 1);
      pass.end();
    }
    encoder.resolveQuerySet(set, 0, stamps, resolved, 0);
    gpu.queue.submit([encoder.finish()]);
    this.#runs.push({ dispatches, stamps: this.device.stage(resolved) });
  }

  #queriesFor(count: number): Queries {
    let queries = this.#queries.get(count);
    if (!queries) {
      const { gpu } = this.device;
      queries = {
        set: gpu.createQuerySet({ type: "timestamp", count }),
        resolved: this.device.buffer(
          "timestamps",
          count * 8,
          GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
        ),
      };
      this.#queries.set(count, queries);
    }
    return queries;
  }

  /** Waits for the watched runs and sums them up; undefined where there were too few. Nothing is kept. */
  async report(): Promise<Profile | undefined> {
    const kernels = new Map<string, Sum>();
    let [optimised, movedBytes, leastBytes] = [0, 0, 0];
    for (const { dispatches, stamps } of this.#runs) {
      const times = new BigUint64Array(await stamps.read());
      dispatches.forEach((dispatch, i) => {
        add(kernels, dispatch, Number(times[i + 1]! - times[i]!));
      });
      const { moved, least } = traffic(dispatches);
      movedBytes += moved;
      leastBytes += least;
      if (dispatches.some(({ label }) => label === "sgd")) optimised++;
    }
    const steps = optimised || this.#runs.length;
    this.destroy();
    if (steps === 0) return undefined;
    return {
      steps,
      movedBytes: movedBytes / steps,
      leastBytes: leastBytes / steps,
      ...summary(kernels, steps),
    };
  }

  destroy(): void {
    for (const { set, resolved } of this.#queries.values()) {
      set.destroy();
      resolved.destroy();
    }
    this.#queries.clear();
    this.#runs.length = 0;
  }
}

interface Sum {
  dispatches: number;
  nanoseconds: number;
  flops: number;
  bytes: number;
}

function add(
  kernels: Map<string, Sum>,
  { label, bindings, flops = 0 }: Dispatch,
  nanoseconds: number,
): void {
  const sum = kernels.get(label) ?? {
    dispatches: 0,
    nanoseconds: 0,
    flops: 0,
    bytes: 0,
  };
  sum.dispatches++;
  sum.nanoseconds += nanoseconds;
  sum.flops += flops;
  for (const { tensor } of bindings) sum.bytes += bytesOf(tensor);
  kernels.set(label, sum);
}

/** Bytes that the dispatches bind, and that their tensors have if each is written and read once. */
export function traffic(dispatches: readonly Pick<Dispatch, "bindings">[]): {
  moved: number;
  least: number;
} {
  let moved = 0;
  const uses = new Map<Tensor, Set<Access>>();
  for (const { bindings } of dispatches)
    for (const { tensor, access } of bindings) {
      if (tensor.storage.kind === "resource") continue;
      moved += bytesOf(tensor);
      // Scratch of 32-bit words: partial sums and the like.
      if (tensor.layout !== "words")
        uses.set(tensor, (uses.get(tensor) ?? new Set()).add(access));
    }
  let least = 0;
  for (const [tensor, { size }] of uses) least += size * bytesOf(tensor);
  return { moved, least };
}

function summary(
  sums: ReadonlyMap<string, Sum>,
  steps: number,
): Pick<Profile, "milliseconds" | "kernels"> {
  const total = [...sums.values()].reduce((sum, s) => sum + s.nanoseconds, 0);
  const perSecond = (amount: number, nanoseconds: number) =>
    nanoseconds > 0 ? amount / nanoseconds : 0;
  const kernels = [...sums].map(
    ([kernel, { dispatches, nanoseconds, flops, bytes }]): KernelProfile => ({
      kernel,
      dispatches: dispatches / steps,
      milliseconds: nanoseconds / steps / 1e6,
      share: total > 0 ? nanoseconds / total : 0,
      gflops: flops > 0 ? perSecond(flops, nanoseconds) : null,
      gigabytesPerSecond: perSecond(bytes, nanoseconds),
    }),
  );
  kernels.sort((a, b) => b.milliseconds - a.milliseconds);
  return { milliseconds: total / steps / 1e6, kernels };
}

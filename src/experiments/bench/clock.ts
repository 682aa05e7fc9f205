/**
 * Clocks that time a piece of work: the GPU's own, from timestamps, where it tells the same time as the host's. A GPU that
 * has idled runs at a fraction of its speed for a while (345 of 1980 MHz have been seen), so that on hardware every timing
 * follows on a spin of arithmetic without a gap, and counts only if the end of the spin ran at full speed.
 */
import type { Device } from "../../engine/device.js";

/** Something that can be submitted again and again. */
export interface Work {
  /** Submits it once; need not wait for the device. */
  run(): Promise<void> | undefined;
}

export interface Clock {
  /** Submits the work `runs` times and waits for all of it: milliseconds of one run. */
  time(work: Work, runs: number): Promise<number>;
  destroy(): void;
}

/** @param spin arithmetic that brings the adapter up to speed, about a millisecond of it; on hardware alone */
export async function chooseClock(
  device: Device,
  spin: Work | undefined,
): Promise<Clock> {
  const host = new HostClock(device);
  const spinner = spin && (await Spinner.create(spin, host));
  const slow: Clock = spinner ? new WarmClock(host, spinner) : host;
  if (!device.gpu.features.has("timestamp-query")) return slow;
  const clock = new GpuClock(device, spinner);
  // Clocks that stand still or tick otherwise have been seen.
  const nap = () => new Promise<void>((resolve) => setTimeout(resolve, 30));
  await clock.stamped([nap]);
  const start = performance.now();
  const [told] = await clock.stamped([nap]);
  const passed = performance.now() - start;
  if (told! > 15 && told! < 2 * passed) return clock;
  clock.destroy();
  return slow;
}

/** The host's clock, from before the submission to the end of the work. */
class HostClock implements Clock {
  constructor(private readonly device: Device) {}

  async time(work: Work, runs: number): Promise<number> {
    const start = performance.now();
    await repeat(work, runs);
    await this.device.idle();
    return (performance.now() - start) / runs;
  }

  destroy(): void {
    // Has nothing of its own.
  }
}

async function repeat(work: Work, runs: number): Promise<void> {
  for (let i = 0; i < runs; i++) await work.run();
}

/** Milliseconds of arithmetic before a timing, and of its end, whose speed is looked at. */
const spinMs = 60;
const probeMs = 4;

class Spinner {
  private constructor(
    private readonly work: Work,
    /** Milliseconds of one spin. */
    private readonly ms: number,
  ) {}

  static async create(work: Work, clock: Clock): Promise<Spinner> {
    await clock.time(work, 1);
    const slow = await clock.time(work, 1);
    await clock.time(work, Math.ceil(spinMs / slow));
    return new Spinner(work, await clock.time(work, Math.ceil(spinMs / slow)));
  }

  spin(): Promise<void> {
    return repeat(this.work, Math.ceil(spinMs / this.ms));
  }

  probe(): Promise<void> {
    return repeat(this.work, Math.ceil(probeMs / this.ms));
  }
}

/** Another clock, behind a spin. */
class WarmClock implements Clock {
  constructor(
    private readonly clock: Clock,
    private readonly spinner: Spinner,
  ) {}

  async time(work: Work, runs: number): Promise<number> {
    await this.spinner.spin();
    return this.clock.time(work, runs);
  }

  destroy(): void {
    this.clock.destroy();
  }
}

/** A probe that takes longer than the fastest by this factor ran at a lower speed: the timing is made again. */
const probeTolerance = 1.08;
const maxAttempts = 6;

/** Stamps the device's time around the work, in passes that do nothing else. */
class GpuClock implements Clock {
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  #fastestProbe = Infinity;

  constructor(
    private readonly device: Device,
    private readonly spinner: Spinner | undefined,
  ) {
    this.#set = device.gpu.createQuerySet({ type: "timestamp", count: 3 });
    this.#resolved = device.buffer(
      "timestamps",
      24,
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    );
  }

  #stamp(index: number): void {
    const encoder = this.device.gpu.createCommandEncoder();
    encoder
      .beginComputePass({
        timestampWrites: { querySet: this.#set, endOfPassWriteIndex: index },
      })
      .end();
    this.device.gpu.queue.submit([encoder.finish()]);
  }

  /** Milliseconds on the device of each of at most two submissions, one straight after the other. */
  async stamped(
    submissions: readonly (() => Promise<void>)[],
  ): Promise<number[]> {
    this.#stamp(0);
    for (const [i, submit] of submissions.entries()) {
      await submit();
      this.#stamp(i + 1);
    }
    const count = submissions.length + 1;
    const encoder = this.device.gpu.createCommandEncoder();
    encoder.resolveQuerySet(this.#set, 0, count, this.#resolved, 0);
    this.device.gpu.queue.submit([encoder.finish()]);
    const stamps = this.device.stage(this.#resolved);
    const times = new BigUint64Array(await stamps.read());
    return submissions.map((_, i) => Number(times[i + 1]! - times[i]!) / 1e6);
  }

  async time(work: Work, runs: number): Promise<number> {
    const all = () => repeat(work, runs);
    const { spinner } = this;
    if (!spinner) return (await this.stamped([all]))[0]! / runs;
    let last = 0;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      await spinner.spin();
      const probe = () => spinner.probe();
      const [probed, taken] = await this.stamped([probe, all]);
      this.#fastestProbe = Math.min(this.#fastestProbe, probed!);
      last = taken! / runs;
      if (probed! <= probeTolerance * this.#fastestProbe) break;
    }
    return last;
  }

  destroy(): void {
    this.#set.destroy();
    this.#resolved.destroy();
  }
}

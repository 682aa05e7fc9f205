/** Timing on a device: several pieces of work in turn, round after round, so that what slows the machine slows all alike. */
import type { Device } from "../../engine/device.js";
import { BenchGraphs } from "./bench-graph.js";
import { chooseClock, type Work } from "./clock.js";
import { spinWork } from "./peak.js";

export interface TimingOptions {
  /** Timings of each piece of work; the median counts. */
  readonly rounds: number;
  /** How long each piece of work is measured, over all rounds. */
  readonly seconds: number;
}

export interface Timing {
  /** Milliseconds of one run: median, and every round's. */
  readonly ms: number;
  readonly rounds: readonly number[];
}

/** Most runs in a queue: Dawn keeps the commands of each until it is done. */
const maxQueued = 500;

/** Times every piece of work. The first runs, which compile and touch memory, do not count. */
export async function timeInTurn(
  device: Device,
  works: readonly Work[],
  { rounds, seconds }: TimingOptions,
): Promise<Timing[]> {
  const graphs = new BenchGraphs(device);
  // Everything is compiled before anything is timed: an adapter that waits for the compiler slows down.
  for (const work of works) {
    await work.run();
    await device.idle();
  }
  const spin = device.isSoftware ? undefined : await spinWork(graphs);
  const clock = await chooseClock(device, spin);
  const perRound = (1000 * seconds) / rounds;
  try {
    const counts: number[] = [];
    for (const work of works) {
      const first = await clock.time(work, 1);
      const few = Math.ceil(Math.min(20, perRound / first / 2));
      const runs = Math.round(perRound / (await clock.time(work, few)));
      counts.push(Math.max(1, Math.min(maxQueued, runs)));
    }
    const times = works.map((): number[] => []);
    for (let round = 0; round < rounds; round++)
      for (const [i, work] of works.entries())
        times[i]!.push(await clock.time(work, counts[i]!));
    return times.map((all) => ({ ms: median(all), rounds: all }));
  } finally {
    clock.destroy();
    graphs.destroy();
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

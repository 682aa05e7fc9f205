/** The tables of `tarnish bench` and of profiles, as cells: printed in columns here, as markdown by tools. */
import type { Profile } from "../engine/profiler.js";
import type { BenchResult } from "../experiments/bench/bench.js";
import {
  formatBytes,
  formatCount,
  formatNumber,
  formatPercent,
} from "./format.js";

export interface Cells {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function peakCells({ peaks }: Pick<BenchResult, "peaks">): Cells {
  return {
    head: ["peak kernel", "ms", "GFLOP/s"],
    rows: peaks.map(({ kernel, ms, gflops }) => [
      kernel,
      formatNumber(ms),
      formatNumber(gflops),
    ]),
  };
}

export function convCells({ conv }: Pick<BenchResult, "conv">): Cells {
  return {
    head: [
      "convolution",
      "pass",
      "ms",
      "GFLOP/s",
      "of peak",
      "of matmul",
      "kernel",
    ],
    rows: conv.map((entry) => [
      entry.shape,
      entry.pass,
      formatNumber(entry.ms),
      formatNumber(entry.gflops),
      formatPercent(entry.shareOfPeak),
      formatPercent(entry.shareOfMatmul),
      entry.variant,
    ]),
  };
}

export function modelCells({ models }: Pick<BenchResult, "models">): Cells {
  return {
    head: [
      "model",
      "batch",
      "images/s",
      "ms/step",
      "launches",
      "host µs each",
      "plan",
    ],
    rows: models.map((entry) => [
      entry.width === 1 ? entry.model : `${entry.model} ×${entry.width}`,
      formatCount(entry.batch),
      formatNumber(entry.imagesPerSecond),
      formatNumber(entry.msPerStep),
      formatCount(entry.dispatches),
      formatNumber(entry.hostMicrosecondsPerDispatch),
      formatBytes(entry.planBytes),
    ]),
  };
}

export function profileCells({ kernels }: Pick<Profile, "kernels">): Cells {
  return {
    head: ["kernel", "launches", "ms", "share", "GFLOP/s", "GB/s"],
    rows: kernels.map((kernel) => [
      kernel.kernel,
      formatNumber(kernel.dispatches),
      formatNumber(kernel.milliseconds),
      formatPercent(kernel.share),
      kernel.gflops === null ? "" : formatNumber(kernel.gflops),
      formatNumber(kernel.gigabytesPerSecond),
    ]),
  };
}

/** What a step moves, in a sentence's end. */
export function trafficWords({
  movedBytes,
  leastBytes,
}: Pick<Profile, "movedBytes" | "leastBytes">): string {
  return `its kernels move at least ${formatBytes(movedBytes)}; every tensor written and read once would be ${formatBytes(leastBytes)}`;
}

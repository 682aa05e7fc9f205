/** Where a training step goes, as a table. */
import type { Profile } from "../engine/profiler.js";
import {
  formatBytes,
  formatCount,
  formatNumber,
  formatPercent,
} from "./format.js";
import type { Output } from "./output.js";
import { formatTable } from "./table.js";

export function printProfile(profile: Profile, output: Output): void {
  const { milliseconds, steps, movedBytes, leastBytes, kernels } = profile;
  output.print(
    `\nwhere a step goes: ${formatNumber(milliseconds)} ms on the GPU, mean of ${formatCount(steps)} steps with a pass for every kernel`,
  );
  output.print(
    `its kernels move at least ${formatBytes(movedBytes)}; every tensor written and read once would be ${formatBytes(leastBytes)}`,
  );
  const rows = kernels.map((kernel) => [
    kernel.kernel,
    formatNumber(kernel.dispatches),
    formatNumber(kernel.milliseconds),
    formatPercent(kernel.share),
    kernel.gflops === null ? "" : formatNumber(kernel.gflops),
    formatNumber(kernel.gigabytesPerSecond),
  ]);
  const head = ["kernel", "launches", "ms", "share", "GFLOP/s", "GB/s"];
  for (const line of formatTable(head, rows)) output.print(line);
}

/** Where a training step goes, as a table. */
import type { Profile } from "../engine/profiler.js";
import { profileCells, trafficWords } from "./bench-tables.js";
import { formatCount, formatNumber } from "./format.js";
import type { Output } from "./output.js";
import { formatTable } from "./table.js";

export function printProfile(profile: Profile, output: Output): void {
  const { milliseconds, steps } = profile;
  output.print();
  output.print(
    `where a step goes: ${formatNumber(milliseconds)} ms on the GPU, mean of ${formatCount(steps)} steps with a pass for every kernel`,
  );
  output.print(trafficWords(profile));
  const { head, rows } = profileCells(profile);
  for (const line of formatTable(head, rows)) output.print(line);
}

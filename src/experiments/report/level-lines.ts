/** Lines over the epochs, coloured by level, with their levels at their ends: learning curves and losses. */
import type { Cell } from "../csv.js";
import {
  armConditions,
  armTitle,
  armsOf,
  conditionText,
  type LevelArm,
  mean,
  type ModelRuns,
} from "./aggregate.js";
import type { Chart } from "./figure.js";
import { levelText } from "./html.js";
import { levelColor } from "./palette.js";
import type { RunData } from "./study.js";
import { chart, frame, lineData, markers, spread, stroke, text } from "./svg.js"; // prettier-ignore

export interface EpochPoint {
  epoch: number;
  value: number;
}

/** The lines of one condition: each seed's, and their mean where they have points at the same epochs. */
export interface LevelLine {
  arm: LevelArm;
  level: number;
  label: string;
  /** What it was trained on. */
  name: string;
  seeds: { seed: number; points: EpochPoint[] }[];
  mean: EpochPoint[] | null;
}

function meanOf(lines: readonly EpochPoint[][]): EpochPoint[] | null {
  const [first] = lines;
  const aligned = lines.every(
    (points) =>
      points.length === first!.length &&
      points.every((point, k) => point.epoch === first![k]!.epoch),
  );
  if (!first || !aligned) return null;
  return first.map(({ epoch }, k) => ({
    epoch,
    value: mean(lines.map((points) => points[k]!.value))!,
  }));
}

/** The lines of an arm's levels, the clean one first. */
export function levelLines(
  group: ModelRuns,
  arm: LevelArm,
  read: (run: RunData) => EpochPoint[],
): LevelLine[] {
  return armConditions(group, arm).flatMap((condition) => {
    const { level, runs } = condition;
    const seeds = runs
      .map((run) => ({ seed: run.row.seed, points: read(run) }))
      .filter(({ points }) => points.length > 0);
    if (seeds.length === 0) return [];
    return [
      {
        arm,
        level,
        label: level === 0 ? "clean" : levelText(level),
        name: conditionText(condition),
        seeds,
        mean: meanOf(seeds.map(({ points }) => points)),
      },
    ];
  });
}

/** The arms of a model's charts; clean runs alone still have their curves. */
export function curveArms(group: ModelRuns): LevelArm[] {
  const arms = armsOf([group]);
  return arms.length > 0 ? arms : ["noise"];
}

/** The range of all lines, so that charts can be compared; from 0 where `zero`. */
function commonDomain(
  lines: readonly LevelLine[],
  zero: boolean,
): [number, number] {
  const values = lines.flatMap((line) =>
    line.seeds.flatMap(({ points }) => points.map(({ value }) => value)),
  );
  const high = Math.max(...values);
  const low = Math.min(...values);
  const pad = (high - low || 1) * 0.05;
  return [zero ? 0 : Math.max(0, low - pad), high + pad];
}

/** One chart of an arm. Values are drawn as they are; `scale` makes percent of fractions. */
function linesChart(
  lines: readonly LevelLine[],
  domain: readonly [number, number],
  levels: readonly number[],
  options: { label: string; scale: number; description: string },
): string {
  const { scale } = options;
  const drawn = lines.flatMap((line) => [
    ...line.seeds.map(({ points }) => points),
    ...(line.mean ? [line.mean] : []),
  ]);
  const lastEpoch = Math.max(...drawn.map((points) => points.at(-1)!.epoch));
  const space = frame({
    width: 420,
    height: 280,
    right: 46,
    x: { domain: [0, lastEpoch], label: "epoch" },
    y: { domain: [scale * domain[0], scale * domain[1]], label: options.label },
  });
  const at = (points: readonly EpochPoint[]) =>
    points.map((p) => [space.x(p.epoch), space.y(scale * p.value)] as const);
  const color = (line: LevelLine) => levelColor(line.arm, line.level, levels);
  const curves = lines.map((line) => {
    const averaged = line.mean !== null && line.seeds.length > 1;
    const singles = line.seeds.map(({ points }) => lineData(at(points))).join(""); // prettier-ignore
    return (
      stroke(singles, color(line), averaged ? { "stroke-width": 1, opacity: "0.35" } : {}) + // prettier-ignore
      (averaged ? stroke(lineData(at(line.mean!)), color(line)) : "") +
      // A single evaluation is a point, which a line does not show.
      markers(0, line.seeds.filter(({ points }) => points.length === 1).flatMap(({ points }) => at(points)), color(line), 3) // prettier-ignore
    );
  });
  const ends = lines.map((line) =>
    space.y(
      scale * mean(line.seeds.map(({ points }) => points.at(-1)!.value))!,
    ),
  );
  const labels = spread(ends, 14, space.top, space.bottom).map(
    (y, i) =>
    text(space.right + 6, y + 4, lines[i]!.label, { fill: color(lines[i]!), "font-weight": 600 }), // prettier-ignore
  );
  return chart(
    space.width,
    space.height,
    `${options.description}: ${lines.map(({ name }) => name).join(", ")}`,
    space.axes + curves.join("") + labels.join(""),
  );
}

/** The charts of a model, one per arm, on a common range. */
export function armCharts(
  group: ModelRuns,
  lines: readonly LevelLine[],
  zero: boolean,
  options: {
    title: string | null;
    id: string;
    label: string;
    scale: number;
    description: string;
  },
): Chart[] {
  if (lines.length === 0) return [];
  const domain = commonDomain(lines, zero);
  return curveArms(group).flatMap((arm) => {
    const own = lines.filter((line) => line.arm === arm);
    if (own.length === 0) return [];
    const what = options.title === null ? "" : `: ${options.title}`;
    return [
      {
        title: armsOf([group]).length === 0 ? options.title : `${armTitle(group, arm)}${what}`, // prettier-ignore
        id: [options.id, arm].filter((part) => part !== "").join("-"),
        svg: linesChart(own, domain, group.levels[arm], options),
      },
    ];
  });
}

/** Columns of a table of curves: an epoch per row, a condition and seed per column; cells are empty where a line has no point. */
export function curveColumns(
  model: string,
  lines: readonly LevelLine[],
  means: boolean,
): Map<string, Map<number, number>> {
  const columns = new Map<string, Map<number, number>>();
  for (const line of lines) {
    const arm = line.level === 0 ? "baseline" : `${line.arm}_${line.level}`;
    const add = (name: string, points: readonly EpochPoint[]) =>
      columns.set(
        `${model}_${arm}${name}`,
        new Map(points.map((p) => [p.epoch, Number(p.value.toPrecision(7))])),
      );
    if (means && line.mean) add("", line.mean);
    else for (const { seed, points } of line.seeds) add(`_s${seed}`, points);
  }
  return columns;
}

/** The rows of such a table. */
export function curveRows(
  columns: ReadonlyMap<string, ReadonlyMap<number, number>>,
): Cell[][] {
  const epochs = new Set([...columns.values()].flatMap((c) => [...c.keys()]));
  return [...epochs]
    .sort((a, b) => a - b)
    .map((epoch) => [
      epoch,
      ...[...columns.values()].map((column) => column.get(epoch) ?? null),
    ]);
}

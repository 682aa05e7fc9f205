/** Learning curves and losses over the epochs, a line per run. */
import * as Plot from "@observablehq/plot";
import { type Cell, writeCsv } from "../csv.js";
import {
  conditionText,
  type LevelArm,
  type ModelRuns,
  runsAt,
} from "./aggregate.js";
import { chart, type Figure, type Panel, spread } from "./figure.js";
import { levelText } from "./html.js";
import { levelColor } from "./palette.js";
import type { RunData } from "./study.js";

interface Line {
  run: RunData;
  label: string;
  color: string;
  points: { epoch: number; value: number }[];
}

const ARM_TITLE: Record<LevelArm, string> = {
  noise: "Wrong labels",
  reduction: "Fewer images",
};
/** Points that a smoothed line is drawn with. */
const SMOOTH_POINTS = 160;

/** Steps in an epoch of a run, from its own evaluations; 1 where it has none. */
function stepsPerEpoch(run: RunData): number {
  const last = run.evals.at(-1) ?? run.steps.at(-1);
  return last && last.epoch > 0 ? last.step / last.epoch : 1;
}

/** Width of the moving average over `count` logged steps: about a thirtieth of them, odd. */
export function smoothingWindow(count: number): number {
  return 2 * Math.round(count / 60) + 1;
}

/**
 * A centred moving average, thinned to at most SMOOTH_POINTS points; near the ends the window shrinks evenly on both
 * sides, so the average stays centred and the first point is the first value itself.
 */
export function smooth(
  points: readonly { epoch: number; value: number }[],
): { epoch: number; value: number }[] {
  const half = (smoothingWindow(points.length) - 1) / 2;
  const count = Math.min(points.length, SMOOTH_POINTS);
  return Array.from({ length: count }, (_, k) => {
    const i =
      count === 1 ? 0 : Math.round((k * (points.length - 1)) / (count - 1));
    const reach = Math.min(half, i, points.length - 1 - i);
    let sum = 0;
    for (let j = i - reach; j <= i + reach; j++) sum += points[j]!.value;
    return { epoch: points[i]!.epoch, value: sum / (2 * reach + 1) };
  });
}

function lines(
  group: ModelRuns,
  arm: LevelArm,
  read: (run: RunData) => Line["points"],
): Line[] {
  return [0, ...group.levels[arm]].flatMap((level) =>
    runsAt(group, arm, level)
      .map((run) => ({
        run,
        label: level === 0 ? "clean" : levelText(level),
        color: levelColor(arm, level, group.levels[arm]),
        points: read(run),
      }))
      .filter((line) => line.points.length > 0),
  );
}

/** The mean over the seeds of each condition that has several; only where their points stand at the same epochs. */
function meanLines(all: readonly Line[]): Line[] {
  return [...new Set(all.map((line) => line.label))].flatMap((label) => {
    const same = all.filter((line) => line.label === label);
    const [first] = same;
    const aligned = same.every(
      ({ points }) =>
        points.length === first!.points.length &&
        points.every((point, k) => point.epoch === first!.points[k]!.epoch),
    );
    if (same.length < 2 || !aligned) return [];
    const points = first!.points.map(({ epoch }, k) => ({
      epoch,
      value:
        same.reduce((sum, line) => sum + line.points[k]!.value, 0) /
        same.length,
    }));
    return [{ ...first!, points }];
  });
}

/** Label of each condition at the height of its last point (the mean, with several seeds), moved apart. */
function endLabels(all: readonly Line[], low: number, high: number) {
  const labels = [...new Set(all.map((line) => line.label))].map((label) => {
    const same = all.filter((line) => line.label === label);
    const y =
      same.reduce((sum, line) => sum + line.points.at(-1)!.value, 0) /
      same.length;
    const x = Math.max(...all.map((line) => line.points.at(-1)!.epoch));
    return { label, color: same[0]!.color, x, y };
  });
  const apart = spread(
    labels.map((label) => label.y),
    (high - low) * 0.066,
    low,
    high,
  );
  return labels.map((label, i) => ({ ...label, y: apart[i]! }));
}

function linesChart(
  document: Document,
  all: readonly Line[],
  domain: [number, number],
  options: { label: string; percent: boolean; description: string },
): string {
  const means = meanLines(all);
  const averaged = new Set(means.map((line) => line.label));
  const labels = endLabels(all, ...domain);
  const lastEpoch = Math.max(...all.map((line) => line.points.at(-1)!.epoch));
  return chart(
    document,
    {
      marginRight: 48,
      x: {
        label: "epoch",
        domain: [0, lastEpoch],
        ticks: 6,
        labelAnchor: "center",
        labelArrow: "none",
      },
      y: {
        label: options.label,
        percent: options.percent,
        domain: options.percent ? domain.map((v) => 100 * v) : domain,
        grid: true,
        ticks: 6,
        labelArrow: "none",
      },
      color: { type: "identity" },
      marks: [
        domain[0] === 0 ? Plot.ruleY([0]) : null,
        all.map((line) =>
          Plot.line(line.points, {
            x: "epoch",
            y: "value",
            stroke: line.color,
            strokeWidth: 2,
            strokeOpacity: averaged.has(line.label) ? 0.22 : 1,
          }),
        ),
        means.map((line) =>
          Plot.line(line.points, {
            x: "epoch",
            y: "value",
            stroke: line.color,
            strokeWidth: 2.2,
          }),
        ),
        // A run of one evaluation is a point, which a line does not show.
        all.filter((line) => line.points.length === 1).map((line) => Plot.dot(line.points, { x: "epoch", y: "value", fill: line.color, r: 3 })), // prettier-ignore
        Plot.text(labels, {
          x: "x",
          y: "y",
          text: "label",
          fill: "color",
          textAnchor: "start",
          dx: 6,
          fontWeight: 600,
        }),
      ],
    },
    options.description,
  );
}

/** The range of all lines, so that charts side by side can be compared; from 0 where `zero`. */
function commonDomain(all: readonly Line[], zero: boolean): [number, number] {
  const values = all.flatMap((line) => line.points.map((point) => point.value));
  const high = Math.max(...values);
  const low = zero ? 0 : Math.min(...values);
  const pad = (high - low || 1) * 0.05;
  return [zero ? 0 : Math.max(0, low - pad), high + pad];
}

function armsWithLevels(group: ModelRuns): LevelArm[] {
  const arms = (["noise", "reduction"] as const).filter(
    (arm) => group.levels[arm].length > 0,
  );
  // A study of clean runs alone still has its curves.
  return arms.length > 0 ? arms : ["noise"];
}

function csvRows(
  all: readonly Line[],
  seen: Set<RunData>,
  quantity: string,
): Cell[][] {
  return all
    .filter((line) => !seen.has(line.run) && seen.add(line.run))
    .flatMap(({ run, points }) =>
      points.map((point): Cell[] => [
        run.row.arm,
        run.row.level,
        run.row.seed,
        quantity,
        Number(point.epoch.toFixed(4)),
        Number(point.value.toPrecision(9)),
      ]),
    );
}

const CURVE_COLUMNS = ["arm", "level", "seed", "quantity", "epoch", "value"];

/** Test top-1 by epoch; null without an evaluation. */
export function learningFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  const read = (run: RunData) =>
    run.evals.map((line) => ({ epoch: line.epoch, value: line.top1 }));
  const arms = armsWithLevels(group).map((arm) => ({
    arm,
    lines: lines(group, arm, read),
  }));
  const all = arms.flatMap((entry) => entry.lines);
  if (all.length === 0) return null;
  const domain = commonDomain(all, true);
  const seen = new Set<RunData>();
  return {
    id,
    title: "Learning curves",
    choice: null,
    panels: [
      {
        label: "",
        id: "",
        charts: arms
          .filter((entry) => entry.lines.length > 0)
          .map((entry) => ({
            title: ARM_TITLE[entry.arm],
            id: entry.arm,
            svg: linesChart(document, entry.lines, domain, {
              label: "top-1 on the test images (%)",
              percent: true,
              description: `Test accuracy of ${group.model} by epoch: ${[...new Set(entry.lines.map((line) => conditionText(line.run.row)))].join(", ")}`, // prettier-ignore
            }),
          })),
      },
    ],
    caption:
      "Top-1 accuracy on the test images after each evaluated epoch, one line per run" +
      (group.seeds.length > 1
        ? "; strong lines are the means over the seeds. "
        : ". ") +
      "A line that climbs and then falls is the mark of a network that first learns the rule and then memorises the wrong labels.",
    csv: writeCsv(CURVE_COLUMNS, csvRows(all, seen, "test_top1")),
  };
}

/** Training and test loss by epoch; null without either. */
export function lossFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  const test = (run: RunData) =>
    run.evals.map((line) => ({ epoch: line.epoch, value: line.loss }));
  const train = (run: RunData) => {
    const perEpoch = stepsPerEpoch(run);
    return smooth(
      run.steps.map((line) => ({
        epoch: line.step / perEpoch,
        value: line.loss,
      })),
    );
  };
  const kinds = [
    {
      name: "training loss",
      key: "train",
      quantity: "train_loss_smoothed",
      read: train,
    },
    { name: "test loss", key: "test", quantity: "test_loss", read: test },
  ];
  const charts: Panel["charts"] = [];
  const rows: Cell[][] = [];
  for (const kind of kinds) {
    const arms = armsWithLevels(group).map((arm) => ({
      arm,
      lines: lines(group, arm, kind.read),
    }));
    const all = arms.flatMap((entry) => entry.lines);
    if (all.length === 0) continue;
    const domain = commonDomain(all, false);
    rows.push(...csvRows(all, new Set(), kind.quantity));
    for (const entry of arms.filter(({ lines }) => lines.length > 0)) {
      charts.push({
        title: `${ARM_TITLE[entry.arm]}: ${kind.name}`,
        id: `${kind.key}-${entry.arm}`,
        svg: linesChart(document, entry.lines, domain, {
          label: "cross-entropy (nats)",
          percent: false,
          description: `${kind.name} of ${group.model} by epoch, ${ARM_TITLE[entry.arm].toLowerCase()}`,
        }),
      });
    }
  }
  if (charts.length === 0) return null;
  return {
    id,
    title: "Losses",
    choice: null,
    panels: [{ label: "", id: "", charts }],
    caption:
      "Training loss: mean cross-entropy of the logged training steps against the labels that the network was given, as a centred " +
      "moving average over a thirtieth of the run. Test loss: cross-entropy on the test images against their true labels.",
    csv: writeCsv(CURVE_COLUMNS, rows),
  };
}

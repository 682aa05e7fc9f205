/** Accuracy by level for both arms, absolute and relative to the clean run. */
import * as Plot from "@observablehq/plot";
import { writeCsv } from "../csv.js";
import {
  type LevelArm,
  type ModelRuns,
  meanResult,
  relative,
  runsAt,
} from "./aggregate.js";
import { chart, type Figure, spread } from "./figure.js";

interface Point {
  arm: LevelArm;
  level: number;
  value: number;
}

const ARMS: readonly LevelArm[] = ["noise", "reduction"];
const ARM_TEXT: Record<LevelArm, string> = {
  noise: "wrong labels",
  reduction: "fewer images",
};

function armChart(
  document: Document,
  means: readonly Point[],
  singles: readonly Point[],
  reference: { y: number; text: string } | null,
  options: { label: string; percent: boolean; description: string },
): string {
  const values = [...means, ...singles].map((point) => point.value);
  const top = Math.max(...values, 0.01) * 1.06;
  const last = Math.max(...means.map((point) => point.level), 0.01);
  const ends = ARMS.flatMap((arm) =>
    means.filter((point) => point.arm === arm).slice(-1),
  ).filter((p) => p.level > 0);
  const labels = spread(
    ends.map((point) => point.value),
    top * 0.075,
    0,
    top,
  );
  const color = (point: Point): string =>
    point.level === 0 ? "var(--ink)" : `var(--${point.arm})`;
  return chart(
    document,
    {
      marginRight: 104,
      x: { domain: [0, 100 * last], percent: true, label: "share of the training images (%)", ticks: 6, labelAnchor: "center", labelArrow: "none" }, // prettier-ignore
      y: {
        domain: [0, options.percent ? 100 * top : top],
        percent: options.percent,
        label: options.label,
        grid: true,
        ticks: 6,
        labelArrow: "none",
      },
      color: { type: "identity" },
      marks: [
        Plot.ruleY([0]),
        reference === null
          ? null
          : Plot.ruleY([reference.y], {
              strokeDasharray: "3 4",
              stroke: "var(--muted)",
            }),
        reference === null
          ? null
          : Plot.text([reference.text], { x: 0, y: reference.y, dx: 4, dy: -7, textAnchor: "start", fill: "var(--muted)" }), // prettier-ignore
        ARMS.map((arm) =>
          Plot.line(
            means.filter((point) => point.arm === arm),
            {
              x: "level",
              y: "value",
              stroke: `var(--${arm})`,
              strokeWidth: 2.5,
            },
          ),
        ),
        Plot.dot(singles, {
          x: "level",
          y: "value",
          stroke: color,
          r: 3,
          strokeOpacity: 0.7,
        }),
        Plot.dot(means, { x: "level", y: "value", fill: color, r: 4 }),
        Plot.text(ends, {
          x: "level",
          y: (_: Point, i: number) => labels[i],
          text: (point: Point) => ARM_TEXT[point.arm],
          fill: color,
          fontWeight: 600,
          textAnchor: "start",
          dx: 9,
        }),
      ],
    },
    options.description,
  );
}

/** The accuracy figure of a model; null without a finished run. */
export function accuracyFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  const clean = meanResult(runsAt(group, "noise", 0), "top1Last");
  const means: Point[] = [];
  const singles: Point[] = [];
  for (const arm of ARMS) {
    if (group.levels[arm].length === 0) continue;
    for (const level of [0, ...group.levels[arm]]) {
      const runs = runsAt(group, arm, level);
      const value = meanResult(runs, "top1Last");
      if (value !== null) means.push({ arm, level, value });
      if (runs.length < 2) continue;
      for (const run of runs)
        if (run.row.top1Last !== null)
          singles.push({ arm, level, value: run.row.top1Last });
    }
  }
  if (means.length === 0) return null;
  const chance = group.classes.length > 0 ? 1 / group.classes.length : null;
  const several = group.seeds.length > 1;
  const charts = [
    {
      title: "Top-1 accuracy",
      id: "absolute",
      svg: armChart(
        document,
        means,
        singles,
        chance === null ? null : { y: chance, text: "chance" },
        {
          label: "top-1 on the test images (%)",
          percent: true,
          description: `Top-1 accuracy of ${group.model} by level of noise and of reduction`,
        },
      ),
    },
  ];
  if (clean !== null && clean > 0) {
    const scale = (points: Point[]): Point[] =>
      points.map((point) => ({ ...point, value: point.value / clean }));
    charts.push({
      title: "Relative to the clean run",
      id: "relative",
      svg: armChart(document, scale(means), scale(singles), null, {
        label: "top-1 / clean top-1",
        percent: false,
        description: `Top-1 accuracy of ${group.model} divided by that of the clean run, by level`,
      }),
    });
  }
  const rows = means
    .filter(
      (point, i) =>
        point.level > 0 || means.findIndex((other) => other.level === 0) === i,
    )
    .map((point) => {
      const runs = runsAt(group, point.arm, point.level);
      const arm = point.level === 0 ? "baseline" : point.arm;
      const best = meanResult(runs, "top1Best");
      return [arm, point.level, runs.length, point.value, best, meanResult(runs, "top5Last"), relative(point.value, clean)]; // prettier-ignore
    });
  return {
    id,
    title: "Accuracy by level",
    choice: null,
    panels: [{ label: "", id: "", charts }],
    caption:
      "Top-1 accuracy after the last epoch on test images whose labels were never touched. " +
      "Wrong labels: that share of the training images was given labels by the noise named under Settings. " +
      "Fewer images: that share was removed, and at equal levels it is the same images. " +
      (several ? "Dots: single seeds and, filled, their mean. " : "") +
      "Relative: the same, divided by the clean run.",
    csv: writeCsv(
      [
        "arm",
        "level",
        "runs",
        "top1_last",
        "top1_best",
        "top5_last",
        "top1_last_relative",
      ],
      rows,
    ),
  };
}

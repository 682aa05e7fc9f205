/** Precision-recall curves by level: all classes together (macro), and each class. */
import * as Plot from "@observablehq/plot";
import { type Cell, compact, writeCsv } from "../csv.js";
import { macroCurve } from "../metrics.js";
import type { PrTable } from "../tables.js";
import { type LevelArm, mean, type ModelRuns, runsAt } from "./aggregate.js";
import { chart, type Figure, legendMarks, type Panel } from "./figure.js";
import { fixed, levelText, slug } from "./html.js";
import { levelColor } from "./palette.js";
import type { RunData } from "./study.js";

interface Curve {
  level: number;
  label: string;
  color: string;
  recall: number[];
  precision: number[];
}

/** What the reader can choose: a class, or all of them (index null). */
interface Choice {
  name: string;
  index: number | null;
  pick: (pr: PrTable[]) => PrTable[];
}

/** Points of a drawn curve; fewer for data with many classes, whose page would grow too large. */
function gridSteps(classes: number): number {
  return classes <= 20 ? 50 : 20;
}

/** The mean over seeds of the curves that `pick` finds in each run, on a grid of recalls. */
function meanCurve(
  runs: readonly RunData[],
  pick: (pr: PrTable[]) => PrTable[],
  steps: number,
) {
  const curves = runs
    .flatMap((run) => (run.pr ? [macroCurve(pick(run.pr), steps)] : []))
    .filter((c) => c.recall.length);
  if (curves.length === 0) return null;
  return {
    recall: curves[0]!.recall,
    precision: curves[0]!.recall.map((_, k) =>
      mean(curves.map((curve) => curve.precision[k]))!,
    ),
  };
}

function curves(
  group: ModelRuns,
  arm: LevelArm,
  pick: (pr: PrTable[]) => PrTable[],
): Curve[] {
  return [0, ...group.levels[arm]].flatMap((level) => {
    const curve = meanCurve(
      runsAt(group, arm, level),
      pick,
      gridSteps(group.classes.length),
    );
    const label = level === 0 ? "clean" : levelText(level);
    return curve
      ? [
          {
            level,
            label,
            color: levelColor(arm, level, group.levels[arm]),
            ...curve,
          },
        ]
      : [];
  });
}

function curvesChart(
  document: Document,
  all: readonly Curve[],
  description: string,
): string {
  const axis = {
    domain: [0, 1],
    ticks: 5,
    tickSize: 0,
    labelArrow: "none",
  } as const;
  return chart(
    document,
    {
      height: 340,
      x: { ...axis, label: "recall", labelAnchor: "center" },
      y: { ...axis, label: null, grid: true },
      color: { type: "identity" },
      marks: [
        all.map((curve) =>
          Plot.line(
            curve.recall.map((recall, k) => ({
              recall,
              precision: curve.precision[k]!,
            })),
            {
              x: "recall",
              y: "precision",
              stroke: curve.color,
              strokeWidth: 2,
            },
          ),
        ),
        Plot.text(["precision"], {
          frameAnchor: "top-left",
          rotate: -90,
          dx: -40,
          dy: 28,
          textAnchor: "end",
        }),
        ...legendMarks(all),
      ],
    },
    description,
  );
}

/** Mean average precision over runs and the classes with support, from per_class.csv (before any thinning). */
function averagePrecisionText(
  group: ModelRuns,
  arm: LevelArm,
  index: number | null,
): string {
  const parts = [0, ...group.levels[arm]].flatMap((level) => {
    const value = mean(
      runsAt(group, arm, level).map((run) =>
        mean(
          (run.perClass ?? [])
            .filter(
              (row) =>
                row.support > 0 && (index === null || row.index === index),
            )
            .map((row) => row.ap),
        ),
      ),
    );
    return value === null ? [] : [fixed(value, 3)];
  });
  // The ends of a long series say it all; every value is in the runs' per_class.csv.
  const shown = parts.length <= 4 ? parts : [parts[0]!, parts.at(-1)!];
  return shown.join(" → ");
}

const ARM_TITLE: Record<LevelArm, string> = {
  noise: "Wrong labels",
  reduction: "Fewer images",
};

/** Column of a condition in the table of the figure. */
function key(arm: LevelArm, level: number): string {
  return level === 0 ? "baseline" : `${arm}_${level}`;
}

/** The precision-recall figure; null where no run has curves. */
export function precisionRecallFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  const choices: Choice[] = [
    { name: "all (macro)", index: null, pick: (pr) => pr },
    ...group.classes.map((name, index) => ({
      name,
      index,
      pick: (pr: PrTable[]) => pr.filter((table) => table.class === name),
    })),
  ];
  const arms = ["noise", "reduction"] as const;
  // The clean curve stands in both charts and once in the table.
  const keys = [
    "baseline",
    ...arms.flatMap((arm) => group.levels[arm].map((level) => key(arm, level))),
  ];
  const rows: Cell[][] = [];
  const panels: Panel[] = [];
  for (const choice of choices) {
    const charts: Panel["charts"] = [];
    const columns = new Map<string, Curve>();
    for (const arm of arms) {
      if (arm === "reduction" && group.levels.reduction.length === 0) continue;
      const all = curves(group, arm, choice.pick);
      if (all.length === 0) continue;
      for (const curve of all) columns.set(key(arm, curve.level), curve);
      charts.push({
        title: `${ARM_TITLE[arm]}: AP ${averagePrecisionText(group, arm, choice.index)}`,
        id: arm,
        svg: curvesChart(
          document,
          all,
          `Precision against recall, ${choice.name}, ${ARM_TITLE[arm].toLowerCase()}`,
        ),
      });
    }
    if (charts.length === 0) continue;
    const macro = choice.index === null;
    const [first] = columns.values();
    first?.recall.forEach((recall, k) => {
      const cells = keys.map((name) => {
        const precision = columns.get(name)?.precision[k];
        return precision === undefined ? null : compact(precision);
      });
      rows.push([macro ? "(macro)" : choice.name, recall, ...cells]);
    });
    const panelId = macro ? "macro" : `${choice.index}-${slug(choice.name)}`;
    panels.push({ label: choice.name, id: panelId, charts });
  }
  if (panels.length === 0) return null;
  return {
    id,
    title: "Precision and recall",
    choice: "Class",
    panels,
    caption:
      "Each class against all others, by the softmax probability: at each recall, the precision at the highest threshold " +
      "that reaches it. Macro: the unweighted mean over the classes. AP: average precision, Σ(Rₙ − Rₙ₋₁)Pₙ over all " +
      "thresholds, from the clean run to the highest level.",
    csv: writeCsv(["class", "recall", ...keys], rows),
  };
}

/** Precision-recall curves by level: all classes together (macro), or the class that the reader chooses. */
import { type Cell, writeCsv } from "../csv.js";
import { macroCurve } from "../metrics.js";
import {
  armConditions,
  armTitle,
  type Condition,
  drawsText,
  type LevelArm,
  mean,
  type ModelRuns,
} from "./aggregate.js";
import { type Chart, type Figure, modelChoice, variant } from "./figure.js";
import { fixed, levelText, slug } from "./html.js";
import { curveArms } from "./level-lines.js";
import { levelColor } from "./palette.js";
import type { RunData } from "./study.js";
import { chart, type Frame, frame, lineData, stroke, text } from "./svg.js";

/** Points of a curve; fewer where many classes would make a large page. */
function gridSteps(classes: number): number {
  return classes <= 20 ? 40 : 20;
}

/** The mean over the seeds of precision at k/steps recall, k = 1…steps; `index` null: of the macro curves. */
function meanCurve(
  runs: readonly RunData[],
  index: number | null,
  steps: number,
): number[] | null {
  const curves = runs
    .flatMap(({ pr }) => {
      if (!pr) return [];
      const one = index === null ? pr : pr.slice(index, index + 1);
      return [macroCurve(one, steps).precision];
    })
    .filter((precision) => precision.length > 0);
  if (curves.length === 0) return null;
  return curves[0]!.map((_, k) => mean(curves.map((curve) => curve[k]))!);
}

/** Mean average precision over the runs, and over the classes with support where `index` is null; before any thinning. */
function averagePrecision(
  runs: readonly RunData[],
  index: number | null,
): number | null {
  return mean(
    runs.map((run) =>
      mean(
        (run.perClass ?? [])
          .filter(
            (row) => row.support > 0 && (index === null || row.index === index),
          ) // prettier-ignore
          .map((row) => row.ap),
      ),
    ),
  );
}

function curveMarkup(
  space: Frame,
  group: ModelRuns,
  arm: LevelArm,
  all: readonly Condition[],
  index: number | null,
  steps: number,
): string {
  return all
    .map(({ level, runs }, i) => {
      const precision = meanCurve(runs, index, steps);
      const color = levelColor(arm, level, group.levels[arm]);
      const name = level === 0 ? "clean" : levelText(level);
      const label = text(space.right + 10, space.top + 26 + 17 * i, name, { fill: color, "font-weight": 600 }) + text(space.width - 4, space.top + 26 + 17 * i, fixed(averagePrecision(runs, index), 3), { fill: color, "text-anchor": "end" }); // prettier-ignore
      if (!precision) return label;
      const line = precision.map((p, k) => [space.x((k + 1) / steps), space.y(p)] as const); // prettier-ignore
      return stroke(lineData(line), color) + label;
    })
    .join("");
}

function armChart(group: ModelRuns, arm: LevelArm, prefix: string): Chart[] {
  const all = armConditions(group, arm).filter(({ runs }) => runs.some(({ pr }) => pr !== null)); // prettier-ignore
  if (all.length === 0) return [];
  const steps = gridSteps(group.classes.length);
  const space = frame({
    width: 450,
    height: 320,
    right: 104,
    x: { domain: [0, 1], label: "recall" },
    y: { domain: [0, 1], label: "precision" },
  });
  const head = text(space.width - 4, space.top + 8, "AP", { "text-anchor": "end", fill: "var(--muted)" }); // prettier-ignore
  const options = [null, ...group.classes.map((_, index) => index)];
  return [
    {
      title: armTitle(group, arm),
      id: `${prefix}${arm}`,
      svg: chart(
        space.width,
        space.height,
        `Precision against recall of ${group.model}, ${armTitle(group, arm).toLowerCase()}, a curve per level`,
        space.axes +
          head +
          options
            .map((index, k) =>
              variant(
                "class",
                k,
                curveMarkup(space, group, arm, all, index, steps),
              ),
            ) // prettier-ignore
            .join(""),
      ),
    },
  ];
}

/** The data: a row per class and recall, a column per model and condition. */
function curvesCsv(groups: readonly ModelRuns[]): string {
  const classes = groups[0]!.classes;
  const steps = gridSteps(classes.length);
  const columns = groups.flatMap((group) =>
    curveArms(group).flatMap((arm, a) =>
      armConditions(group, arm)
        // The clean curve is the same in every arm.
        .filter(({ level }) => a === 0 || level > 0)
        .map(({ level, runs }) => ({
          name: `${group.model}_${level === 0 ? "baseline" : `${arm}_${level}`}`,
          runs,
        })),
    ),
  );
  const rows = [null, ...classes.map((_, index) => index)].flatMap((index) => {
    const curves = columns.map(({ runs }) => meanCurve(runs, index, steps));
    const name = index === null ? "(macro)" : classes[index]!;
    return Array.from({ length: steps }, (_, k): Cell[] => [
      name,
      (k + 1) / steps,
      ...curves.map((curve) => {
        const value = curve?.[k];
        return value === undefined ? null : Number(value.toPrecision(4));
      }),
    ]);
  });
  return writeCsv(["class", "recall", ...columns.map(({ name }) => name)], rows); // prettier-ignore
}

/** The figure; null where no run has curves. */
export function precisionRecallFigure(
  groups: readonly ModelRuns[],
): Figure | null {
  const shown = groups.filter((group) => group.done.some(({ pr }) => pr !== null) && group.classes.length > 0); // prettier-ignore
  const [first] = shown;
  if (!first) return null;
  const several = shown.length > 1;
  return {
    id: "precision-recall",
    title: "Precision and recall",
    choices: [
      ...modelChoice(shown),
      {
        key: "class",
        label: "Class",
        options: ["all classes (macro)", ...first.classes],
      },
    ],
    panels: shown.map((group, i) => ({
      ...(several && { model: i, title: group.model }),
      charts: curveArms(group).flatMap((arm) =>
        armChart(group, arm, several ? `${slug(group.model)}-` : ""),
      ),
    })),
    caption:
      "Each class against all others, by the softmax probability: at each recall, the precision at the highest threshold " +
      "that reaches it. Macro: the unweighted mean over the classes. AP: average precision, Σ(Rₙ − Rₙ₋₁)Pₙ over all " +
      `thresholds. Curves and AP: ${drawsText(groups)}.`,
    csv: curvesCsv(shown),
  };
}

/** Calibration: how far confidence and accuracy lie apart, by level. */
import { type Cell, writeCsv } from "../csv.js";
import {
  armConditions,
  ARM_TITLE,
  armsOf,
  drawsText,
  type LevelArm,
  mean,
  type ModelRuns,
} from "./aggregate.js";
import type { Figure } from "./figure.js";
import { modelLegend, modelMarkers } from "./legend.js";
import { modelColor } from "./palette.js";
import { chart, frame, lineData, stroke, text } from "./svg.js";

interface EcePoint {
  level: number;
  ece: number;
}

function pointsOf(group: ModelRuns, arm: LevelArm): EcePoint[] {
  return armConditions(group, arm).flatMap(({ level, runs }) => {
    const ece = mean(runs.map(({ summary }) => summary?.last.ece));
    return ece === null ? [] : [{ level, ece }];
  });
}

/** Calibration error by level, a chart per arm and a line per model; null where no level has one. */
export function calibrationFigure(groups: readonly ModelRuns[]): Figure | null {
  const arms = armsOf(groups).map((arm) => ({
    arm,
    lines: groups
      .map((group) => ({ group, points: pointsOf(group, arm) }))
      .filter(({ points }) => points.some(({ level }) => level > 0)),
  }));
  const all = arms.flatMap(({ lines }) => lines.flatMap(({ points }) => points)); // prettier-ignore
  if (all.length === 0) return null;
  const highest = Math.max(0.05, ...all.map(({ ece }) => ece)) * 1.08;
  const last = Math.max(...all.map(({ level }) => level));
  const rows = arms.flatMap(({ arm, lines }) =>
    lines.flatMap(({ group, points }) =>
      points.map(({ level, ece }): Cell[] => [group.model, arm, level, ece]),
    ),
  );
  return {
    id: "calibration",
    title: "Calibration",
    choices: [],
    panels: [
      {
        charts: arms
          .filter(({ lines }) => lines.length > 0)
          .map(({ arm, lines }) => {
            const legend = modelLegend(lines.map(({ group }) => group), 38, 14, 370); // prettier-ignore
            const space = frame({
              width: 420,
              height: 270 + legend.height,
              top: 38 + legend.height,
              x: { domain: [0, 102 * last], label: "level (% of the training images)" }, // prettier-ignore
              y: { domain: [0, highest], label: "" },
            });
            const body = lines.map(({ group, points }) => {
              const at = points.map((p) => [space.x(100 * p.level), space.y(p.ece)] as const); // prettier-ignore
              return stroke(lineData(at), modelColor(group.index), { "stroke-width": 1.5 }) + modelMarkers(group.index, at); // prettier-ignore
            });
            return {
              title: ARM_TITLE[arm],
              id: arm,
              svg: chart(
                space.width,
                space.height,
                `Expected calibration error by level, ${ARM_TITLE[arm].toLowerCase()}`,
                space.axes +
                  legend.markup +
                  text(0, 18 + legend.height, "expected calibration error", {
                    fill: "var(--muted)",
                  }) + // prettier-ignore
                  body.join(""),
              ),
            };
          }),
      },
    ],
    caption:
      "Expected calibration error after the last epoch: the mean distance between confidence and accuracy over 15 " +
      `equal-width bins of the top probability, weighted by their images. 0 is perfect. Points: ${drawsText(groups)}.`,
    csv: writeCsv(["model", "arm", "level", "ece"], rows),
  };
}

/** The Impact Index of one class across the models. */
import type { ImpactRow } from "../measures.js";
import { type ModelRuns, trainingDraws } from "./aggregate.js";
import { type Figure, variant } from "./figure.js";
import { impactOf } from "./impact.js";
import { modelLegend, modelMarkers } from "./legend.js";
import { modelColor } from "./palette.js";
import { chart, type Frame, frame, lineData, stroke, text, whiskerData } from "./svg.js"; // prettier-ignore

/** Beyond this an index is drawn at the edge. */
const LIMIT = 1.2;

const clip = (value: number): number =>
  Math.max(-LIMIT, Math.min(LIMIT, value));

function modelMarkup(
  space: Frame,
  group: ModelRuns,
  rows: readonly ImpactRow[],
  shift: number,
): string {
  const present = rows.filter((row) => row.impact !== null);
  if (present.length === 0) return "";
  const x = (row: ImpactRow) => space.x(100 * row.level) + shift;
  const at = present.map((row) => [x(row), space.y(clip(row.impact!))] as const); // prettier-ignore
  const bars = present
    .filter((row) => row.ciLow !== null && row.ciHigh !== null)
    .map((row) => ({ x: x(row), low: space.y(clip(row.ciLow!)), high: space.y(clip(row.ciHigh!)) })); // prettier-ignore
  const color = modelColor(group.index);
  return (
    stroke(lineData(at), color, { "stroke-width": 1.5, opacity: "0.7" }) +
    stroke(whiskerData(bars, 2), color, { "stroke-width": 1 }) +
    modelMarkers(group.index, at)
  );
}

/** The figure; null where no level exists in both arms. */
export function classIndexFigure(
  groups: readonly ModelRuns[],
  rows: readonly ImpactRow[],
): Figure | null {
  if (groups.length === 0) return null;
  const models = groups.map((group) => ({ group, ...impactOf(group, rows) }));
  const levels = models.flatMap((model) => model.levels);
  const ends = rows.flatMap((row) => (row.impact === null ? [] : [row.impact, row.ciLow ?? row.impact, row.ciHigh ?? row.impact])); // prettier-ignore
  const few = rows.filter((row) => row.interval === "bootstrap");
  const width = 620;
  const legend = modelLegend(groups, 38, 14, width - 50);
  const [low, high] = [Math.min(0, ...ends), Math.max(0.1, ...ends)].map((v) => clip(v * 1.05)); // prettier-ignore
  const space = frame({
    width,
    height: 320 + legend.height,
    top: 34 + legend.height,
    x: { domain: [0, 100 * Math.max(...levels) * 1.04], label: "level, in both arms (%)" }, // prettier-ignore
    y: { domain: [low!, high!], label: "" },
  });
  const classes = groups[0]!.classes;
  const body = classes.map((name, c) =>
    variant(
      "class",
      c,
      models
        .map(({ group, levels: own, at }, i) =>
          modelMarkup(
            space,
            group,
            own.flatMap((level) => at(name, level) ?? []),
            5 * (i - (models.length - 1) / 2),
          ),
        )
        .join(""),
    ),
  );
  return {
    id: "class-index",
    title: groups.length > 1 ? "Index of the class across models" : "Index of the class by level", // prettier-ignore
    choices: [],
    panels: [
      {
        charts: [
          {
            title: null,
            id: "",
            svg: chart(
              space.width,
              space.height,
              "Impact Index of one class by level, for every model",
              space.axes +
                stroke(
                  `M${space.left} ${space.y(0)}H${space.right}`,
                  "var(--muted)",
                  { "stroke-width": 1 },
                ) + // prettier-ignore
                legend.markup +
                text(0, 18 + legend.height, "Impact Index", {
                  fill: "var(--muted)",
                }) + // prettier-ignore
                body.join(""),
            ),
          },
        ],
      },
    ],
    caption:
      "Above 0 noise harmed the class more than losing as many images. Whiskers: 95 % intervals" +
      (few.length > 0
        ? `, with fewer than three seeds over test images, ${trainingDraws(few.map((row) => row.seeds))}`
        : ", over the seeds") +
      `. Values beyond ±${LIMIT} are drawn there.`,
    csv: { sameAs: "impact-index" },
  };
}

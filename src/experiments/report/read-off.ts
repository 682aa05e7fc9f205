/** How the index is read off: the normalised rates of one class in both arms, and the distance between them. */
import type { ImpactRow } from "../measures.js";
import type { ModelRuns } from "./aggregate.js";
import { type Figure, variant } from "./figure.js";
import { fixed, levelText, signed, slug } from "./html.js";
import { impactOf } from "./impact.js";
import { armColor } from "./palette.js";
import { chart, type Frame, frame, lineData, markers, spread, stroke, text } from "./svg.js"; // prettier-ignore

/** Rates beyond this are drawn at the edge: a class that the clean run barely knows would flatten every other. */
const HIGHEST = 1.6;

const clip = (value: number): number => Math.min(value, HIGHEST);

/** The level that the index is shown at: that of the largest index. */
function shownRow(rows: readonly ImpactRow[]): ImpactRow | null {
  return rows.reduce<ImpactRow | null>(
    (best, row) =>
      row.impact !== null && (best === null || Math.abs(row.impact) > Math.abs(best.impact!)) ? row : best, // prettier-ignore
    null,
  );
}

function classMarkup(space: Frame, rows: readonly ImpactRow[]): string {
  const row = shownRow(rows);
  if (row === null)
    return text((space.left + space.right) / 2, (space.top + space.bottom) / 2, "no value: the clean run recognises no image of the class", { "text-anchor": "middle", fill: "var(--muted)" }); // prettier-ignore
  const arm = (name: "noise" | "reduction", key: "tprnNorm" | "tprdNorm") => {
    const at = [[space.x(0), space.y(1)] as const, ...rows.map((r) => [space.x(100 * r.level), space.y(clip(r[key]!))] as const)]; // prettier-ignore
    return stroke(lineData(at), armColor(name)) + markers(0, at.slice(1), armColor(name), 3.4); // prettier-ignore
  };
  const x = space.x(100 * row.level);
  const [yn, yd] = [space.y(clip(row.tprnNorm!)), space.y(clip(row.tprdNorm!))];
  const side = x + 12;
  const bracket =
    stroke(`M${x + 6} ${yn.toFixed(1)}H${side + 6}M${x + 6} ${yd.toFixed(1)}H${side + 6}M${side} ${yn.toFixed(1)}V${yd.toFixed(1)}`, "var(--ink)", { "stroke-width": 1.5 }); // prettier-ignore
  const last = rows.at(-1)!;
  const ends = spread([space.y(clip(last.tprnNorm!)), space.y(clip(last.tprdNorm!)), (yn + yd) / 2], 16, space.top, space.bottom); // prettier-ignore
  const labelX = space.right + 30;
  const labels =
    text(labelX, ends[0]! + 4, "TPRn_norm (noise)", { fill: armColor("noise"), "font-weight": 600 }) + // prettier-ignore
    text(labelX, ends[1]! + 4, "TPRd_norm (reduction)", { fill: armColor("reduction"), "font-weight": 600 }); // prettier-ignore
  const y = `Y = 1 − TPRn_norm = ${fixed(1 - row.tprnNorm!, 2)}`;
  const d = `X = 1 − TPRd_norm = ${fixed(1 - row.tprdNorm!, 2)}`;
  const words = `At ${levelText(row.level)}: ${y}, ${d}; index Y − X = ${signed(row.impact, 2)}`;
  return (
    arm("noise", "tprnNorm") +
    arm("reduction", "tprdNorm") +
    bracket +
    labels +
    text(0, space.height - 8, words)
  );
}

function readOffChart(group: ModelRuns, rows: readonly ImpactRow[]): string {
  const { levels, at } = impactOf(group, rows);
  const values = rows
    .filter((row) => row.model === group.model)
    .flatMap((row) => [row.tprnNorm ?? 1, row.tprdNorm ?? 1])
    .map(clip);
  const space = frame({
    width: 640,
    height: 320,
    right: 200,
    bottom: 66,
    x: { domain: [0, 100 * levels.at(-1)!], label: "level (%)" },
    y: { domain: [Math.min(0, ...values), Math.max(1.1, ...values)], label: "true positive rate / that of the clean run" }, // prettier-ignore
  });
  const one = stroke(`M${space.left} ${space.y(1)}H${space.right}`, "var(--muted)", { "stroke-width": 1, "stroke-dasharray": "3 4" }); // prettier-ignore
  return chart(
    space.width,
    space.height,
    `Normalised true positive rates of one class of ${group.model} by level, and the Impact Index between them`,
    space.axes +
      one +
      group.classes
        .map((name, c) =>
          variant(
            "class",
            c,
            classMarkup(
              space,
              levels.flatMap((level) => at(name, level) ?? []),
            ),
          ),
        )
        .join(""),
  );
}

/** The illustration; null where no level exists in both arms. */
export function readOffFigure(
  groups: readonly ModelRuns[],
  rows: readonly ImpactRow[],
): Figure | null {
  if (groups.length === 0) return null;
  return {
    id: "read-off",
    title: "How the index is read off",
    choices: [],
    panels: groups.map((group, i) => ({
      ...(groups.length > 1 && { model: i, title: group.model }),
      charts: [
        {
          title: null,
          id: groups.length > 1 ? slug(group.model) : "",
          svg: readOffChart(group, rows),
        },
      ],
    })),
    caption:
      "On this sweep's own numbers. Y is what noise takes from the class's clean rate, X what reduction takes; the index " +
      "is their difference, with its sign, shown at the level where it is largest. Rates above " +
      `${HIGHEST} are drawn at ${HIGHEST}.`,
    csv: { sameAs: "impact-index" },
  };
}

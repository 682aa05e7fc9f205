/** The Impact Index, class × level, a heatmap per model. */
import { impactCsv } from "../measure-tables.js";
import type { ImpactRow } from "../measures.js";
import { type ModelRuns, trainingDraws } from "./aggregate.js";
import type { Figure } from "./figure.js";
import { heatmap, MAX_LABELLED, rowOrder } from "./grid.js";
import { fixed, levelText, signed, slug, withoutZero } from "./html.js";
import { CHART_WIDTH } from "./svg.js";

/** End of the colour scale: the largest index up to 1. A class that the clean run barely knows has a wild ratio, which must not wash out the others. */
function impactScale(rows: readonly ImpactRow[]): {
  max: number;
  beyond: boolean;
} {
  const largest = Math.max(0.1, ...rows.map((row) => Math.abs(row.impact ?? 0))); // prettier-ignore
  const max = Math.min(1, Math.ceil(largest * 10 - 1e-9) / 10);
  return { max, beyond: largest > max };
}

/** What is known of a cell, in a line. */
function impactNote(row: ImpactRow): string {
  const where = `${row.class}, ${levelText(row.level)}`;
  if (row.impact === null)
    return `${where}: no index, because the clean run recognises no image of the class`;
  const interval =
    row.ciLow === null || row.ciHigh === null
      ? "no interval"
      : `95 % interval ${signed(row.ciLow, 2)} to ${signed(row.ciHigh, 2)}${row.interval === "bootstrap" ? `, ${trainingDraws([row.seeds])}` : ""}`;
  const marked = row.marked ? "; differs from 0" : "";
  return (
    `${where}: index ${signed(row.impact, 2)} (${interval}; n = ${row.seeds} ${row.seeds === 1 ? "seed" : "seeds"})${marked}; ` +
    `TPR clean ${fixed(row.tpr0, 2)}, noise ${fixed(row.tprNoise, 2)}, reduction ${fixed(row.tprReduction, 2)}`
  );
}

/** The rows of a model by class and level; levels ascending, classes in their own order. */
export function impactOf(
  group: ModelRuns,
  rows: readonly ImpactRow[],
): { levels: number[]; at: (name: string, level: number) => ImpactRow | null } {
  const own = rows.filter((row) => row.model === group.model);
  const byKey = new Map(own.map((row) => [`${row.level} ${row.class}`, row]));
  return {
    levels: [...new Set(own.map((row) => row.level))].sort((a, b) => a - b),
    at: (name, level) => byKey.get(`${level} ${name}`) ?? null,
  };
}

function impactMap(
  group: ModelRuns,
  rows: readonly ImpactRow[],
  scale: { max: number; beyond: boolean },
  width: number,
) {
  const { levels, at } = impactOf(group, rows);
  const all = group.classes.map((name) => levels.map((level) => at(name, level))); // prettier-ignore
  const order = rowOrder(all.map((row) => row.map((cell) => cell?.impact ?? null))); // prettier-ignore
  const names = order.map((c) => group.classes[c]!);
  const cells = order.map((c) => all[c]!);
  const more = scale.beyond ? " +" : "";
  return heatmap({
    rows: names,
    columns: levels.map(levelText),
    values: cells.map((row) => row.map((cell) => cell?.impact ?? null)),
    marks: cells.map((row) => row.map((cell) => cell?.marked ?? false)),
    notes: cells.map((row, c) =>
      row.map((cell, l) =>
        cell
          ? impactNote(cell)
          : `${names[c]!}, ${levelText(levels[l]!)}: not measured`,
      ),
    ),
    scale: "index",
    max: scale.max,
    text: (value) => withoutZero(signed(value, 2)),
    columnLabel: "level, in both arms",
    description: `Impact Index of each class of ${group.model} by level`,
    legend: [`−${scale.max}${more}`, "0", `+${scale.max}${more}`],
    width,
  });
}

/** The heatmaps; null where no level exists in both arms. */
export function impactFigure(
  groups: readonly ModelRuns[],
  rows: readonly ImpactRow[],
): Figure | null {
  const shown = groups.filter((group) => rows.some((row) => row.model === group.model)); // prettier-ignore
  if (shown.length === 0) return null;
  const scale = impactScale(rows);
  const seeds = rows.map((row) => row.seeds);
  const [fewest, most] = [Math.min(...seeds), Math.max(...seeds)];
  const n = fewest === most ? String(most) : `${fewest} to ${most}`;
  const few = rows.filter((row) => row.interval === "bootstrap");
  const overSeeds = rows.some((row) => row.interval === "t");
  const width = shown.length === 1 ? 520 : CHART_WIDTH;
  return {
    id: "impact-index",
    title: "Impact Index by class",
    choices: [],
    panels: [
      {
        charts: shown.map((group) => ({
          title: groups.length > 1 ? group.model : null,
          id: groups.length > 1 ? slug(group.model) : "",
          ...impactMap(group, rows, scale, width),
        })),
      },
    ],
    caption:
      "Impact Index = TPRd_norm − TPRn_norm at the same level: what a wrong label costs a class beyond what a missing " +
      "image costs it. Orange, positive: noise harmed the class more than losing the data. Blue, negative: losing the " +
      `data harmed it more. Hatched: no value, because the clean run recognises no image of the class. n = ${n} ${most === 1 ? "seed" : "seeds"}. ` +
      "Underlined (or dotted, where cells are small): cells that differ from 0 at a false discovery rate of 5 % per model (Benjamini–Hochberg)." +
      (few.length > 0
        ? ` With fewer than three seeds the test is over test images (exact sign flips; of one seed McNemar's), for ${trainingDraws(few.map((row) => row.seeds))}: for these networks only.`
        : "") +
      (overSeeds
        ? " Intervals over the seeds take the clean rate, the unit of the index, as given."
        : "") +
      (shown[0]!.classes.length > MAX_LABELLED ? " Classes by their mean index." : ""), // prettier-ignore
    csv: impactCsv(rows),
  };
}

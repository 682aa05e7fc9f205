/** Which classes noise hits hardest: sensitivities of every model, and how far the models agree on their order. */
import { sensitivityCsv } from "../measure-tables.js";
import type { Concordance, SensitivityRow } from "../measures.js";
import { meanRankCorrelation } from "../statistics.js";
import { mean, type ModelRuns } from "./aggregate.js";
import type { Figure } from "./figure.js";
import { fixed } from "./html.js";
import { modelLegend, modelMarkers } from "./legend.js";
import { chart, element, frame, shorten, text, textWidth } from "./svg.js"; // prettier-ignore

/** Above this many classes the middle of the order is left to the table. */
const MAX_SHOWN = 40;

interface ClassLine {
  name: string;
  rank: number;
  rows: SensitivityRow[];
}

/** The classes by their mean rank over the models, the most sensitive first; without those that have none anywhere. */
export function rankedClasses(rows: readonly SensitivityRow[]): ClassLine[] {
  const names = [...new Set(rows.map((row) => row.class))];
  return names
    .map((name) => {
      const own = rows.filter((row) => row.class === name);
      return { name, rows: own, rank: mean(own.map((row) => row.rank)) };
    })
    .filter((line): line is ClassLine => line.rank !== null)
    .sort((a, b) => a.rank - b.rank);
}

/** How far the models agree, in words. */
function concordanceText(
  concordance: Concordance | null,
  models: number,
): string {
  const across = concordance?.acrossModels;
  if (!across)
    return models < 2
      ? "With one model there is no agreement between models to measure."
      : "The models' orders of the classes cannot be compared: all classes are tied, or no noise level is common to the models.";
  const raters = across.models.length;
  const within = concordance.withinModel.flatMap(({ model, w, seeds }) => w === null ? [] : [`${model} ${fixed(meanRankCorrelation(w, seeds), 2)}`]); // prettier-ignore
  const beside =
    within.length > 0
      ? `; between two seeds of one model: ${within.join(", ")}`
      : "";
  const left = across.left_out.length > 0 ? ` Left out, without a sensitivity in some model: ${across.left_out.join(", ")}.` : ""; // prettier-ignore
  return (
    `Across ${raters} models Kendall's W of the class ranks is ${fixed(across.w, 2)} ` +
    `(1: all models order the classes alike; random orders give ${fixed(1 / raters, 2)} on average). The mean rank correlation, ` +
    `0 for random orders, is ${fixed(meanRankCorrelation(across.w, raters), 2)} between two models${beside}.${left} ` +
    "Both are descriptive: the models share their poison and their test images, so no p-value belongs to them."
  );
}

function sensitivityChart(
  groups: readonly ModelRuns[],
  lines: readonly (ClassLine | null)[],
): string {
  const rowHeight = 20;
  const names = lines.map((line) => (line ? shorten(line.name, 20) : "⋮"));
  const left = 14 + Math.max(...names.map((name) => textWidth(name)));
  const width = 620;
  const legend = modelLegend(groups, left, 14, width - left);
  const values = lines.flatMap((line) => line?.rows.map((row) => row.sensitivity ?? 0) ?? []); // prettier-ignore
  const [low, high] = [Math.min(0, ...values), Math.max(0.1, ...values)];
  const pad = (high - low) * 0.04;
  const top = legend.height + 8;
  const space = frame({
    width,
    height: top + lines.length * rowHeight + 44,
    top,
    left,
    right: 10,
    x: { domain: [low < 0 ? low - pad : 0, high + pad], label: "mean over the noise levels of 1 − TPRn_norm" }, // prettier-ignore
    y: { domain: [0, 1], ticks: [], label: "" },
  });
  const y = (i: number) => top + (i + 0.5) * rowHeight;
  const rules = lines.map((line, i) => (line ? `M${space.left} ${y(i).toFixed(1)}H${space.right}` : "")); // prettier-ignore
  const labels = names.map((name, i) => text(left - 8, y(i) + 4, name, { "text-anchor": "end" })); // prettier-ignore
  const markers = groups.map(({ model, index }) =>
    modelMarkers(
      index,
      lines.flatMap((line, i) =>
        (line?.rows ?? [])
          .filter((row) => row.model === model && row.sensitivity !== null)
          .map((row) => [space.x(row.sensitivity!), y(i)] as const),
      ),
      4,
    ),
  );
  const zero = low < 0 ? `M${space.x(0).toFixed(1)} ${top}V${space.bottom}` : ""; // prettier-ignore
  return chart(
    space.width,
    space.height,
    "Sensitivity of each class to noise, by model; the most sensitive class on top",
    space.axes +
      legend.markup +
      element("path", { d: rules.join(""), stroke: "var(--rule)" }) +
      (zero === ""
        ? ""
        : element("path", { d: zero, stroke: "var(--muted)" })) +
      labels.join("") +
      markers.join(""),
  );
}

/** The figure; null without sensitivities. */
export function sensitivityFigure(
  groups: readonly ModelRuns[],
  rows: readonly SensitivityRow[],
  concordance: Concordance | null,
): Figure | null {
  const ranked = rankedClasses(rows);
  if (ranked.length === 0) return null;
  const half = MAX_SHOWN / 2;
  const lines =
    ranked.length <= MAX_SHOWN
      ? ranked
      : [...ranked.slice(0, half), null, ...ranked.slice(-half)];
  const shown = groups.filter((group) => rows.some((row) => row.model === group.model)); // prettier-ignore
  return {
    id: "sensitivity",
    title: "Which classes noise hits hardest",
    choices: [],
    panels: [
      {
        charts: [{ title: null, id: "", svg: sensitivityChart(shown, lines) }],
      },
    ],
    caption:
      "Sensitivity of a class: the mean over the noise levels of 1 − TPRn_norm, the share of its clean recall that it lost. " +
      "Classes stand in the order of their mean rank over the models" +
      (ranked.length > MAX_SHOWN
        ? `; the ${half} most and the ${half} least sensitive of ${ranked.length} are drawn, the table has all. `
        : ". ") +
      concordanceText(concordance, shown.length),
    csv: sensitivityCsv(rows),
  };
}

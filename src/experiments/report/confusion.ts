/** Confusion matrices, one per run. */
import { type Cell, writeCsv } from "../csv.js";
import type { ConfusionTable } from "../tables.js";
import { conditionText, type ModelRuns, runText } from "./aggregate.js";
import { type Figure, type Panel, svgMarkup } from "./figure.js";
import { heatmap, MAX_LABELLED } from "./heatmap.js";
import { slug } from "./html.js";
import { shade } from "./palette.js";

/** Rows divided by their sum: of the images of a true class, the share predicted as each class. */
function shares(counts: readonly (readonly number[])[]): (number | null)[][] {
  return counts.map((row) => {
    const support = row.reduce((a, b) => a + b, 0);
    return row.map((count) => (support === 0 ? null : count / support));
  });
}

/**
 * A matrix of many classes: cells of one shade are a single path, which keeps a matrix of 100 × 100 at some tens of
 * kilobytes; names and numbers would not be readable and are in the table.
 */
function denseMatrix(
  document: Document,
  values: (number | null)[][],
  description: string,
): string {
  const size = values.length;
  const paths = new Map<string, string>();
  values.forEach((row, t) => {
    row.forEach((value, p) => {
      const step = value === null ? "seq-0" : shade("seq", value, 1);
      if (step !== "seq-0")
        paths.set(step, `${paths.get(step) ?? ""}M${p},${t}h1v1h-1z`);
    });
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("width", "560");
  svg.setAttribute("class", "chart");
  svg.innerHTML =
    `<path fill="var(--seq-0)" d="M0,0h${size}v${size}h-${size}z"/>` +
    [...paths]
      .map(([step, d]) => `<path fill="var(--${step})" d="${d}"/>`)
      .join("");
  return svgMarkup(svg, description);
}

function matrix(
  document: Document,
  table: ConfusionTable,
  description: string,
  id: string,
): string {
  const values = shares(table.counts);
  if (table.classes.length > MAX_LABELLED)
    return denseMatrix(document, values, description);
  return heatmap(document, {
    rows: table.classes,
    columns: table.classes,
    values,
    scale: "seq",
    max: 1,
    text: (value) => (value < 0.005 ? "" : (100 * value).toFixed(0)),
    rowLabel: "true class",
    columnLabel: "predicted class",
    id,
    description,
    width: Math.max(380, 140 + 42 * table.classes.length),
    rowHeight: 32,
    legend: ["0 %", "share of the true class", "100 %"],
    tiltColumns: true,
  });
}

/** The confusion matrices of a model's runs; null where no run has one. */
export function confusionFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  const panels: Panel[] = [];
  const rows: Cell[][] = [];
  for (const run of group.done) {
    if (!run.confusion) continue;
    const { classes, counts } = run.confusion;
    const label = runText(group, run);
    const panelId = slug(label);
    const svg = matrix(
      document,
      run.confusion,
      `Confusion matrix of ${group.model}, ${label}`,
      `${id}-${panelId}-none`,
    );
    panels.push({
      label,
      id: panelId,
      charts: [{ title: conditionText(run.row), id: "", svg }],
    });
    counts.forEach((row, t) => {
      rows.push([
        run.row.arm,
        run.row.level,
        run.row.seed,
        classes[t]!,
        ...row,
      ]);
    });
  }
  if (panels.length === 0) return null;
  const dense = group.classes.length > MAX_LABELLED;
  return {
    id,
    title: "Confusion matrices",
    choice: "Run",
    panels,
    caption:
      "Rows: true classes; columns: predicted classes; after the last epoch. Each cell is the share, in percent, of the " +
      "row's test images; cells below half a percent stay empty. The diagonal is the true positive rate." +
      (dense
        ? " Classes stand in the data set's order; names and counts are in the data."
        : ""),
    csv: writeCsv(
      ["arm", "level", "seed", "true_class", ...group.classes],
      rows,
    ),
  };
}

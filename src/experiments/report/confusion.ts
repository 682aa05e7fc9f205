/** Confusion matrices, one per run. */
import { type Cell, writeCsv } from "../csv.js";
import type { ConfusionTable } from "../tables.js";
import { conditionText, type ModelRuns, runText } from "./aggregate.js";
import { appendSvg, type Figure, type Panel, svgMarkup } from "./figure.js";
import { addLegend, heatmap, MAX_LABELLED } from "./heatmap.js";
import { slug } from "./html.js";
import { shade } from "./palette.js";

/** Rows divided by their sum: of the images of a true class, the share predicted as each class. */
function shares(counts: readonly (readonly number[])[]): (number | null)[][] {
  return counts.map((row) => {
    const support = row.reduce((a, b) => a + b, 0);
    return row.map((count) => (support === 0 ? null : count / support));
  });
}

/** Width of a matrix of many classes, in CSS pixels. */
const DENSE_WIDTH = 560;

/** Share at the end of the scale where there are many classes: most confusions are of a few percent. */
const DENSE_MAX = 0.5;

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
  const paths = new Map([["seq-0", `M0,0h${size}v${size}h-${size}z`]]);
  values.forEach((row, t) => {
    row.forEach((value, p) => {
      const step = value === null ? "seq-0" : shade("seq", value, DENSE_MAX);
      if (step !== "seq-0")
        paths.set(step, `${paths.get(step) ?? ""}M${p},${t}h1v1h-1z`);
    });
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const side = DENSE_WIDTH - 28;
  const look = {
    class: "chart",
    width: DENSE_WIDTH,
    fill: "currentColor",
    "font-size": 12,
  };
  for (const [name, value] of Object.entries(look))
    svg.setAttribute(name, String(value));
  const middle = { x: 20 + side / 2, y: 12, "text-anchor": "middle" };
  appendSvg(document, svg, "text", middle).textContent = "predicted class";
  const turned = {
    x: -20 - side / 2,
    y: 12,
    "text-anchor": "middle",
    transform: "rotate(-90)",
  };
  appendSvg(document, svg, "text", turned).textContent = "true class";
  const cells = appendSvg(document, svg, "g", {
    transform: `translate(20,20) scale(${Math.floor((10 * side) / size) / 10})`,
  });
  for (const [step, d] of paths)
    appendSvg(document, cells, "path", { fill: `var(--${step})`, d });
  const legend = ["0 %", "share of the true class", `≥ ${100 * DENSE_MAX} %`];
  addLegend(
    document,
    svg,
    { scale: "seq", max: DENSE_MAX, legend },
    DENSE_WIDTH,
    side + 24,
  );
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
      "row's test images" +
      (dense ? "" : "; cells below half a percent stay empty") +
      ". The diagonal is the true positive rate." +
      (dense
        ? " Classes stand in the data set's order; names and counts are in the data."
        : ""),
    csv: writeCsv(
      ["arm", "level", "seed", "true_class", ...group.classes],
      rows,
    ),
  };
}

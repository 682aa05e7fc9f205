/** Confusion matrices: for the model and the condition that the reader chooses, in the order that the reader chooses. */
import { type Cell, writeCsv } from "../csv.js";
import { conditionText, conditions, type ModelRuns } from "./aggregate.js";
import { type CellSpec, cellsMarkup } from "./cells.js";
import {
  addCounts,
  type Counts,
  orderByConfusion,
  orderByRecall,
  shareOf,
  topConfusions,
} from "./class-order.js";
import { type Chart, type Figure, modelChoice, type Panel } from "./figure.js";
import { explorable, legendMarkup, MAX_LABELLED } from "./grid.js";
import { escapeHtml, percent, slug, tableHtml } from "./html.js";
import { shade } from "./palette.js";
import { chart, shorten, text, textWidth } from "./svg.js";

/** A matrix of a condition, summed over its seeds. */
interface Matrix {
  arm: string;
  level: number;
  name: string;
  seeds: number;
  counts: Counts;
}

interface ModelMatrices {
  group: ModelRuns;
  classes: readonly string[];
  matrices: Matrix[];
}

function matricesOf(group: ModelRuns): ModelMatrices | null {
  let classes: readonly string[] = [];
  const matrices = conditions(group).flatMap((condition): Matrix[] => {
    const tables = condition.runs.flatMap(({ confusion }) => confusion ?? []);
    if (tables.length === 0) return [];
    ({ classes } = tables[0]!);
    return [
      {
        arm: condition.arm,
        level: condition.level,
        name: conditionText(condition),
        seeds: tables.length,
        counts: addCounts(tables.map(({ counts }) => counts)),
      },
    ];
  });
  return matrices.length === 0 ? null : { group, classes, matrices };
}

const ORDERS = ["of the data", "alike side by side", "best recognised first"];

/** Index of the order that a matrix shows at first: names help where they can be read, likeness where they are many. */
const firstOrder = (classes: number): number =>
  classes > MAX_LABELLED ? 1 : 0;

function geometry(classes: readonly string[]): {
  cells: Pick<CellSpec, "left" | "top" | "cellWidth" | "cellHeight" | "size">;
  names: string[];
} {
  const many = classes.length > MAX_LABELLED;
  const size = many ? 8.5 : 12;
  const names = classes.map((name) => shorten(name, many ? 18 : 14));
  const label = 14 + Math.max(...names.map((name) => textWidth(name, size)));
  const cell = many
    ? Math.max(9, Math.min(20, 900 / classes.length))
    : Math.min(38, 480 / classes.length);
  return {
    cells: { left: label + 18, top: label + 18, cellWidth: cell, cellHeight: cell, size }, // prettier-ignore
    names,
  };
}

function matrixSvg(
  model: ModelMatrices,
  matrix: Matrix,
  order: readonly number[],
): { svg: string; spec: CellSpec } {
  const { cells, names } = geometry(model.classes);
  const large = model.classes.length > MAX_LABELLED;
  const { counts } = matrix;
  const empty = counts.map((row) => row.every((count) => count === 0));
  const sorted = order.map((c) => names[c]!);
  const spec: CellSpec = {
    ...cells,
    rows: sorted,
    columns: sorted,
    turned: true,
    // The root of the share: confusions of a few percent are what a reader looks for.
    shades: order.map((t) =>
      order.map((p) =>
        empty[t] ? null : shade("seq", Math.sqrt(shareOf(counts, t, p)), 1),
      ),
    ),
    texts: large
      ? null
      : order.map((t) =>
          order.map((p) => {
            const share = shareOf(counts, t, p);
            return share < 0.005 ? "" : String(Math.round(100 * share));
          }),
        ),
    marks: null,
  };
  const side = cells.left + order.length * cells.cellWidth;
  const muted = { fill: "var(--muted)" };
  const middle = cells.left + (order.length * cells.cellWidth) / 2;
  // Two classes make a matrix narrower than the words beside its legend.
  const length = Math.max(120, Math.min(360, side - cells.left));
  // Squares of 0 to 1 at equal steps; a few classes leave no room for five.
  const ticks =
    length < 180
      ? ["0", "25 %", "100 %"]
      : ["0", "6 %", "25 %", "56 %", "100 %"];
  const svg = chart(
    Math.max(side, cells.left + length) + 4,
    side + 36,
    `Confusion matrix of ${model.group.model}`,
    text(middle, 12, "predicted class", { ...muted, "text-anchor": "middle" }) +
      text(0, 0, "true class", {
        ...muted,
        "text-anchor": "middle",
        transform: `translate(12,${middle.toFixed(1)})rotate(-90)`,
      }) + // prettier-ignore
      `<g class="matrix">${cellsMarkup(spec)}</g>` +
      legendMarkup("seq", ticks, cells.left, side + 8, length),
  );
  return { svg, spec };
}

/** The largest confusions without noise and at the highest level of noise. */
function topTable({ group, classes, matrices }: ModelMatrices): string {
  const clean = matrices.find(({ level }) => level === 0) ?? matrices[0]!;
  const noisy = matrices.findLast(({ arm }) => arm === "noise");
  const other = noisy && noisy !== clean ? noisy : null;
  const rows = topConfusions(clean.counts, 10).map((pair) => [
    `${escapeHtml(classes[pair.truth]!)} → ${escapeHtml(classes[pair.predicted]!)}`,
    percent(pair.share),
    ...(other ? [percent(shareOf(other.counts, pair.truth, pair.predicted))] : []), // prettier-ignore
  ]);
  if (rows.length === 0) return "";
  return tableHtml(
    [
      { title: "true → predicted" },
      { title: clean.name, numeric: true },
      ...(other ? [{ title: other.name, numeric: true }] : []),
    ],
    rows,
    `The largest confusions of ${group.model}`,
    "short",
  );
}

function panelOf(
  model: ModelMatrices,
  index: number,
  names: readonly string[],
  several: boolean,
): Panel {
  const [reference] = model.matrices;
  const natural = model.classes.map((_, c) => c);
  const start = firstOrder(model.classes.length);
  const orders = [
    natural,
    orderByConfusion(reference!.counts),
    orderByRecall(reference!.counts),
  ];
  // The order that shows at first is option 0.
  const listed = [orders[start]!, ...orders.filter((_, i) => i !== start)];
  const { svg, spec } = matrixSvg(model, reference!, listed[0]!);
  const data = {
    classes: model.classes,
    names: geometry(model.classes).names,
    size: spec.size,
    orders: listed,
    // Null: the model has no finished run under that condition.
    counts: names.map((name) => {
      const matrix = model.matrices.find((one) => one.name === name);
      return matrix?.counts.map((row) => row.join(" ")).join(";") ?? null;
    }),
  };
  const large = model.classes.length > MAX_LABELLED ? " data-large" : "";
  const prefix = several ? `${slug(model.group.model)}-` : "";
  const rest: Chart[] = model.matrices.slice(1).map((matrix) => ({
    title: null,
    id: `${prefix}${slug(matrix.name)}`,
    svg: matrixSvg(model, matrix, listed[0]!).svg,
    fileOnly: true,
  }));
  return {
    ...(several && { model: index, title: model.group.model }),
    charts: [
      {
        title: null,
        id: `${prefix}${slug(reference!.name)}`,
        svg,
        wrap: (inner) =>
          explorable(inner, spec, `data-confusion="${escapeHtml(JSON.stringify(data))}"${large}`), // prettier-ignore
      },
      ...rest,
    ],
    after: topTable(model),
  };
}

/** The figure; null where no run has its matrix. */
export function confusionFigure(groups: readonly ModelRuns[]): Figure | null {
  const models = groups.flatMap((group) => matricesOf(group) ?? []);
  const [first] = models;
  if (!first) return null;
  const start = firstOrder(first.classes.length);
  // A partial sweep has conditions that only some models have.
  const names = [...new Set(models.flatMap(({ matrices }) => matrices.map(({ name }) => name)))]; // prettier-ignore
  const rows = models.flatMap(({ group, classes, matrices }) =>
    matrices.flatMap(
      ({ arm, level, seeds, counts }) =>
      counts.map((row, t): Cell[] => [group.model, arm, level, seeds, classes[t]!, ...row]), // prettier-ignore
    ),
  );
  return {
    id: "confusion",
    title: "Confusion matrices",
    choices: [
      ...modelChoice(models.map(({ group }) => group)),
      {
        key: "condition",
        label: "Trained on",
        options: names,
      },
      {
        key: "order",
        label: "Order of classes",
        options: [ORDERS[start]!, ...ORDERS.filter((_, i) => i !== start)],
      },
    ],
    panels: models.map((model, i) =>
      panelOf(model, i, names, models.length > 1),
    ),
    caption:
      "Of the test images of each true class, the share in percent predicted as each class; the diagonal is the true " +
      "positive rate. Shades follow the root of the share, so that small confusions are seen. Alike: classes that the " +
      "first matrix confuses stand side by side (average linkage). Counts are summed over the seeds.",
    csv: writeCsv(["model", "arm", "level", "seeds", "true", ...first.classes], rows), // prettier-ignore
  };
}

/** Heatmaps: cells in steps of a scale with their values, a legend, and cells that can be read one by one. */
import { type CellSpec, cellsMarkup } from "./cells.js";
import { escapeHtml } from "./html.js";
import { DIVERGING_STEPS, SEQUENTIAL_STEPS, shade } from "./palette.js";
import { chart, CHART_WIDTH, element, shorten, text, textWidth } from "./svg.js"; // prettier-ignore

/** Above this many rows cells are too small for numbers. */
export const MAX_LABELLED = 20;

export interface HeatmapSpec {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** Null cells are hatched: there is no value. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly scale: "seq" | "index" | "change";
  /** Value at the end of the scale, and at the middle of a diverging one. */
  readonly max: number;
  readonly center?: number;
  readonly text: (value: number) => string;
  readonly marks?: readonly (readonly boolean[])[];
  readonly columnLabel: string;
  readonly description: string;
  /** What a reader is told of each cell, by row and column. */
  readonly notes: readonly (readonly string[])[];
  /** Texts of the legend from low to high. */
  readonly legend: readonly string[];
  readonly width?: number;
}

/**
 * Rows of a heatmap: in the data's order, or, where they are too many to be found by name, by their mean value, the
 * largest first.
 */
export function rowOrder(
  values: readonly (readonly (number | null)[])[],
): number[] {
  const order = values.map((_, r) => r);
  if (values.length <= MAX_LABELLED) return order;
  const means = values.map((row) => {
    const known = row.filter((value) => value !== null);
    return known.length === 0
      ? -Infinity
      : known.reduce((a, b) => a + b, 0) / known.length;
  });
  return order.sort((a, b) => means[b]! - means[a]!);
}

/** A strip of a scale and its texts at even distances. */
export function legendMarkup(
  scale: HeatmapSpec["scale"],
  texts: readonly string[],
  x: number,
  y: number,
  length: number,
): string {
  const steps = scale === "seq" ? SEQUENTIAL_STEPS : DIVERGING_STEPS;
  const strip = Array.from({ length: steps }, (_, k) =>
    element("rect", {
      x: x + (k * length) / steps,
      y,
      width: length / steps + 0.5,
      height: 7,
      fill: `var(--${scale}-${k})`,
    }),
  );
  const last = texts.length - 1;
  const labels = texts.map((content, i) =>
    text(x + (i * length) / last, y + 21, content, {
      "text-anchor": i === 0 ? "start" : i === last ? "end" : "middle",
      fill: "var(--muted)",
    }),
  );
  return strip.join("") + labels.join("");
}

/** A heatmap and the wrapping in which its cells can be read one by one. */
export function heatmap(spec: HeatmapSpec): {
  svg: string;
  wrap: (svg: string) => string;
} {
  const width = spec.width ?? CHART_WIDTH;
  const many = spec.rows.length > MAX_LABELLED;
  const size = many ? 9 : 12;
  const names = spec.rows.map((name) => shorten(name, many ? 22 : 14));
  const left = Math.min(
    110,
    12 + Math.max(...names.map((name) => textWidth(name, size))),
  );
  const top = 40;
  const cellWidth = (width - left) / spec.columns.length;
  const cellHeight = many ? 11 : 25;
  const bottom = top + spec.rows.length * cellHeight;
  const cells: CellSpec = {
    left,
    top,
    cellWidth,
    cellHeight,
    size,
    rows: names,
    columns: spec.columns,
    turned: false,
    shades: spec.values.map((row) =>
      row.map((value) =>
        value === null
          ? null
          : shade(spec.scale, value - (spec.center ?? 0), spec.max),
      ),
    ),
    texts:
      many || cellWidth < 26
        ? null
        : spec.values.map((row) =>
            row.map((value) => (value === null ? "" : spec.text(value))),
          ),
    marks: spec.marks ?? null,
  };
  const svg = chart(
    width,
    bottom + 36,
    spec.description,
    text((left + width) / 2, 12, spec.columnLabel, {
      "text-anchor": "middle",
      fill: "var(--muted)",
    }) +
      cellsMarkup(cells) +
      legendMarkup(spec.scale, spec.legend, left, bottom + 8, width - left - 2),
  );
  const notes = escapeHtml(JSON.stringify(spec.notes));
  return {
    svg,
    wrap: (inner) => explorable(inner, cells, `data-notes="${notes}"`),
  };
}

/** Cells that arrow keys and the pointer walk through, with a line that reads the current one. */
export function explorable(
  svg: string,
  { left, top, cellWidth, cellHeight }: CellSpec,
  data: string,
): string {
  const label = escapeHtml(/aria-label="([^"]*)"/.exec(svg)?.[1] ?? "");
  return (
    `<div class="cells" data-cells="${[left, top, cellWidth, cellHeight].join(" ")}" ${data}>` +
    `<div class="reach" tabindex="0" role="application" aria-label="${label.replaceAll("&amp;", "&")}: arrow keys read the cells">${svg}</div>` +
    `<p class="readout" aria-live="polite"><span class="hint">Point at a cell, or use the arrow keys, to read it.</span></p></div>`
  );
}

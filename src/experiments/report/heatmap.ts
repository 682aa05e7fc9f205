/** Draws heatmaps: cells in steps of a scale, their values, hatching where there is none, and a legend. */
import * as Plot from "@observablehq/plot";
import {
  appendSvg,
  CHART_WIDTH,
  plotElement,
  svgMarkup,
  textLength,
} from "./figure.js";
import { DIVERGING_STEPS, SEQUENTIAL_STEPS, shade } from "./palette.js";

/** Above this many classes cells are too small for numbers. */
export const MAX_LABELLED = 20;

/** What a heatmap shows. */
export interface HeatmapSpec {
  rows: readonly string[];
  columns: readonly string[];
  /** Null cells are hatched: there is no value. */
  values: readonly (readonly (number | null)[])[];
  scale: "seq" | "index" | "change";
  /** Value at the end of the scale. */
  max: number;
  /** Value at the middle of a diverging scale. */
  center?: number;
  text: (value: number) => string;
  rowLabel: string;
  columnLabel: string;
  /** Unique in the page: names the hatching. */
  id: string;
  description: string;
  width?: number;
  rowHeight?: number;
  /** Texts of the legend from low to high. */
  legend: readonly string[];
  tiltColumns?: boolean;
}

/** At most `length` characters; the rest of a long name is in the table. */
function shorten(name: string, length = 16): string {
  const characters = Array.from(name);
  return characters.length <= length
    ? name
    : characters.slice(0, length - 1).join("") + "…";
}

/** Adds a strip of the scale with its texts below the plot, so that a figure stands alone. */
export function addLegend(
  document: Document,
  svg: Element,
  spec: Pick<HeatmapSpec, "scale" | "max" | "legend">,
  width: number,
  height: number,
): void {
  const left = 12;
  const length = Math.min(spec.scale === "index" ? 356 : 240, width - 24);
  const steps = spec.scale === "seq" ? SEQUENTIAL_STEPS : DIVERGING_STEPS;
  const low = spec.scale === "seq" ? 0 : -spec.max;
  const group = appendSvg(document, svg, "g", {
    transform: `translate(${left},${height + 4})`,
  });
  for (let k = 0; k < steps; k++) {
    const value = low + ((spec.max - low) * k) / (steps - 1);
    appendSvg(document, group, "rect", {
      x: (k * length) / steps,
      width: length / steps + 0.5,
      height: 8,
      fill: `var(--${shade(spec.scale, value, spec.max)})`,
    });
  }
  spec.legend.forEach((text, i) => {
    const label = appendSvg(document, group, "text", {
      x: (i * length) / (spec.legend.length - 1),
      y: 22,
      "text-anchor":
        i === 0 ? "start" : i === spec.legend.length - 1 ? "end" : "middle",
      fill: "var(--muted)",
    });
    label.textContent = text;
  });
  svg.setAttribute("height", String(height + 32));
  svg.setAttribute("viewBox", `0 0 ${width} ${height + 32}`);
}

function addHatching(document: Document, svg: Element, id: string): void {
  const pattern = appendSvg(document, svg, "pattern", {
    id,
    width: 6,
    height: 6,
    patternUnits: "userSpaceOnUse",
    patternTransform: "rotate(45)",
  });
  appendSvg(document, pattern, "line", {
    y2: 6,
    stroke: "var(--muted)",
    "stroke-width": 1.5,
  });
}

/** A heatmap as SVG markup. */
export function heatmap(document: Document, spec: HeatmapSpec): string {
  const width = spec.width ?? CHART_WIDTH;
  const rowHeight =
    spec.rowHeight ?? (spec.rows.length <= MAX_LABELLED ? 26 : 12);
  const longest = Math.max(
    ...spec.rows.map((name) => textLength(shorten(name))),
  );
  const tilt = spec.tiltColumns === true;
  const longestColumn = Math.max(
    ...spec.columns.map((name) => textLength(shorten(name))),
  );
  const marginTop = tilt ? 34 + longestColumn * 5.2 : 40;
  const height = marginTop + spec.rows.length * rowHeight + 8;
  const cells = spec.values.flatMap((row, r) =>
    row.map((value, c) => ({ r, c, value })),
  );
  const numbers =
    Math.max(spec.rows.length, spec.columns.length) <= MAX_LABELLED;
  const step = (value: number): string =>
    shade(spec.scale, value - (spec.center ?? 0), spec.max);
  const small = spec.rows.length > MAX_LABELLED ? 9 : 12;
  const svg = plotElement(document, {
    width,
    height,
    marginTop,
    marginBottom: 4,
    marginLeft: Math.max(60, 30 + longest * (small === 9 ? 5 : 6.7)),
    marginRight: tilt ? 34 : 8,
    style: { fontSize: `${small}px` },
    x: {
      type: "band",
      domain: spec.columns.map((_, c) => c),
      padding: 0.03,
      axis: null,
    },
    y: {
      type: "band",
      domain: spec.rows.map((_, r) => r),
      padding: 0.03,
      axis: null,
    },
    color: { type: "identity" },
    marks: [
      Plot.axisX({
        anchor: "top",
        label: spec.columnLabel,
        labelArrow: "none",
        labelAnchor: "center",
        tickSize: 0,
        tickRotate: tilt ? -40 : 0,
        tickFormat: (c: number) => shorten(spec.columns[c]!),
      }),
      Plot.axisY({
        label: spec.rowLabel,
        labelArrow: "none",
        labelAnchor: "center",
        tickSize: 0,
        tickFormat: (r: number) => shorten(spec.rows[r]!),
      }),
      Plot.cell(cells, {
        x: "c",
        y: "r",
        fill: (d: { value: number | null }) =>
          d.value === null ? `url(#${spec.id})` : `var(--${step(d.value)})`,
      }),
      numbers
        ? Plot.text(
            cells.filter((d) => d.value !== null),
            {
              x: "c",
              y: "r",
              text: (d: { value: number }) => spec.text(d.value),
              fill: (d: { value: number }) => `var(--on-${step(d.value)})`,
              fontVariant: "tabular-nums",
            },
          )
        : null,
    ],
  });
  if (cells.some((d) => d.value === null)) addHatching(document, svg, spec.id);
  addLegend(document, svg, spec, width, height);
  return svgMarkup(svg, spec.description);
}

/** A figure of the report, and the charts in it: SVG by Observable Plot on whatever document is at hand. */
import * as Plot from "@observablehq/plot";
import { escapeHtml } from "./html.js";

/** One or more charts that are shown together. */
export interface Panel {
  /** The choice that shows this panel. */
  label: string;
  /** Part of the file names. */
  id: string;
  charts: { title: string | null; id: string; svg: string }[];
}

/** A figure: panels to choose from (or a single one), what one sees, and the data. */
export interface Figure {
  /** Part of file names and the anchor in the page. */
  id: string;
  title: string;
  /** What the choice between panels is called; null where there is one panel. */
  choice: string | null;
  panels: Panel[];
  /** Plain text: what one sees and how it is defined. */
  caption: string;
  csv: string;
}

/** Width of a chart that stands beside another or alone on a phone, in CSS pixels. */
export const CHART_WIDTH = 380;

/** Coordinates to one decimal: a tenth of a pixel is not seen, and floats are most of a figure's bytes (opacities and em stay). */
function roundCoordinates(markup: string): string {
  return markup.replace(/<[^>]+>/g, (tag) =>
    tag.replace(/-?(?:[1-9]\d*\.\d{2,}|0\.\d{4,}(?:e-?\d+)?)/g, (number) =>
      String(Number(Number(number).toFixed(1))),
    ),
  );
}

/** Adds an SVG element to another. */
export function appendSvg(
  document: Document,
  parent: Element,
  name: string,
  attributes: Record<string, string | number>,
): Element {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes))
    element.setAttribute(key, String(value));
  parent.appendChild(element);
  return element;
}

/** The markup of a chart's SVG element with a description for those who cannot see it. */
export function svgMarkup(svg: Element, description: string): string {
  svg.querySelector("style")?.remove();
  // Every mark is one picture to a screen reader; the data is in the table beside it.
  for (const element of svg.querySelectorAll("[aria-label]"))
    element.removeAttribute("aria-label");
  return roundCoordinates(svg.outerHTML).replace(
    /^<svg/,
    `<svg role="img" aria-label="${escapeHtml(description)}"`,
  );
}

/** The SVG element of a plot in the report's style. */
export function plotElement(
  document: Document,
  options: Plot.PlotOptions,
): Element {
  return Plot.plot({
    document,
    width: CHART_WIDTH,
    height: 280,
    marginLeft: 46,
    marginBottom: 40,
    marginTop: 26,
    className: "chart",
    style: { fontSize: "12px" },
    ...options,
  });
}

/** A plot as markup. */
export function chart(
  document: Document,
  options: Plot.PlotOptions,
  description: string,
): string {
  return svgMarkup(plotElement(document, options), description);
}

/** A figure's chart as a file of its own. */
export function standaloneSvg(svg: string): string {
  return (
    svg.replace(
      /^<svg/,
      '<svg xmlns="http://www.w3.org/2000/svg" style="background:var(--paper);color:var(--ink)"',
    ) + "\n"
  );
}

/** Moves label positions apart to at least `gap`, in order, as little as the limits allow. */
export function spread(
  positions: readonly number[],
  gap: number,
  low: number,
  high: number,
): number[] {
  const order = positions
    .map((_, i) => i)
    .sort((a, b) => positions[a]! - positions[b]!);
  const result = [...positions];
  let floor = low;
  for (const i of order) {
    result[i] = Math.max(result[i]!, floor);
    floor = result[i] + gap;
  }
  let ceiling = high;
  for (const i of order.reverse()) {
    result[i] = Math.min(result[i]!, ceiling);
    ceiling = result[i] - gap;
  }
  return result;
}

/** Length of a text in characters as a reader counts them, nearly: code points. */
export function textLength(text: string): number {
  return Array.from(text).length;
}

/** A legend in one row above the plot: a dash in each colour and its name. */
export function legendMarks(
  items: readonly { label: string; color: string }[],
): Plot.Markish[] {
  // Six levels and the clean run fill the width from the chart's left edge on.
  let x = items.length > 5 ? -40 : 0;
  return items.map(({ label, color }) => {
    const mark = Plot.text([`━ ${label}`], {
      frameAnchor: "top-left",
      dx: x,
      dy: -18,
      fill: color,
      fontWeight: 600,
    });
    x += 22 + 7 * label.length;
    return mark;
  });
}

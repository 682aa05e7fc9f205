/** A figure in the page: heading, choices, panels, caption, and its data. */
import { atOption, choicesHtml, type Chart, type Figure, type Panel } from "./figure.js"; // prettier-ignore
import { csvLink, escapeHtml } from "./html.js";
import { CHART_WIDTH } from "./svg.js";

function chartHtml(chart: Chart): string {
  const width = Number(/ width="([\d.]+)"/.exec(chart.svg)?.[1] ?? CHART_WIDTH);
  // A chart that is wider than a phone scrolls there instead of shrinking its numbers beyond reading.
  const wide = width > 470;
  const title =
    chart.title === null ? "" : `<h4>${escapeHtml(chart.title)}</h4>`;
  const drawing = chart.wrap?.(chart.svg) ?? chart.svg;
  const own = chart.wrap === undefined && wide ? ' tabindex="0" role="group" aria-label="Wide drawing, scrolls"' : ""; // prettier-ignore
  return `<div${wide ? ' class="wide"' : ""}${own}>${title}${drawing}</div>`;
}

function panelHtml(panel: Panel): string {
  const { model, title, after = "" } = panel;
  const shown = panel.charts.filter(({ fileOnly }) => fileOnly !== true);
  const at = model === undefined ? "" : ` ${atOption("model", model)}`;
  const heading = title === undefined ? "" : `<h4 class="model">${escapeHtml(title)}</h4>`; // prettier-ignore
  const charts = shown.length > 0 ? `<div class="charts">${shown.map(chartHtml).join("")}</div>` : ""; // prettier-ignore
  return `<div class="panel"${at}>${heading}${charts}${after}</div>`;
}

/** Whether a figure has drawings; one without is a table. */
const isDrawn = ({ panels }: Figure): boolean =>
  panels.some(({ charts }) => charts.length > 0);

/** What the figures of a page are called: "Figure 3", "Table 1", by id. */
export function figureNames(figures: readonly Figure[]): Map<string, string> {
  const count = { Figure: 0, Table: 0 };
  return new Map(
    figures.map((figure) => {
      const kind = isDrawn(figure) ? "Figure" : "Table";
      return [figure.id, `${kind} ${++count[kind]}`];
    }),
  );
}

/**
 * @param names of the figures in the page, by id
 * @param follows the choices of the section that the figure stands in
 */
export function figureHtml(
  figure: Figure,
  names: ReadonlyMap<string, string>,
  follows: boolean,
): string {
  const { id, title, choices, panels, caption, csv } = figure;
  const data =
    typeof csv === "string"
      ? csvLink(`${id}.csv`, csv)
      : `<a href="#${csv.sameAs}">Data: with ${names.get(csv.sameAs) ?? ""}</a>`;
  const save = isDrawn(figure) ? `<button type="button" data-save="${id}" hidden>Save drawing (SVG)</button>` : ""; // prettier-ignore
  const table =
    typeof csv === "string"
      ? `<details class="table" hidden><summary>Data as a table</summary><div class="scroll" tabindex="0" role="region" aria-label="Data: ${escapeHtml(title)}"></div></details>`
      : "";
  return (
    `<section class="block"${follows ? "" : " data-scope"}><h3 id="${id}">${escapeHtml(title)}</h3>` +
    choicesHtml(choices, id) +
    `<figure class="figure" id="figure-${id}">${panels.map(panelHtml).join("\n")}` +
    `<figcaption><strong>${names.get(id) ?? ""}.</strong> ${escapeHtml(caption)} </figcaption><div class="data">${data}${save}${table}</div></figure></section>`
  );
}

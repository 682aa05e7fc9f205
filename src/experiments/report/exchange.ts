/** The exchange rate: the reduction that costs as much accuracy as a level of noise, as a sentence, a table and a figure. */
import { exchangeCsv } from "../measure-tables.js";
import type { ExchangeRow } from "../measures.js";
import { type Budget, budgets } from "../tables.js";
import { type ModelRuns, trainingDraws } from "./aggregate.js";
import type { Figure } from "./figure.js";
import { escapeHtml, levelText, rounded } from "./html.js";
import { modelLegend, modelMarkers } from "./legend.js";
import { modelColor } from "./palette.js";
import { chart, frame, lineData, stroke, text, whiskerData } from "./svg.js";

/** The rows of one model under one budget, by noise level. */
export interface ExchangeSeries {
  group: ModelRuns;
  budget: Budget;
  rows: ExchangeRow[];
}

export function exchangeSeries(
  groups: readonly ModelRuns[],
  all: readonly ExchangeRow[],
): ExchangeSeries[] {
  return groups.flatMap((group) =>
    budgets.flatMap((budget) => {
      const rows = all
        .filter((row) => row.model === group.model && row.budget === budget)
        .sort((a, b) => a.noiseLevel - b.noiseLevel);
      return rows.length > 0 ? [{ group, budget, rows }] : [];
    }),
  );
}

/** Whether the rate is 0, or prints as 0. */
export function costsNothing(row: ExchangeRow): boolean {
  return row.censored !== "above" && (row.equivalentReduction ?? 0) < 0.0005;
}

/** "27 %", "more than 30 %", "nothing". */
export function equivalentText(row: ExchangeRow): string {
  if (row.censored === "above") return `more than ${levelText(row.largestReduction)}`; // prettier-ignore
  return costsNothing(row) ? "nothing" : rounded(row.equivalentReduction ?? 0);
}

/** "22 to 33 %", "22 % or more": the 95 % interval; null where there is none. */
export function intervalText(row: ExchangeRow): string | null {
  if (row.interval === null || (row.ciLow === null && row.ciHigh === null))
    return null;
  const low = row.ciLow ?? row.largestReduction;
  if (row.ciHigh === null) return low >= row.largestReduction ? `beyond ${levelText(row.largestReduction)}` : `${rounded(low)} to more than ${levelText(row.largestReduction)}`; // prettier-ignore
  return `${rounded(low)} to ${rounded(row.ciHigh)}`;
}

/** Whether the interval leaves everything open: from nothing to more than was tried. */
export function isOpen(row: ExchangeRow): boolean {
  return row.interval !== null && row.ciLow === 0 && row.ciHigh === null;
}

/** What a reduced run holds constant, in words. */
export const BUDGET_TEXT: Readonly<Record<Budget, string>> = {
  epochs: "trained for equally many epochs, so that fewer images also means fewer steps", // prettier-ignore
  steps: "trained for equally many steps, so that fewer images are seen more often", // prettier-ignore
};

/** The row nearest to 10 % noise: the one that the summary quotes. */
export function quotedRow(rows: readonly ExchangeRow[]): ExchangeRow {
  return rows.reduce((a, b) =>
    Math.abs(b.noiseLevel - 0.1) < Math.abs(a.noiseLevel - 0.1) ? b : a,
  );
}

/** The sentence of one row, plain text. */
export function exchangeSentence(row: ExchangeRow, model: string): string {
  const labels = `${rounded(row.effectiveRate)} wrong labels`;
  if (isOpen(row))
    return `These runs cannot tell what ${labels} cost ${model}: it may be nothing, and it may be more than losing ${levelText(row.largestReduction)} of the data.`;
  if (row.censored === "above")
    return `${labels} cost ${model} more than losing ${levelText(row.largestReduction)} of the data, the most that was tried.`;
  return costsNothing(row)
    ? `${labels} cost ${model} nothing that shows: its accuracy stayed at that of the clean run or above.`
    : `${labels} cost ${model} as much as losing ${equivalentText(row)} of the data.`;
}

const WIDTH = 640;

function exchangeChart(series: readonly ExchangeSeries[], budget: Budget) {
  const rows = series.flatMap((one) => one.rows);
  const most = Math.max(...rows.map((row) => row.largestReduction));
  const lastRate = Math.max(...rows.map((row) => row.effectiveRate));
  const groups = series.map(({ group }) => group);
  const legend = modelLegend(groups, 38, 14, WIDTH - 172);
  const space = frame({
    width: WIDTH,
    height: 330 + legend.height,
    top: 42 + legend.height,
    right: 132,
    x: { domain: [0, 106 * lastRate], label: "labels that are really wrong (%)" }, // prettier-ignore
    y: { domain: [0, 110 * most], label: "" },
  });
  const dodge = (i: number): number => 5 * (i - (series.length - 1) / 2);
  const body = series.map(({ group, rows }, i) => {
    const color = modelColor(group.index);
    const x = (row: ExchangeRow) => space.x(100 * row.effectiveRate) + dodge(i);
    const known = rows.filter((row) => row.censored !== "above");
    const at = known.map((row) => [x(row), space.y(100 * (row.equivalentReduction ?? 0))] as const); // prettier-ignore
    const bars = known
      .filter((row) => row.interval !== null && row.ciLow !== null)
      .map((row) => ({
        x: x(row),
        low: space.y(100 * row.ciLow!),
        high: space.y(100 * (row.ciHigh ?? 1.07 * row.largestReduction)),
      }));
    const beyond = rows.filter((row) => row.censored === "above");
    const arrows = beyond.map((row) => `M${x(row).toFixed(1)} ${(space.y(100 * row.largestReduction) - 4).toFixed(1)}v-13m-3.5 4l3.5-4l3.5 4`); // prettier-ignore
    return (
      stroke(lineData([[space.x(0) , space.y(0)], ...at]), color, { "stroke-width": 1.5, opacity: "0.7" }) + // prettier-ignore
      stroke(whiskerData(bars), color, { "stroke-width": 1 }) +
      modelMarkers(group.index, at) +
      stroke(arrows.join(""), color, { "stroke-width": 1.5 })
    );
  });
  const end = Math.min(100 * lastRate, 100 * most);
  // Beside the end of its line, but clear of the label of the largest reduction.
  const evenY = Math.max(space.y(end), space.y(100 * most) + 22);
  const even =
    stroke(`M${space.x(0)} ${space.y(0)}L${space.x(end)} ${space.y(end)}`, "var(--muted)", { "stroke-width": 1, "stroke-dasharray": "3 4" }) + // prettier-ignore
    text(space.right + 8, evenY, "as much as a", { fill: "var(--muted)" }) +
    text(space.right + 8, evenY + 15, "missing image", {
      fill: "var(--muted)",
    });
  const same = rows.every((row) => row.largestReduction === most);
  const limit =
    !same ? "" : stroke(`M${space.left} ${space.y(100 * most)}H${space.right}`, "var(--muted)", { "stroke-width": 1 }) + // prettier-ignore
    text(space.right + 8, space.y(100 * most) + 4, "the most removed", { fill: "var(--muted)" }); // prettier-ignore
  return chart(
    space.width,
    space.height,
    `Exchange rate at equal ${budget}: share of images whose loss costs as much accuracy, by share of wrong labels`,
    space.axes +
      legend.markup +
      text(
        0,
        22 + legend.height,
        "share of images whose loss costs as much accuracy (%)",
        { fill: "var(--muted)" },
      ) + // prettier-ignore
      even +
      limit +
      body.join(""),
  );
}

/** The exchange figure, a chart per budget; null without a rate. */
export function exchangeFigure(
  series: readonly ExchangeSeries[],
): Figure | null {
  if (series.length === 0) return null;
  const budgets = [...new Set(series.map(({ budget }) => budget))];
  const rows = series.flatMap((one) => one.rows);
  const few = rows.filter(({ interval }) => interval === "bootstrap");
  const intervals = [
    rows.some(({ interval }) => interval === "t") ? "by Student's t over the seeds" : "", // prettier-ignore
    few.length > 0
      ? `by a bootstrap over the test images, ${trainingDraws(few.map(({ seeds }) => seeds))}: for these networks only`
      : "",
  ].filter((part) => part !== "");
  return {
    id: "exchange-rate",
    title: "Exchange rate",
    choices: [],
    panels: [
      {
        charts: budgets.map((budget) => ({
          title: budgets.length > 1 ? `At equal ${budget}` : null,
          id: budgets.length > 1 ? budget : "",
          svg: exchangeChart(
            series.filter((one) => one.budget === budget),
            budget,
          ),
        })),
      },
    ],
    caption:
      "How much of the training data would have to be lost to cost as much accuracy as the noise: the accuracy with " +
      "noise, looked up on a falling (isotonic) fit to the accuracies with fewer images. An arrow: more than the " +
      "largest reduction that was trained; the rate itself is unknown. " +
      (intervals.length > 0
        ? `Whiskers: 95 % intervals ${intervals.join("; ")}. `
        : "No intervals: the test logits are missing. ") + // prettier-ignore
      `Fewer images were ${budgets.map((budget) => BUDGET_TEXT[budget]).join("; or ")}.`,
    csv: exchangeCsv(rows),
  };
}

/** The rates as a table: models by noise levels. */
export function exchangeTable(series: readonly ExchangeSeries[]): string {
  if (series.length === 0) return "";
  const levels = [...new Set(series.flatMap(({ rows }) => rows.map((row) => row.noiseLevel)))].sort((a, b) => a - b); // prettier-ignore
  const several = new Set(series.map(({ budget }) => budget)).size > 1;
  const rates = (level: number): string => {
    const values = series.flatMap(({ rows }) => rows.filter((row) => row.noiseLevel === level).map((row) => row.effectiveRate)); // prettier-ignore
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return rounded(low) === rounded(high) ? rounded(low) : `${rounded(low)} to ${rounded(high)}`; // prettier-ignore
  };
  const head = levels.map((level) => `<th scope="col" class="number">${levelText(level)} noise<br><span class="aside">${rates(level)} wrong</span></th>`); // prettier-ignore
  const body = series.map(({ group, budget, rows }) => {
    const cells = levels.map((level) => {
      const row = rows.find((r) => r.noiseLevel === level);
      if (!row) return '<td class="number">–</td>';
      const interval = intervalText(row);
      return `<td class="number">${equivalentText(row)}${interval === null ? "" : `<br><span class="aside">${interval}</span>`}</td>`;
    });
    const name = several ? `${group.model}, equal ${budget}` : group.model;
    return `<tr><th scope="row">${escapeHtml(name)}</th>${cells.join("")}</tr>`;
  });
  const few = series.flatMap(({ rows }) => rows.filter(({ interval }) => interval === "bootstrap")); // prettier-ignore
  const caption = `Images that could be lost instead, with 95 % intervals${few.length > 0 ? ` (${trainingDraws(few.map(({ seeds }) => seeds))})` : ""}`;
  return (
    `<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table id="exchange-table"><caption>${caption}</caption>` +
    `<thead><tr><td></td>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`
  );
}

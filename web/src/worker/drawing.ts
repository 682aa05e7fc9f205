/** The results so far as figures, and at the end the whole report: drawn from the study's files, as `tarnish report` does. */
import { accuracyFigure } from "../../../src/experiments/report/accuracy.js";
import { byModel } from "../../../src/experiments/report/aggregate.js";
import { tprFigure } from "../../../src/experiments/report/class-rates.js";
import { confusionFigure } from "../../../src/experiments/report/confusion.js";
import {
  exchangeFigure,
  exchangeSeries,
} from "../../../src/experiments/report/exchange.js";
import type { Figure } from "../../../src/experiments/report/figure.js";
import { answer } from "../../../src/experiments/report/answer.js";
import { escapeHtml } from "../../../src/experiments/report/html.js";
import { renderReport } from "../../../src/experiments/report/page.js";
import {
  parseRun,
  RUN_FILES,
  type RunTexts,
  type StudyData,
} from "../../../src/experiments/report/study.js";
import type { StudyMeasures } from "../../../src/experiments/sweep-tables.js";
import type { ResultRow } from "../../../src/experiments/tables.js";
import type { DrawnFigure } from "../protocol.js";
import type { StudyStore } from "./store.js";

/** The study as the report's code wants it. */
export function studyData(
  store: StudyStore,
  createdWith: string,
  results: readonly ResultRow[],
  measures: StudyMeasures,
): StudyData {
  const runs = results.map((row) => {
    const texts: RunTexts = {};
    for (const file of RUN_FILES) {
      const text = store.text(`${row.run}/${file}`);
      if (text !== undefined) texts[file] = text;
    }
    return parseRun(row, texts, row.run);
  });
  return {
    kind: "sweep",
    name: "lab",
    createdWith,
    runs,
    problems: [],
    measures: {
      impact: [...measures.impact],
      exchange: [...measures.exchange],
      sensitivity: [...measures.sensitivity],
      concordance: measures.concordance,
      claims: [...measures.claims],
    },
  };
}

/** What a figure shows at first, in words: "lenet, clean; the others are in the report". */
function firstChoices({ choices }: Figure): string {
  const told = choices.filter(
    ({ key, options }) =>
      (key === "model" || key === "condition") && options.length > 1,
  );
  if (told.length === 0) return "";
  const first = told.map(({ options }) => options[0]).join(", ");
  return ` (${first}; the others are in the report)`;
}

/** What a figure shows at first; its other choices wait for the report. */
function drawn(figure: Figure, order: number): DrawnFigure {
  const { id, title, panels, caption } = figure;
  const charts = panels
    .filter(({ model }) => model === undefined || model === 0)
    .flatMap((panel) => panel.charts)
    .filter(({ fileOnly }) => fileOnly !== true)
    .map(
      ({ title: name, svg }) =>
        `<div>${name === null ? "" : `<h4>${escapeHtml(name)}</h4>`}${svg}</div>`,
    );
  const html =
    `<h3>${escapeHtml(title + firstChoices(figure))}</h3><figure class="figure"><div class="charts">${charts.join("")}</div>` +
    `<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
  return { id, order, html };
}

/** Accuracy by level, recall by class, confusions and the exchange rate, as far as runs have ended. */
export function drawFigures(study: StudyData): DrawnFigure[] {
  const groups = byModel(study);
  const series = exchangeSeries(groups, study.measures.exchange);
  const sentence = answer(series);
  const figures = [
    exchangeFigure(series),
    accuracyFigure(groups),
    tprFigure(groups),
    confusionFigure(groups),
  ];
  return [
    ...(sentence === null
      ? []
      : [
          {
            id: "answer",
            order: 0,
            html: `<p class="answer">${escapeHtml(sentence)}</p>`,
          },
        ]),
    ...figures.flatMap((figure, i) => (figure ? [drawn(figure, i + 1)] : [])),
  ];
}

export function drawReport(study: StudyData): string {
  return renderReport(study, { figureFiles: false });
}

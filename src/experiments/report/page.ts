/** The report: one self-contained HTML page from the files of a sweep. */
import { accuracyFigure } from "./accuracy.js";
import { byModel, type ModelRuns } from "./aggregate.js";
import { confusionFigure } from "./confusion.js";
import { learningFigure, lossFigure } from "./curves.js";
import { CHART_WIDTH, type Figure } from "./figure.js";
import { cautionText, headline } from "./headline.js";
import { impactFigure, normalisedFigure, tprFigure } from "./class-rates.js";
import { csvLink, escapeHtml, slug, tableHtml } from "./html.js";
import { precisionRecallFigure } from "./precision-recall.js";
import { SCRIPT } from "./script.js";
import {
  accuracyTable,
  runsTable,
  settingsList,
  trainCommand,
} from "./settings.js";
import type { StudyData } from "./study.js";
import { styleSheet } from "./style.js";

/** The figures of one model, in the order of the page. */
export interface ModelFigures {
  group: ModelRuns;
  /** Prefix of anchors and file names: empty where the study has one model. */
  prefix: string;
  figures: Figure[];
}

/**
 * Draws every figure that the files allow.
 * @param document the page's own in a browser; a headless one elsewhere (node-read.ts)
 */
export function buildFigures(
  study: StudyData,
  document: Document,
): ModelFigures[] {
  const groups = byModel(study);
  return groups.map((group, i) => {
    const same = groups.findIndex(
      (other) => slug(other.model) === slug(group.model),
    );
    const prefix =
      groups.length === 1
        ? ""
        : `${slug(group.model)}${same === i ? "" : `-${i}`}-`;
    const figures = [
      accuracyFigure(document, group, `${prefix}accuracy`),
      learningFigure(document, group, `${prefix}learning-curves`),
      lossFigure(document, group, `${prefix}loss`),
      precisionRecallFigure(document, group, `${prefix}precision-recall`),
      tprFigure(document, group, `${prefix}tpr`),
      normalisedFigure(document, group, `${prefix}tpr-normalised`),
      impactFigure(document, group, `${prefix}impact-index`),
      confusionFigure(document, group, `${prefix}confusion`),
    ].filter((figure) => figure !== null);
    return { group, prefix, figures };
  });
}

function chartHtml(
  chart: Figure["panels"][number]["charts"][number],
  showTitle: boolean,
): string {
  const width = Number(/ width="(\d+)"/.exec(chart.svg)?.[1] ?? CHART_WIDTH);
  // A chart that is wider than a phone scrolls there instead of shrinking its numbers beyond reading.
  const wide = width > CHART_WIDTH + 40;
  const title =
    showTitle && chart.title !== null
      ? `<h4>${escapeHtml(chart.title)}</h4>`
      : "";
  return `<div${wide ? ' class="wide" tabindex="0"' : ""}>${title}${chart.svg}</div>`;
}

function figureHtml(figure: Figure, number: number, after: string): string {
  const many = figure.choice !== null;
  const panels = figure.panels.map((panel) => {
    const heading = many ? `<h4>${escapeHtml(panel.label)}</h4>` : "";
    const charts = panel.charts.map((chart) =>
      chartHtml(chart, !many || panel.charts.length > 1),
    );
    return (
      `<section class="panel"${many ? ` data-label="${escapeHtml(panel.label)}"` : ""}>${heading}` +
      `<div class="charts">${charts.join("")}</div></section>`
    );
  });
  return (
    `<section><h3 id="${figure.id}">${escapeHtml(figure.title)}</h3>${after}` +
    `<figure class="figure" id="figure-${figure.id}"${many ? ` data-choice="${escapeHtml(figure.choice ?? "")}"` : ""}>` +
    panels.join("\n") +
    `<figcaption><strong>Figure ${number}.</strong> ${escapeHtml(figure.caption)} ` +
    `${csvLink(`${figure.id}.csv`, figure.csv)}</figcaption></figure></section>`
  );
}

/** Everything that the report could not show, in words. */
function missingHtml(study: StudyData): string {
  const items = [...study.problems];
  for (const run of study.runs) {
    const name =
      run.row.run ||
      `${run.row.model} ${run.row.arm} ${run.row.level} seed ${run.row.seed}`;
    if (run.row.status !== "done")
      items.push([`${name}: ${run.row.status}`, ...run.problems].join("; "));
    else items.push(...run.problems.map((problem) => `${name}: ${problem}`));
  }
  if (items.length === 0) return "";
  const list = items.map((item) => `<li>${escapeHtml(item)}</li>`).join("");
  return (
    `<section class="missing" role="note"><p><strong>Not everything is here.</strong> ` +
    `The report shows what there is; this is missing:</p><ul>${list}</ul></section>`
  );
}

function modelHtml(
  model: ModelFigures,
  several: boolean,
  firstNumber: number,
): string {
  const { group, prefix, figures } = model;
  const heading = several ? escapeHtml(group.model) : "Results";
  const body = figures.map((figure, i) =>
    figureHtml(
      figure,
      firstNumber + i,
      figure.id === `${prefix}accuracy` ? accuracyTable(group) : "",
    ),
  );
  const lead = several
    ? `<p class="lead">${escapeHtml(headline(group).join(" "))}</p>`
    : "";
  return `<section><h2 id="${prefix}results">${heading}</h2>${lead}${body.join("\n")}</section>`;
}

function settingsHtml(models: readonly ModelFigures[]): string {
  const parts = models.map(({ group }) => {
    const commands = group.runs
      .map(trainCommand)
      .filter((command) => command !== null);
    return (
      (models.length > 1 ? `<h3>${escapeHtml(group.model)}</h3>` : "") +
      (settingsList(group) ?? "<p>No run has left its config.json.</p>") +
      runsTable(group) +
      (commands.length > 0
        ? `<p>Each run can be made again alone:</p><pre tabindex="0"><code>${escapeHtml(commands.join("\n"))}</code></pre>`
        : "")
    );
  });
  return `<section><h2 id="settings">Settings, and how to reproduce this</h2>${parts.join("\n")}</section>`;
}

const TERMS = `<section><h2 id="terms">Terms</h2><dl class="terms">
<dt>Noise</dt><dd>In every class, that share of the training images is chosen and given other labels by the named kind. <em>shuffle</em> pools the labels of all chosen images and deals them out again, so class sizes stay and a few images get their own label back; the share that is really wrong is in the table of accuracy. <em>uniform</em> gives each chosen image a wrong label. Test labels are never touched.</dd>
<dt>Reduction</dt><dd>In every class, that share of the training images is removed: at the same level, the very images whose labels the noise would have changed.</dd>
<dt>Last and best</dt><dd>After the last epoch, and the best of all evaluated epochs. The best is chosen on the test images and so flatters; the headline uses the last.</dd>
<dt>Calibration error</dt><dd>How far confidence and accuracy lie apart, over 15 equal-width bins of the top probability.</dd>
</dl></section>`;

/** A study's name as a title: "dirty-data" becomes "Dirty data". */
function title(name: string): string {
  const words = name.replace(/[-_]+/g, " ").trim() || "study";
  return words[0]!.toUpperCase() + words.slice(1);
}

function summaryTable(models: readonly ModelFigures[]): string {
  if (models.length < 2) return "";
  const rows = models.map(({ group }) => [
    escapeHtml(group.model),
    `${group.done.length} of ${group.runs.length}`,
    escapeHtml(headline(group).slice(0, 2).join(" ")),
  ]);
  // Sentences wrap; the other columns keep to their numbers.
  return tableHtml(
    [
      { title: "model" },
      { title: "runs", numeric: true },
      { title: "finding" },
    ],
    rows,
    "The models",
  ).replaceAll("<td>", '<td style="white-space:normal">');
}

/** The page around figures that are already drawn. */
export function renderPage(
  study: StudyData,
  models: readonly ModelFigures[],
): string {
  const several = models.length > 1;
  const done = study.runs.filter((run) => run.row.status === "done").length;
  const name = title(study.name);
  const leads = several
    ? summaryTable(models)
    : models
        .map(
          ({ group }) =>
            `<p class="lead">${escapeHtml(headline(group).join(" "))}</p>`,
        )
        .join("");
  const caution = models[0]
    ? `<p class="note">${escapeHtml(cautionText(models[0].group))}</p>`
    : "";
  let number = 1;
  const sections = models.map((model) => {
    const html = modelHtml(model, several, number);
    number += model.figures.length;
    return html;
  });
  const links = several
    ? models.map(({ group, prefix }) => ({
        id: `${prefix}results`,
        text: group.model,
      }))
    : (models[0]?.figures ?? []).map((figure) => ({
        id: figure.id,
        text: figure.title,
      }));
  const nav = [
    ...links,
    { id: "settings", text: "Settings" },
    { id: "terms", text: "Terms" },
  ]
    .map(({ id, text }) => `<li><a href="#${id}">${escapeHtml(text)}</a></li>`)
    .join("");
  const made = study.createdWith === null ? "tarnish" : study.createdWith;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(name)}: what dirty labels cost</title>
<style>${styleSheet()}</style>
</head>
<body>
<header>
<p class="kicker">${escapeHtml(models.map(({ group }) => group.model).join(", "))} · ${done} of ${study.runs.length} runs finished</p>
<h1>${escapeHtml(name)}: what dirty labels cost</h1>
${leads}
${caution}
${missingHtml(study)}
<nav aria-label="Contents"><ul>${nav}</ul></nav>
</header>
<main>
${sections.join("\n")}
${settingsHtml(models)}
${TERMS}
</main>
<footer><p>Made by ${escapeHtml(made)} from the files in this sweep's folder alone.</p></footer>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

/** The report of a study as one HTML page that loads nothing. */
export function renderReport(study: StudyData, document: Document): string {
  return renderPage(study, buildFigures(study, document));
}

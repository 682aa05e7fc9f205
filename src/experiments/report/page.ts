/** The report: one self-contained HTML page from the files of a sweep or of a run. */
import { accuracyFigure } from "./accuracy.js";
import { accuracyTable } from "./accuracy-table.js";
import { byModel, type ModelRuns } from "./aggregate.js";
import { calibrationFigure } from "./calibration.js";
import { cellsMarkup } from "./cells.js";
import { claimsHtml } from "./claims.js";
import { classIndexFigure } from "./class-index.js";
import { tprFigure } from "./class-rates.js";
import { classTable } from "./class-table.js";
import { pageScript } from "./client.js";
import { confusionFigure } from "./confusion.js";
import { exchangeFigure, exchangeSeries, exchangeTable } from "./exchange.js";
import { type Choice, choicesHtml, type Figure, modelChoice } from "./figure.js"; // prettier-ignore
import { figureHtml } from "./figure-html.js";
import { answer, answerNote, caution, findings } from "./findings.js";
import { escapeHtml } from "./html.js";
import { impactFigure } from "./impact.js";
import { learningFigure } from "./learning.js";
import { lossFigure } from "./loss.js";
import { memorisationFigure } from "./memorisation.js";
import { missingHtml } from "./missing.js";
import { precisionRecallFigure } from "./precision-recall.js";
import { provenanceHtml } from "./provenance.js";
import { readOffFigure } from "./read-off.js";
import { runRatesFigure } from "./run-rates.js";
import { sensitivityFigure } from "./sensitivity.js";
import type { StudyData } from "./study.js";
import { styleSheet } from "./style.js";
import { TERMS } from "./terms.js";
import { volumeFigure } from "./volume.js";

/** Figures under one heading; those of a section with choices follow them together. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly intro: string;
  readonly choices: readonly Choice[];
  readonly figures: readonly Figure[];
  /** Markup before the figures: a table. */
  readonly before: string;
}

function closeUp(study: StudyData, groups: readonly ModelRuns[]): Section {
  const rows = study.measures.impact;
  const shown = groups.filter(({ model }) => rows.some((row) => row.model === model)); // prettier-ignore
  return {
    id: "one-class",
    title: "One class, up close",
    intro: "Choose a class: the table and both figures follow.",
    choices: [
      { key: "class", label: "Class", options: shown[0]?.classes ?? [] },
      ...modelChoice(shown),
    ],
    before: "",
    figures: [
      classTable(shown, rows),
      readOffFigure(shown, rows),
      classIndexFigure(shown, rows),
    ].filter((figure) => figure !== null),
  };
}

/** Every section that the files allow, in the order of the page. Sections without figures are left out. */
export function buildSections(
  study: StudyData,
  groups: readonly ModelRuns[],
): Section[] {
  const { measures } = study;
  const series = exchangeSeries(groups, measures.exchange);
  const section = (
    id: string,
    title: string,
    figures: readonly (Figure | null)[],
    more: Partial<Pick<Section, "intro" | "before">> = {},
  ): Section => ({
    id,
    title,
    intro: "",
    choices: [],
    before: "",
    ...more,
    figures: figures.filter((figure) => figure !== null),
  });
  return [
    section("cost", "What wrong labels cost", [exchangeFigure(series)], {
      before: exchangeTable(series),
    }),
    section(
      "accuracies",
      "Accuracy",
      [accuracyFigure(groups), volumeFigure(groups)],
      { before: accuracyTable(groups) },
    ),
    section("training", "Training", [
      learningFigure(groups),
      lossFigure(groups),
      precisionRecallFigure(groups),
    ]),
    section("classes", "Class by class", [
      impactFigure(groups, measures.impact),
      sensitivityFigure(groups, measures.sensitivity, measures.concordance),
      tprFigure(groups),
      runRatesFigure(study, groups),
    ]),
    closeUp(study, groups),
    section("mistakes", "Mistakes", [
      confusionFigure(groups),
      memorisationFigure(groups),
      calibrationFigure(groups),
    ]),
  ].filter(({ figures }) => figures.length > 0);
}

function sectionHtml(section: Section, numbers: ReadonlyMap<string, number>) {
  const own = section.choices.length > 0;
  const figures = section.figures.map((figure) => figureHtml(figure, numbers, own)); // prettier-ignore
  const [first] = section.choices;
  const heading =
    own && first
      ? `: <span data-name-of="${first.key}">${escapeHtml(first.options[0] ?? "")}</span>`
      : "";
  return (
    `<section${own ? " data-scope" : ""}><h2 id="${section.id}">${escapeHtml(section.title)}${heading}</h2>` +
    (section.intro === "" ? "" : `<p class="intro">${section.intro}</p>`) +
    choicesHtml(section.choices, section.id) +
    section.before +
    figures.join("\n") +
    `</section>`
  );
}

/** A study's name as a title: "dirty-data" becomes "Dirty data". */
function title(name: string): string {
  const words = name.replace(/[-_]+/g, " ").trim() || "study";
  return words[0]!.toUpperCase() + words.slice(1);
}

function headerHtml(
  study: StudyData,
  groups: readonly ModelRuns[],
  name: string,
): string {
  const series = exchangeSeries(groups, study.measures.exchange);
  const planned = Math.max(study.jobs.length, study.runs.length);
  const done = study.runs.filter(({ row }) => row.status === "done").length;
  const paragraph = (text: string | null, kind: string) =>
    text === null ? "" : `<p class="${kind}">${escapeHtml(text)}</p>`;
  const list = findings(study, groups).map((sentence) => `<li>${escapeHtml(sentence)}</li>`); // prettier-ignore
  const count = study.kind === "run" ? `one run, ${done === 1 ? "finished" : "not finished"}` : `${done} of ${planned} runs finished`; // prettier-ignore
  return (
    `<p class="kicker">${escapeHtml(groups.map(({ model }) => model).join(", "))} · ${count}</p>` +
    `<h1>${escapeHtml(name)}</h1>` +
    paragraph(answer(series), "answer") +
    paragraph(answerNote(series), "note") +
    (list.length > 0 ? `<ul class="findings">${list.join("")}</ul>` : "") +
    paragraph(caution(groups), "note") +
    missingHtml(study)
  );
}

/** The page around sections that are already drawn. */
export function renderPage(
  study: StudyData,
  groups: readonly ModelRuns[],
  sections: readonly Section[],
): string {
  const name =
    study.kind === "run" ? `Run ${study.name}` : `${title(study.name)}: what dirty labels cost`; // prettier-ignore
  const numbers = new Map(
    sections.flatMap(({ figures }) => figures).map(({ id }, i) => [id, i + 1]),
  );
  const claims = claimsHtml(study.measures.claims);
  const links = [
    ...sections,
    ...(claims === "" ? [] : [{ id: "claims", title: "Claims" }]),
    { id: "settings", title: "Settings" },
    { id: "terms", title: "Terms" },
  ].map((link) => `<li><a href="#${link.id}">${escapeHtml(link.title)}</a></li>`); // prettier-ignore
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(name)}</title>
<style>${styleSheet()}</style>
<noscript><style>[data-at-model][data-off]{display:block!important}</style></noscript>
</head>
<body>
<a class="skip" href="#content">Skip to the figures</a>
<header>
${headerHtml(study, groups, name)}
<nav aria-label="Contents"><ul>${links.join("")}</ul><button type="button" id="theme" hidden>Dark page</button></nav>
</header>
<main id="content" tabindex="-1">
${sections.map((section) => sectionHtml(section, numbers)).join("\n")}
${claims}
${provenanceHtml(study, groups)}
${TERMS}
</main>
<footer><p>Made by ${escapeHtml(study.createdWith ?? "tarnish")} from the files in this folder alone. Every figure is also in <code>figures/</code>, as .svg and .csv.</p></footer>
<script>(${pageScript.toString()})(${cellsMarkup.toString()})</script>
</body>
</html>
`;
}

/** The report of a study as one HTML page that loads nothing. */
export function renderReport(study: StudyData): string {
  const groups = byModel(study);
  return renderPage(study, groups, buildSections(study, groups));
}

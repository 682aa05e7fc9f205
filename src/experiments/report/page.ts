/** The report: one self-contained HTML page from the files of a sweep or of a run. */
import { answer, answerNote } from "./answer.js";
import { accuracyFigure } from "./accuracy.js";
import { accuracyTable } from "./accuracy-table.js";
import { byModel, type ModelRuns, testImages } from "./aggregate.js";
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
import { figureHtml, figureNames } from "./figure-html.js";
import { caution, findings, runSentences } from "./findings.js";
import { escapeHtml, reportMark } from "./html.js";
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
  /** Markup before and after the figures: tables. */
  readonly before: string;
  readonly after: string;
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
    after: "",
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
  // By level: of a single run there is but one.
  const levels = study.kind === "sweep" ? groups : [];
  const series = exchangeSeries(groups, measures.exchange);
  const section = (
    id: string,
    title: string,
    figures: readonly (Figure | null)[],
    more: Partial<Pick<Section, "before" | "after">> = {},
  ): Section => ({
    id,
    title,
    intro: "",
    choices: [],
    before: "",
    after: "",
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
      [accuracyFigure(levels), volumeFigure(levels)],
      { after: accuracyTable(groups) },
    ),
    section("training", "Training", [
      learningFigure(groups),
      lossFigure(groups),
      precisionRecallFigure(groups),
    ]),
    section("classes", "Class by class", [
      impactFigure(groups, measures.impact),
      sensitivityFigure(groups, measures.sensitivity, measures.concordance),
      tprFigure(levels),
      runRatesFigure(study, groups),
    ]),
    closeUp(study, groups),
    section("mistakes", "Mistakes", [
      confusionFigure(groups),
      memorisationFigure(groups),
      calibrationFigure(levels),
    ]),
  ].filter(({ figures, after }) => figures.length > 0 || after !== "");
}

function sectionHtml(section: Section, names: ReadonlyMap<string, string>) {
  const own = section.choices.length > 0;
  const figures = section.figures.map((figure) => figureHtml(figure, names, own)); // prettier-ignore
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
    section.after +
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
  const done = study.runs.filter(({ row }) => row.status === "done").length;
  const paragraph = (text: string | null, kind: string) =>
    text === null ? "" : `<p class="${kind}">${escapeHtml(text)}</p>`;
  const [run] = study.runs;
  const [lead, ...rest] =
    study.kind === "run" && run
      ? runSentences(run, groups[0] ? testImages(groups[0]) : null)
      : [answer(series), ...findings(study, groups)];
  const list = rest
    .filter((sentence) => sentence !== null)
    .map((sentence) => `<li>${escapeHtml(sentence)}</li>`); // prettier-ignore
  const count = study.kind === "run" ? `one run, ${done === 1 ? "finished" : "not finished"}` : `${done} of ${study.runs.length} runs finished`; // prettier-ignore
  return (
    `<p class="kicker">${escapeHtml(groups.map(({ model }) => model).join(", "))} · ${count}</p>` +
    `<h1>${escapeHtml(name)}</h1>` +
    paragraph(lead ?? null, "answer") +
    paragraph(answerNote(series), "note") +
    (list.length > 0 ? `<ul class="findings">${list.join("")}</ul>` : "") +
    paragraph(caution(groups), "note") +
    missingHtml(study)
  );
}

interface PageOptions {
  /** Whether the page has its figures beside it as files, in figures/. */
  readonly figureFiles?: boolean;
}

/** The page around sections that are already drawn. */
export function renderPage(
  study: StudyData,
  groups: readonly ModelRuns[],
  sections: readonly Section[],
  { figureFiles = true }: PageOptions = {},
): string {
  const name =
    study.kind === "run" ? `Run ${study.name}` : `${title(study.name)}: what dirty labels cost`; // prettier-ignore
  const names = figureNames(sections.flatMap(({ figures }) => figures));
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
${reportMark}
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
${sections.map((section) => sectionHtml(section, names)).join("\n")}
${claims}
${provenanceHtml(study, groups)}
${TERMS}
</main>
<footer><p>Made by ${escapeHtml(study.createdWith ?? "tarnish")} from the files ${figureFiles ? "in this folder alone. Every figure is also in <code>figures/</code>, as .svg and .csv." : "of the study alone."}</p></footer>
<script>(${pageScript.toString()})(${cellsMarkup.toString()})</script>
</body>
</html>
`;
}

/** The report of a study as one HTML page that loads nothing. */
export function renderReport(
  study: StudyData,
  options: PageOptions = {},
): string {
  const groups = byModel(study);
  return renderPage(study, groups, buildSections(study, groups), options);
}

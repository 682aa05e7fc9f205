/** The table of accuracies: top-1 and top-5, best and last, for every model, arm and level. */
import { ACCURACIES } from "./accuracy.js";
import {
  conditionText,
  conditions,
  effectiveRate,
  type Estimate,
  estimate,
  mean,
  type ModelRuns,
  testImages,
} from "./aggregate.js";
import { escapeHtml, fixed, percent } from "./html.js";

const COLUMNS = [
  "seeds",
  "top-1, last",
  "top-1, best",
  "top-5, last",
  "top-5, best",
  "loss, last",
  "labels really wrong",
];

/** Rows that stand open; more are folded away on screen. */
const MAX_OPEN = 20;

/** A value with its interval below it. */
function estimateCell(value: Estimate | null): string {
  if (value === null) return "–";
  const interval = `${fixed(100 * value.low, 1)} – ${fixed(100 * value.high, 1)}`;
  return `${percent(value.mean)}<br><span class="aside">${interval}</span>`;
}

function bodyOf(group: ModelRuns, several: boolean): string {
  const images = testImages(group);
  const rows = conditions(group).map((condition) => {
    const { runs } = condition;
    const estimates = ACCURACIES.map(({ read }) => estimate(runs.map(read), images)); // prettier-ignore
    const cells = [
      String(runs.length),
      ...estimates.map(estimateCell),
      fixed(mean(runs.map(({ row }) => row.lossLast)), 3),
      percent(mean(runs.map(effectiveRate))),
    ];
    const data = cells.map((cell) => `<td class="number">${cell}</td>`);
    return `<tr><th scope="row">${conditionText(condition)}</th>${data.join("")}</tr>`;
  });
  const head = several
    ? `<tr class="group"><th scope="rowgroup" colspan="${COLUMNS.length + 1}">${escapeHtml(group.model)}</th></tr>`
    : "";
  return `<tbody>${head}${rows.join("")}</tbody>`;
}

/** The table; empty without a finished run. */
export function accuracyTable(groups: readonly ModelRuns[]): string {
  const done = groups.filter((group) => group.done.length > 0);
  if (done.length === 0) return "";
  const count = done.reduce((sum, group) => sum + conditions(group).length, 0);
  const caption =
    "Accuracy on the test images, means over the seeds with 95 % intervals";
  const head = ["training data", ...COLUMNS].map(
    (title, i) =>
      `<th scope="col"${i > 0 ? ' class="number"' : ""}>${title}</th>`,
  );
  const table =
    `<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table id="accuracy-table"><caption>${caption}</caption>` +
    `<thead><tr>${head.join("")}</tr></thead>${done.map((group) => bodyOf(group, groups.length > 1)).join("")}</table></div>`;
  return `<h3 id="accuracies-table">All accuracies</h3>${
    count > MAX_OPEN
      ? `<details data-print><summary>${count} conditions of ${done.length} models</summary>${table}</details>`
      : table
  }`;
}

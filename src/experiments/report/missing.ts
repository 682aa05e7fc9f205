/** What the report could not show, because it was not trained, did not end, or left no file. */
import { escapeHtml } from "./html.js";
import type { RunData, StudyData } from "./study.js";

const STATE_TEXT: Readonly<Partial<Record<string, string>>> = {
  pending: "not started yet",
  begun: "stopped before its first checkpoint",
  stopped: "stopped before its end, with a checkpoint to go on from",
  running: "running, or stopped before the end",
  unfinished: "running, or stopped before the end",
  failed: "failed",
  diverged: "diverged: the loss became infinite or no number",
};

/** Names listed in full; more are counted. */
const LISTED = 8;

function nameOf({ row }: RunData): string {
  return row.run === "." ? "this run" : row.run.replace(/^runs\//, "");
}

/** A list of names, cut where it is long. */
function listText(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).join(", ");
  return names.length > LISTED ? `${shown} and ${names.length - LISTED} more` : shown; // prettier-ignore
}

/** Everything missing, in words. */
function missingItems({ runs, problems }: StudyData): string[] {
  // A damaged run is among the problems, with what is wrong.
  const open = runs.filter(({ row }) => !["done", "damaged"].includes(row.status)); // prettier-ignore
  const states = [...new Set(open.map(({ row }) => row.status))];
  const byState = states.flatMap((state) => {
    const own = open.filter(({ row }) => row.status === state);
    const what = STATE_TEXT[state] ?? state;
    const silent = own.filter(({ error }) => error === null);
    const count = `${silent.length} ${silent.length === 1 ? "run" : "runs"} ${what}`;
    return [
      ...own.filter(({ error }) => error !== null).map((run) => `${nameOf(run)} ${what}: ${run.error}`), // prettier-ignore
      ...(silent.length > 0 ? [`${count}: ${listText(silent.map(nameOf))}`] : []), // prettier-ignore
    ];
  });
  const files = runs
    .filter(({ missing }) => missing.length > 0)
    .map((run) => `${nameOf(run)} has no ${run.missing.join(", ")}`);
  return [...byState, ...files, ...problems];
}

export function missingHtml(study: StudyData): string {
  const items = missingItems(study);
  if (items.length === 0) return "";
  const list = items.map((item) => `<li>${escapeHtml(item)}</li>`).join("");
  return (
    `<section class="missing" role="note" aria-label="What is missing"><p><strong>Not everything is here.</strong> ` +
    `The report shows what there is; this is missing:</p><ul>${list}</ul></section>`
  );
}

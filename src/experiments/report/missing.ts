/** What the report could not show, because it was not trained, did not end, or left no file. */
import { escapeHtml } from "./html.js";
import type { StudyData } from "./study.js";

const STATE_TEXT: Readonly<Partial<Record<string, string>>> = {
  pending: "not started yet",
  running: "running, or stopped before the end",
  failed: "failed",
  diverged: "diverged: the loss became infinite or no number",
};

/** Names listed in full; more are counted. */
const LISTED = 8;

/** A list of names, cut where it is long. */
function listText(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).join(", ");
  return names.length > LISTED ? `${shown} and ${names.length - LISTED} more` : shown; // prettier-ignore
}

/** Everything missing, in words. */
export function missingItems(study: StudyData): string[] {
  const items: string[] = [];
  const open = study.jobs.filter(({ state }) => state !== "done");
  for (const state of new Set(open.map((job) => job.state))) {
    const jobs = open.filter((job) => job.state === state);
    const count = `${jobs.length} ${jobs.length === 1 ? "run" : "runs"} ${STATE_TEXT[state] ?? state}`;
    const errors = jobs.filter(({ error }) => error !== null);
    if (errors.length === 0) items.push(`${count}: ${listText(jobs.map(({ id }) => id))}`); // prettier-ignore
    else for (const job of jobs) items.push(`${job.id} ${state}: ${job.error ?? "no reason recorded"}`); // prettier-ignore
  }
  if (study.kind === "sweep" && study.jobs.length === 0)
    items.push("sweep.json is missing: runs that were planned and never started are unknown"); // prettier-ignore
  const known = new Set(open.map(({ id }) => id));
  for (const run of study.runs) {
    const name = run.row.run.replace(/^runs\//, "");
    const { status } = run.row;
    const listed = [...known].some((id) => name.startsWith(id));
    if (status !== "done" && !listed) items.push(`${name || run.row.model}: ${STATE_TEXT[status] ?? status}`); // prettier-ignore
    if (run.missing.length > 0) items.push(`${name}: no ${run.missing.join(", ")}`); // prettier-ignore
  }
  return items;
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

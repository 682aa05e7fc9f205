/** Settings and provenance: what every run was trained with, on what, and how to make it again. */
import type { ModelRuns } from "./aggregate.js";
import { trainCommand } from "./commands.js";
import { escapeHtml, tableHtml } from "./html.js";
import type { RunData, StudyData } from "./study.js";
import { hasLabelsOfFile, trainingText } from "./training-data.js";

/** Settings that differ by design, or that the list says in its own words. */
const LEFT_OUT = new Set(["noise", "noiseKind", "keep", "seed", "model", "classes", "out", "name", "version", "adapter"]); // prettier-ignore

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function distinct(values: readonly (string | null | undefined)[]): string {
  const known = new Set(values.filter((value) => value));
  return [...known].join(", ");
}

/** What stands first: the facts that make two studies comparable. */
function facts(
  study: StudyData,
  groups: readonly ModelRuns[],
): [string, string][] {
  const runs = groups.flatMap((group) => group.runs);
  const config = (key: string) => runs.map(({ config }) => (config?.[key] === undefined ? null : valueText(config[key]))); // prettier-ignore
  const seeds = [...new Set(runs.map(({ row }) => row.seed))].sort((a, b) => a - b); // prettier-ignore
  const budgets = distinct(study.measures.exchange.map(({ budget }) => `equal ${budget}`)); // prettier-ignore
  const list: [string, string][] = [
    ["made with", distinct([study.createdWith, ...config("version").map((v) => v && `tarnish ${v}`)])], // prettier-ignore
    ["adapter", distinct([...config("adapter"), ...runs.map(({ summary }) => summary?.adapter)])], // prettier-ignore
    ["models", groups.map(({ model }) => model).join(", ")],
    ["seeds", seeds.join(", ")],
    ["noise kind", distinct(runs.filter(({ row }) => row.arm === "noise").map((run) => (hasLabelsOfFile(run) ? "labels from a file" : run.poison?.kind)))], // prettier-ignore
    ["reduction budget", budgets],
  ];
  return list.filter(([, value]) => value !== "");
}

/** Settings of all runs: one value where they agree, all values where they do not. */
function settings(runs: readonly RunData[]): [string, string][] {
  const configs = runs.map(({ config }) => config).filter((config) => config !== null); // prettier-ignore
  const keys = [...new Set(configs.flatMap((config) => Object.keys(config)))].filter((key) => !LEFT_OUT.has(key)); // prettier-ignore
  return keys.flatMap((key): [string, string][] => {
    const values = new Set(configs.filter((config) => config[key] !== undefined).map((config) => valueText(config[key]))); // prettier-ignore
    const text = values.size <= 6 ? [...values].join(" / ") : `${values.size} different values`; // prettier-ignore
    return text === "null" || text === "" ? [] : [[key, text.length > 300 ? `${text.slice(0, 299)}…` : text]]; // prettier-ignore
  });
}

function definitionList(items: readonly [string, string][]): string {
  const parts = items.map(([key, value]) => `<div><dt>${escapeHtml(key)}</dt><dd>${escapeHtml(value)}</dd></div>`); // prettier-ignore
  return `<dl class="settings">${parts.join("")}</dl>`;
}

/** "360 of 400" chosen labels; a file's labels are not chosen. */
function changedText({ poison }: RunData): string {
  if (poison?.kind === "labels") return String(poison.changed);
  return poison && poison.selected > 0
    ? `${poison.changed} of ${poison.selected}`
    : "–";
}

function runsTable(group: ModelRuns): string {
  const numeric = true;
  const rows = group.runs.map((run) => {
    const seconds = run.summary?.trainSeconds ?? null;
    return [
      trainingText(run),
      String(run.row.seed),
      escapeHtml(run.row.status),
      changedText(run),
      run.poison && run.poison.kept > 0 ? String(run.poison.kept) : "–",
      seconds === null ? "–" : seconds.toFixed(seconds < 10 ? 1 : 0),
      `<code>${escapeHtml(run.row.run.replace(/^runs\//, ""))}</code>`,
    ];
  });
  return tableHtml(
    [
      { title: "training data" },
      { title: "seed", numeric },
      { title: "state" },
      { title: "labels changed, of those chosen", numeric },
      { title: "images kept", numeric },
      { title: "seconds", numeric },
      { title: "folder in runs/" },
    ],
    rows,
    `Runs of ${group.model}`,
  );
}

export function provenanceHtml(
  study: StudyData,
  groups: readonly ModelRuns[],
): string {
  const runs = groups.flatMap((group) => group.runs);
  const commands = runs.map(trainCommand).filter((command) => command !== null);
  return (
    `<section><h2 id="settings">Settings and provenance</h2>${definitionList(facts(study, groups))}` +
    `<details><summary>All settings</summary>${definitionList(settings(runs))}</details>` +
    `<details><summary>Runs (${runs.length})</summary>${groups.map(runsTable).join("")}</details>` +
    (commands.length > 0
      ? `<details><summary>Commands that make each run again</summary><pre tabindex="0" aria-label="Commands"><code>${escapeHtml(commands.join("\n"))}</code></pre></details>`
      : "") +
    `</section>`
  );
}

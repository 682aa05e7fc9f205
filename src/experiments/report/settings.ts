/** The tables of accuracy and of settings, and the commands that make the runs again. */
import {
  conditionText,
  effectiveRate,
  type LevelArm,
  mean,
  meanResult,
  type ModelRuns,
  relative,
  runsAt,
} from "./aggregate.js";
import { escapeHtml, fixed, percent, tableHtml } from "./html.js";
import { type JsonObject, numberOf, type RunData } from "./study.js";

/** Accuracy by arm and level, a row per condition. */
export function accuracyTable(group: ModelRuns): string {
  const clean = meanResult(runsAt(group, "noise", 0), "top1Last");
  const conditions: { arm: LevelArm; level: number }[] = [
    { arm: "noise", level: 0 },
    ...(["noise", "reduction"] as const).flatMap((arm) =>
      group.levels[arm].map((level) => ({ arm, level })),
    ),
  ];
  const several = group.seeds.length > 1;
  const rows = conditions.flatMap(({ arm, level }) => {
    const runs = runsAt(group, arm, level);
    if (runs.length === 0) return [];
    const last = meanResult(runs, "top1Last");
    return [
      [
        conditionText({ arm, level }),
        ...(several ? [String(runs.length)] : []),
        percent(last),
        percent(meanResult(runs, "top1Best")),
        percent(meanResult(runs, "top5Last")),
        fixed(relative(last, clean), 3),
        fixed(meanResult(runs, "lossLast"), 3),
        percent(mean(runs.map(effectiveRate))),
      ],
    ];
  });
  const titles = [
    "top-1, last",
    "top-1, best",
    "top-5, last",
    "relative to clean",
    "loss, last",
    "labels really wrong",
  ];
  return tableHtml(
    [
      { title: "training data" },
      ...(several ? [{ title: "seeds", numeric: true }] : []),
      ...titles.map((title) => ({ title, numeric: true })),
    ],
    rows,
    `Accuracy of ${group.model} on the test images`,
  );
}

/** What each run was trained on and how it went. */
export function runsTable(group: ModelRuns): string {
  const rows = group.runs.map((run) => {
    const last = run.summary?.last;
    const ece =
      typeof last === "object" && last !== null
        ? numberOf(last as JsonObject, "ece")
        : null;
    const noisy = run.row.arm === "noise" ? run.poison : null;
    const changed = noisy ? `${noisy.changed} of ${noisy.selected}` : "–";
    const seconds = numberOf(run.summary, "trainSeconds");
    return [
      conditionText(run.row),
      String(run.row.seed),
      escapeHtml(run.row.status),
      escapeHtml(noisy?.kind ?? "–"),
      changed,
      run.poison && run.poison.kept > 0 ? String(run.poison.kept) : "–",
      fixed(ece, 3),
      seconds === null ? "–" : seconds.toFixed(seconds < 10 ? 1 : 0),
      `<code>${escapeHtml(run.row.run.replace(/^runs\//, ""))}</code>`,
    ];
  });
  const numeric = true;
  return tableHtml(
    [
      { title: "training data" },
      { title: "seed", numeric },
      { title: "state" },
      { title: "noise kind" },
      { title: "labels changed, of those chosen", numeric },
      { title: "images kept", numeric },
      { title: "calibration error", numeric },
      { title: "seconds", numeric },
      { title: "folder in runs/" },
    ],
    rows,
    `Runs of ${group.model}`,
  );
}

/** Settings that differ by design or say nothing to a reader of the table. */
const LEFT_OUT = new Set([
  "noise",
  "noiseKind",
  "keep",
  "seed",
  "model",
  "classes",
  "out",
  "name",
]);

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Settings with the same value in every run of a model, as a definition list; null without any config.json. */
export function settingsList(group: ModelRuns): string | null {
  const configs = group.runs.flatMap((run) => (run.config ? [run.config] : []));
  if (configs.length === 0) return null;
  const keys = [
    ...new Set(configs.flatMap((config) => Object.keys(config))),
  ].filter((key) => !LEFT_OUT.has(key));
  const items = keys.flatMap((key) => {
    const values = new Set(
      configs
        .filter((config) => config[key] !== undefined)
        .map((config) => valueText(config[key])),
    );
    if (values.size === 0) return [];
    const text =
      values.size <= 3
        ? [...values].join(" / ")
        : `${values.size} different values`;
    return text === "null"
      ? []
      : [`<div><dt>${escapeHtml(key)}</dt><dd>${escapeHtml(text)}</dd></div>`];
  });
  return `<dl class="settings">${items.join("")}</dl>`;
}

/** config.json members that are flags of `tarnish train`; what differs between the runs of a sweep comes first. */
const FLAGS = [
  "model",
  "data",
  "noise",
  "noiseKind",
  "keep",
  "seed",
  "width",
  "stem",
  "dataSplit",
  "coarse",
  "trainLimit",
  "testLimit",
  "imageSize",
  "valFraction",
  "epochs",
  "steps",
  "maxSteps",
  "batch",
  "microBatch",
  "lr",
  "momentum",
  "weightDecay",
  "nesterov",
  "warmup",
  "labelSmoothing",
  "labels",
  "augment",
  "order",
  "init",
  "precision",
] as const;

/** A word for a POSIX shell. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(text)
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command that makes a run again; null without its config.json. */
export function trainCommand(run: RunData): string | null {
  if (!run.config) return null;
  const words = ["npx tarnish train"];
  for (const key of FLAGS) {
    const value = run.config[key];
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) words.push(flag);
    else if (
      typeof value === "number" ||
      (typeof value === "string" && value !== "")
    ) {
      words.push(`${flag} ${shellWord(String(value))}`);
    }
  }
  return words.join(" ");
}

/** Rates of every class of a single run: recall, precision, F1 and average precision. */
import { writeCsv } from "../csv.js";
import type { ModelRuns } from "./aggregate.js";
import type { Figure } from "./figure.js";
import { heatmap } from "./grid.js";
import { fixed, withoutZero } from "./html.js";
import type { StudyData } from "./study.js";

const RATES = [
  { key: "tpr", name: "TPR" },
  { key: "precision", name: "precision" },
  { key: "f1", name: "F1" },
  { key: "ap", name: "AP" },
] as const;

/** The figure; null for a sweep, whose rates stand by level, and without per_class.csv. */
export function runRatesFigure(
  study: StudyData,
  groups: readonly ModelRuns[],
): Figure | null {
  const rows = groups[0]?.runs[0]?.perClass;
  if (study.kind !== "run" || !rows || rows.length === 0) return null;
  return {
    id: "class-rates",
    title: "Rates by class",
    choices: [],
    panels: [
      {
        charts: [
          {
            title: null,
            id: "",
            ...heatmap({
              rows: rows.map((row) => row.class),
              columns: RATES.map(({ name }) => name),
              values: rows.map((row) => RATES.map(({ key }) => row[key])),
              notes: rows.map(
                (row) =>
                RATES.map(({ key, name }) => `${row.class}: ${name} ${fixed(row[key], 3)}; ${row.support} test images, ${row.tp} of them recognised, ${row.fp} of other classes taken for it`), // prettier-ignore
              ),
              scale: "seq",
              max: 1,
              text: (value) => withoutZero(fixed(value, 2)),
              columnLabel: "",
              description: "Recall, precision, F1 and average precision of each class", // prettier-ignore
              legend: ["0", "0.5", "1"],
              width: 460,
            }),
          },
        ],
      },
    ],
    caption:
      "TPR (recall) = TP / (TP + FN), precision = TP / (TP + FP), F1 their harmonic mean, all at the most probable class; " +
      "AP: average precision over all thresholds. One training draw.",
    csv: writeCsv(
      ["class", "support", "tp", "fp", "fn", "tn", ...RATES.map(({ key }) => key)], // prettier-ignore
      rows.map((row) => [row.class, row.support, row.tp, row.fp, row.fn, row.tn, ...RATES.map(({ key }) => row[key])]), // prettier-ignore
    ),
  };
}

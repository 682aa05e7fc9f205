/** Normalised true positive rates of one class, for the model and the class that the reader chooses. */
import type { ImpactRow } from "../measures.js";
import type { ModelRuns } from "./aggregate.js";
import { atOption, type Figure } from "./figure.js";
import { fixed, levelText, signed } from "./html.js";
import { impactOf } from "./impact.js";

const COLUMNS = ["TPR, noise", "TPR, reduction", "TPRn_norm", "TPRd_norm", "Impact Index", "95 % interval", "seeds"]; // prettier-ignore

function bodyOf(
  group: ModelRuns,
  rows: readonly ImpactRow[],
  index: number,
): string {
  const { levels, at } = impactOf(group, rows);
  const name = group.classes[index]!;
  const number = (content: string) => `<td class="number">${content}</td>`;
  const lines = levels.flatMap((level, i) => {
    const row = at(name, level);
    if (!row) return [];
    const clean = `<tr><th scope="row">clean</th>${number(fixed(row.tpr0, 3)).repeat(2)}${number(row.tpr0 === 0 ? "–" : "1").repeat(2)}${number("").repeat(3)}</tr>`;
    const interval = row.ciLow === null || row.ciHigh === null ? "–" : `${signed(row.ciLow, 2)} to ${signed(row.ciHigh, 2)}`; // prettier-ignore
    const cells = [
      fixed(row.tprNoise, 3),
      fixed(row.tprReduction, 3),
      fixed(row.tprnNorm, 3),
      fixed(row.tprdNorm, 3),
      `${signed(row.impact, 3)}${row.marked ? " •" : ""}`,
      interval,
      String(row.seeds),
    ];
    return [
      (i === 0 ? clean : "") +
        `<tr><th scope="row">${levelText(level)}</th>${cells.map(number).join("")}</tr>`,
    ];
  });
  return `<tbody ${atOption("class", index)}>${lines.join("")}</tbody>`;
}

/** The table as a figure without drawings; null where no level exists in both arms. */
export function classTable(
  groups: readonly ModelRuns[],
  rows: readonly ImpactRow[],
): Figure | null {
  if (groups.length === 0) return null;
  const head = ["level", ...COLUMNS].map((title, i) => `<th scope="col"${i > 0 ? ' class="number"' : ""}>${title}</th>`); // prettier-ignore
  return {
    id: "tpr-normalised",
    title: "Normalised true positive rates",
    choices: [],
    panels: groups.map((group, i) => ({
      ...(groups.length > 1 && { model: i, title: group.model }),
      charts: [],
      after:
        `<div class="scroll" tabindex="0" role="region" aria-label="Normalised true positive rates, ${i + 1}"><table class="class-table">` +
        `<thead><tr>${head.join("")}</tr></thead>${group.classes.map((_, c) => bodyOf(group, rows, c)).join("")}</table></div>`,
    })),
    caption:
      "TPRn_norm and TPRd_norm: the class's true positive rate with noise and with reduction, divided by its rate in " +
      "the clean run. Below 1 the class was harmed, above 1 it gained. Impact Index: TPRd_norm − TPRn_norm. " +
      "• differs from 0 (see the heatmap). A dash: the clean run recognises no image of the class.",
    csv: { sameAs: "impact-index" },
  };
}

/** What a run was trained on, in words. In a sweep that is its arm and level; a single run may be of both arms, or have its labels from a file. */
import { levelText, percent } from "./html.js";
import { removedShare, type RunData } from "./study.js";

/** Whether a file gave the labels (`train --labels`): what is wrong with them is no level that anybody chose. */
export function hasLabelsOfFile({ config, poison }: RunData): boolean {
  return poison?.kind === "labels" || typeof config?.["labels"] === "string";
}

/** Share of images removed; 0 where config.json is missing that would tell. */
function removedOf({ row, config }: RunData): number {
  const keep = config?.["keep"];
  if (row.arm.startsWith("reduction")) return row.level;
  return typeof keep === "number" ? removedShare(keep) : 0;
}

/** "20 % noise", "labels from a file"; nothing where labels are as they are. */
function labelsText(run: RunData): string | null {
  if (hasLabelsOfFile(run)) return "labels from a file";
  return run.row.arm === "noise" ? `${levelText(run.row.level)} noise` : null;
}

/** "clean", "20 % noise", "20 % removed", "20 % noise, 50 % removed", "labels from a file, 720 wrong". */
export function trainingText(run: RunData): string {
  const removed = removedOf(run);
  const { poison, row } = run;
  const parts = [
    labelsText(run),
    hasLabelsOfFile(run) && poison
      ? `${poison.changed === 0 ? "none" : poison.changed.toLocaleString("en")} wrong`
      : null,
    removed > 0 ? `${levelText(removed)} removed` : null,
    row.arm === "reduction-steps" ? "as many steps" : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? "clean" : parts.join(", ");
}

/** The same as a sentence, with the count of wrong labels. */
export function trainingSentence(run: RunData): string {
  const removed = removedOf(run);
  const labels = labelsText(run);
  const parts = [
    labels,
    removed > 0 ? `${levelText(removed)} of the images removed` : null,
  ].filter((part) => part !== null);
  if (parts.length === 0)
    return "Trained on all images with the labels as they are.";
  const { poison } = run;
  const wrong =
    labels !== null && poison
      ? `: ${poison.changed.toLocaleString("en")} of ${poison.kept.toLocaleString("en")} labels are really wrong (${percent(poison.effectiveRate)})`
      : "";
  return `Trained with ${parts.join(" and ")}${wrong}.`;
}

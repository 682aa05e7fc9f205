/** True positive rates, class × level, for both arms of a model. */
import { type Cell, writeCsv } from "../csv.js";
import {
  armConditions,
  ARM_TITLE,
  armsOf,
  conditionText,
  drawsText,
  type LevelArm,
  meanTpr,
  type ModelRuns,
  runsAt,
} from "./aggregate.js";
import { type Chart, type Figure, modelChoice } from "./figure.js";
import { heatmap, MAX_LABELLED, rowOrder } from "./grid.js";
import { fixed, levelText, slug, withoutZero } from "./html.js";

const ARM_COLUMN: Readonly<Record<LevelArm, string>> = {
  noise: "share of noisy labels",
  reduction: "share of images removed",
  "reduction-steps": "share of images removed, as many steps",
};

function supportOf(group: ModelRuns, index: number): number | null {
  const run = group.done.find(({ perClass }) => perClass !== null);
  return run?.perClass?.find((row) => row.index === index)?.support ?? null;
}

function armChart(group: ModelRuns, arm: LevelArm, prefix: string): Chart[] {
  const columns = armConditions(group, arm);
  if (columns.length === 0) return [];
  const values = group.classes.map((_, index) =>
    columns.map(({ runs }) => meanTpr(runs, index)),
  );
  const order = rowOrder(values);
  const notes = group.classes.map((name, index) =>
    columns.map((condition, c) => {
      const n = condition.runs.length;
      return (
        `${name}, ${conditionText(condition)}: TPR ${fixed(values[index]![c]!, 3)} ` +
        `(clean ${fixed(meanTpr(runsAt(group, arm, 0), index), 3)}; ${n === 1 ? "one seed" : `mean of ${n} seeds`}; ${supportOf(group, index) ?? "?"} test images)`
      );
    }),
  );
  return [
    {
      title: ARM_TITLE[arm],
      id: `${prefix}${arm}`,
      ...heatmap({
        rows: order.map((c) => group.classes[c]!),
        columns: columns.map(({ level }) =>
          level === 0 ? "clean" : levelText(level),
        ),
        values: order.map((c) => values[c]!),
        notes: order.map((c) => notes[c]!),
        scale: "seq",
        max: 1,
        text: (value) => withoutZero(fixed(value, 2)),
        columnLabel: ARM_COLUMN[arm],
        description: `True positive rate of each class of ${group.model} by ${ARM_COLUMN[arm]}`,
        legend: ["0", "0.5", "1"],
        width: 420,
      }),
    },
  ];
}

/** True positive rate, class × level, for every arm; null without a finished run or without arms. */
export function tprFigure(groups: readonly ModelRuns[]): Figure | null {
  const shown = groups.filter(
    (group) => group.classes.length > 0 && armsOf([group]).length > 0,
  );
  if (shown.length === 0) return null;
  const rows = shown.flatMap((group) =>
    armsOf([group]).flatMap((arm) =>
      armConditions(group, arm).flatMap(({ level, runs }) =>
        group.classes.map((name, index): Cell[] => [
          group.model,
          arm,
          level,
          name,
          runs.length,
          meanTpr(runs, index),
        ]),
      ),
    ),
  );
  return {
    id: "tpr",
    title: "True positive rate by class",
    choices: modelChoice(shown),
    panels: shown.map((group, i) => ({
      ...(shown.length > 1 && { model: i, title: group.model }),
      charts: armsOf([group]).flatMap((arm) =>
        armChart(group, arm, shown.length > 1 ? `${slug(group.model)}-` : ""),
      ),
    })),
    caption:
      "TPR = TP / (TP + FN): of the test images of a class, the share that the network recognised. " +
      `Values: ${drawsText(groups)}.` +
      (shown[0]!.classes.length > MAX_LABELLED ? " Classes by their mean rate." : ""), // prettier-ignore
    csv: writeCsv(["model", "arm", "level", "class", "seeds", "tpr"], rows),
  };
}

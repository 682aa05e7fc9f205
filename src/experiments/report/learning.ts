/** Learning curves: test accuracy over the epochs. */
import { writeCsv } from "../csv.js";
import { drawsText, type ModelRuns } from "./aggregate.js";
import { type Figure, modelChoice } from "./figure.js";
import { slug } from "./html.js";
import { armCharts, curveArms, curveColumns, curveRows, levelLines } from "./level-lines.js"; // prettier-ignore

/** Test top-1 by epoch; null without an evaluation. */
export function learningFigure(groups: readonly ModelRuns[]): Figure | null {
  const models = groups
    .map((group) => ({
      group,
      lines: curveArms(group).flatMap((arm) =>
        levelLines(group, arm, (run) =>
          run.evals.map(({ epoch, top1 }) => ({ epoch, value: top1 })),
        ),
      ),
    }))
    .filter(({ lines }) => lines.length > 0);
  if (models.length === 0) return null;
  const columns = new Map(
    models.flatMap(({ group, lines }) => [
      ...curveColumns(group.model, lines, false),
    ]),
  );
  const several = groups.some((group) => group.seeds.length > 1);
  return {
    id: "learning-curves",
    title: "Learning curves",
    choices: modelChoice(models.map(({ group }) => group)),
    panels: models.map(({ group, lines }, i) => ({
      ...(models.length > 1 && { model: i, title: group.model }),
      charts: armCharts(group, lines, true, {
        title: null,
        id: models.length > 1 ? slug(group.model) : "",
        label: "top-1 on the test images (%)",
        scale: 100,
        description: `Test accuracy of ${group.model} by epoch`,
      }),
    })),
    caption:
      "Top-1 accuracy on the test images after each evaluated epoch. " +
      (several
        ? `Thin lines are single seeds, strong ones ${drawsText(groups)}. `
        : "One line per run: one training draw each. ") +
      "A line that climbs and then falls is the mark of a network that first learns the rule and then the wrong labels.",
    csv: writeCsv(["epoch", ...columns.keys()], curveRows(columns)),
  };
}

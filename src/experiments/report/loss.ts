/** Training and test loss over the epochs. */
import { writeCsv } from "../csv.js";
import { drawsText, type ModelRuns } from "./aggregate.js";
import { type Figure, modelChoice } from "./figure.js";
import { slug } from "./html.js";
import { armCharts, curveArms, curveColumns, curveRows, type EpochPoint, levelLines } from "./level-lines.js"; // prettier-ignore
import type { RunData } from "./study.js";

/** Points that a smoothed line is drawn with. */
const SMOOTH_POINTS = 80;

/** Width of the moving average over `count` logged steps: about a thirtieth of them, odd. */
function smoothingWindow(count: number): number {
  return 2 * Math.round(count / 60) + 1;
}

/**
 * A centred moving average, thinned to at most SMOOTH_POINTS points; near the ends the window shrinks evenly on both
 * sides, so the average stays centred and the first point is the first value itself.
 */
export function smooth(points: readonly EpochPoint[]): EpochPoint[] {
  const half = (smoothingWindow(points.length) - 1) / 2;
  const count = Math.min(points.length, SMOOTH_POINTS);
  return Array.from({ length: count }, (_, k) => {
    const i =
      count === 1 ? 0 : Math.round((k * (points.length - 1)) / (count - 1));
    const reach = Math.min(half, i, points.length - 1 - i);
    let sum = 0;
    for (let j = i - reach; j <= i + reach; j++) sum += points[j]!.value;
    return { epoch: points[i]!.epoch, value: sum / (2 * reach + 1) };
  });
}

/**
 * Steps in an epoch of a run: its kept images in batches. A run may end within an epoch, so that its last step tells
 * nothing; without config.json its fullest epoch does.
 */
function stepsPerEpoch({ config, evals, steps }: RunData): number {
  const { images, batch } = config ?? {};
  if (typeof images === "number" && typeof batch === "number")
    return Math.max(1, Math.ceil(images / batch));
  const known = evals.length > 0 ? evals : steps;
  return Math.max(1, ...known.map(({ step, epoch }) => step / epoch));
}

function trainingLoss(run: RunData): EpochPoint[] {
  const perEpoch = stepsPerEpoch(run);
  return smooth(
    run.steps.map(({ step, loss }) => ({
      epoch: Number((step / perEpoch).toFixed(3)),
      value: loss,
    })),
  );
}

const testLoss = (run: RunData): EpochPoint[] =>
  run.evals.map(({ epoch, loss }) => ({ epoch, value: loss }));

const KINDS = [
  { title: "training loss", id: "train", read: trainingLoss },
  { title: "test loss", id: "test", read: testLoss },
] as const;

/** Training and test loss by epoch; null without either. */
export function lossFigure(groups: readonly ModelRuns[]): Figure | null {
  const columns = new Map<string, Map<number, number>>();
  const models = groups.map((group) => {
    const charts = KINDS.flatMap(({ title, id, read }) => {
      // Many seeds make grey wool of noisy lines: their mean stands for them.
      const lines = curveArms(group)
        .flatMap((arm) => levelLines(group, arm, read))
        .map((line) =>
          line.mean && line.seeds.length > 1
            ? { ...line, seeds: [{ seed: 0, points: line.mean }] }
            : line,
        );
      for (const [name, column] of curveColumns(group.model, lines, true))
        columns.set(`${id}_${name}`, column);
      return armCharts(group, lines, false, {
        title,
        id: [groups.length > 1 ? slug(group.model) : "", id].filter((part) => part !== "").join("-"), // prettier-ignore
        label: "cross-entropy (nats)",
        scale: 1,
        description: `${title} of ${group.model} by epoch`,
      });
    });
    return { group, charts };
  });
  const shown = models.filter(({ charts }) => charts.length > 0);
  if (shown.length === 0) return null;
  return {
    id: "loss",
    title: "Losses",
    choices: modelChoice(shown.map(({ group }) => group)),
    panels: shown.map(({ group, charts }, i) => ({
      ...(shown.length > 1 && { model: i, title: group.model }),
      charts,
    })),
    caption:
      "Training loss: mean cross-entropy of the logged training steps against the labels that the network was given, " +
      "as a centred moving average over a thirtieth of the run. Test loss: cross-entropy on the test images against " +
      `their true labels. Lines: ${drawsText(groups)}.`,
    csv: writeCsv(["epoch", ...columns.keys()], curveRows(columns)),
  };
}

/** Accuracy by level and arm, a chart per model. */
import { type Cell, writeCsv } from "../csv.js";
import {
  armConditions,
  armsOf,
  commonestShare,
  conditions,
  drawsText,
  effectiveRate,
  type Estimate,
  estimate,
  type LevelArm,
  mean,
  type ModelRuns,
  testImages,
  trainingDraws,
} from "./aggregate.js";
import type { Figure } from "./figure.js";
import { slug } from "./html.js";
import { armColor, armDash } from "./palette.js";
import type { RunData } from "./study.js";
import {
  chart,
  type Frame,
  frame,
  lineData,
  markers,
  spread,
  stroke,
  text,
  whiskerData,
} from "./svg.js";

interface Point extends Estimate {
  level: number;
}

/** Short names at the ends of lines; the title of the axis says what the levels are shares of. */
const END_NAME: Readonly<Record<LevelArm, string>> = {
  noise: "noise",
  reduction: "reduction",
  "reduction-steps": "same steps",
};

function pointsOf(group: ModelRuns, arm: LevelArm): Point[] {
  const images = testImages(group);
  return armConditions(group, arm).flatMap(({ level, runs }) => {
    const value = estimate(
      runs.map(({ row }) => row.top1Last),
      images,
    );
    return value ? [{ level, ...value }] : [];
  });
}

function armMarkup(space: Frame, arm: LevelArm, points: readonly Point[]) {
  const at = points.map((p) => [space.x(100 * p.level), space.y(100 * p.mean)] as const); // prettier-ignore
  const bars = points.map((p) => ({ x: space.x(100 * p.level), low: space.y(100 * p.low), high: space.y(100 * p.high) })); // prettier-ignore
  const color = armColor(arm);
  const filled = points.flatMap((p, i) => (p.level > 0 ? [at[i]!] : []));
  const first = points.flatMap((p, i) => (p.level === 0 ? [at[i]!] : []));
  return (
    stroke(lineData(at), color, { "stroke-dasharray": armDash(arm) }) +
    stroke(whiskerData(bars), color, { "stroke-width": 1 }) +
    markers(0, filled, color, 3.4) +
    markers(0, first, "var(--ink)", 3.4)
  );
}

function accuracyChart(
  group: ModelRuns,
  arms: readonly LevelArm[],
  highest: number,
  lastLevel: number,
  alone: boolean,
): string {
  const space = frame({
    ...(alone && { width: 460, height: 300 }),
    right: 80,
    x: { domain: [0, 100 * lastLevel], label: "level (% of the training images)", ticks: 4 }, // prettier-ignore
    y: { domain: [0, 100 * highest], label: "top-1 on the test images (%)" },
  });
  const series = arms
    .map((arm) => ({ arm, points: pointsOf(group, arm) }))
    .filter(({ points }) => points.some((point) => point.level > 0));
  const share = commonestShare(group);
  const chance = share === null ? null : 100 * share;
  const ends = series.map(({ points }) => points.at(-1)!);
  const heights = spread(
    ends.map((point) => space.y(100 * point.mean)),
    15,
    space.top,
    space.bottom,
  );
  const labels = series.map(({ arm }, i) =>
    text(space.x(100 * ends[i]!.level) + 8, heights[i]! + 4, END_NAME[arm], {
      fill: armColor(arm),
      "font-weight": 600,
    }),
  );
  const baseline = chance === null ? "" : stroke(`M${space.left} ${space.y(chance)}H${space.right}`, "var(--muted)", { "stroke-width": 1, "stroke-dasharray": "2 4" }) + text(space.left + 4, space.y(chance) - 5, "chance", { fill: "var(--muted)" }); // prettier-ignore
  return chart(
    space.width,
    space.height,
    `Top-1 accuracy of ${group.model} by level of noise and of reduction`,
    space.axes +
      baseline +
      series.map(({ arm, points }) => armMarkup(space, arm, points)).join("") +
      labels.join(""),
  );
}

/** How intervals of accuracies are made, in a sentence. */
function intervalSentence(groups: readonly ModelRuns[]): string {
  const counts = groups.flatMap((group) =>
    conditions(group).map(({ runs }) => runs.length),
  );
  const images = groups[0] ? testImages(groups[0]) : null;
  const several = counts.some((n) => n >= 3);
  const few = counts.filter((n) => n < 3);
  const over = images === null ? "the test images" : `the ${images.toLocaleString("en")} test images`; // prettier-ignore
  return [
    several ? "Intervals: 95 %, Student's t over the seeds." : "",
    few.length > 0
      ? `${several ? "With fewer than three seeds" : "Intervals"}: 95 % for a proportion of ${over}; ${trainingDraws(few)}, so the spread between trainings is not in them.`
      : "",
    new Set(counts).size > 1
      ? "Each point has all its seeds: where the seeds of two points differ, their distance is not a paired one."
      : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** The accuracies of a run by their names in tables. */
export const ACCURACIES: readonly {
  name: string;
  read: (run: RunData) => number | null;
}[] = [
  { name: "top1_last", read: ({ row }) => row.top1Last },
  { name: "top1_best", read: ({ row }) => row.top1Best },
  { name: "top5_last", read: ({ row }) => row.top5Last },
  { name: "top5_best", read: ({ summary }) => summary?.best.top5 ?? null },
];

/** The table of every condition, in plain numbers. */
function accuracyCsv(groups: readonly ModelRuns[]): string {
  const rows = groups.flatMap((group) =>
    conditions(group).map(({ arm, level, runs }): Cell[] => [
      group.model,
      arm,
      level,
      runs.length,
      ...ACCURACIES.flatMap(({ read }) => {
        const value = estimate(runs.map(read), testImages(group));
        return value ? [value.mean, value.low, value.high] : [null, null, null];
      }),
      mean(runs.map(({ row }) => row.lossLast)),
      mean(runs.map(effectiveRate)),
    ]),
  );
  const columns = ACCURACIES.flatMap(({ name }) => [name, `${name}_low`, `${name}_high`]); // prettier-ignore
  return writeCsv(
    ["model", "arm", "level", "seeds", ...columns, "loss_last", "effective_rate"], // prettier-ignore
    rows,
  );
}

/** Accuracy by level; null without a finished run. */
export function accuracyFigure(groups: readonly ModelRuns[]): Figure | null {
  const arms = armsOf(groups);
  const all = groups.flatMap((group) =>
    arms.flatMap((arm) => pointsOf(group, arm)),
  );
  if (all.length === 0) return null;
  const highest = Math.min(1, Math.max(...all.map(({ high }) => high)) * 1.04);
  const lastLevel = Math.max(...all.map(({ level }) => level));
  return {
    id: "accuracy",
    title: "Accuracy by level",
    choices: [],
    panels: [
      {
        charts: groups.map((group) => ({
          title: groups.length > 1 ? group.model : null,
          id: groups.length > 1 ? slug(group.model) : "",
          svg: accuracyChart(
            group,
            arms,
            highest,
            lastLevel,
            groups.length === 1,
          ),
        })),
      },
    ],
    caption:
      "Top-1 accuracy after the last epoch, on test images whose labels were never touched. Noise: that share of the " +
      "training images was given other labels. Reduction: that share was removed; at equal levels it is the same " +
      `images. Points: ${drawsText(groups)}. ${intervalSentence(groups)}`,
    csv: accuracyCsv(groups),
  };
}

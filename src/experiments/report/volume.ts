/** Data volume against labelling noise: at each level, the accuracy with that noise over the accuracy without those images. */
import { writeCsv } from "../csv.js";
import { type ModelRuns, sharedSeeds, top1Over } from "./aggregate.js";
import type { Figure } from "./figure.js";
import { levelText } from "./html.js";
import { modelLegend, modelMarkers } from "./legend.js";
import { modelColor } from "./palette.js";
import { chart, frame, lineData, stroke, text } from "./svg.js";

interface Pair {
  level: number;
  noise: number;
  reduction: number;
  seeds: number;
}

/** A line joins points of the same seeds: those with every run of it, or, where there are none, those of its point. */
function pairsOf(group: ModelRuns): Pair[] {
  const levels = [0, ...group.levels.noise.filter((level) => group.levels.reduction.includes(level))]; // prettier-ignore
  const both = (level: number) => [{ arm: "noise", level }, { arm: "reduction", level }] as const; // prettier-ignore
  const complete = sharedSeeds(group, levels.flatMap(both));
  return levels.flatMap((level) => {
    const seeds = complete.length > 0 ? complete : sharedSeeds(group, both(level)); // prettier-ignore
    const [noise, reduction] = both(level).map((c) => top1Over(group, seeds, c)); // prettier-ignore
    return noise == null || reduction == null
      ? []
      : [{ level, noise, reduction, seeds: seeds.length }];
  });
}

/** "means of 3 seeds", of those that a point rests on. */
function seedsText(pairs: readonly Pair[]): string {
  const counts = pairs.map(({ seeds }) => seeds);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  if (high === 1) return "one training draw each";
  return `means of ${low === high ? high : `${low} to ${high}`} seeds, the same in both arms`;
}

const WIDTH = 460;

/** The figure; null where no model has a level in both arms. */
export function volumeFigure(groups: readonly ModelRuns[]): Figure | null {
  const series = groups
    .map((group) => ({ group, pairs: pairsOf(group) }))
    .filter(({ pairs }) => pairs.some(({ level }) => level > 0));
  if (series.length === 0) return null;
  const all = series.flatMap(({ pairs }) => pairs.flatMap((p) => [p.noise, p.reduction])); // prettier-ignore
  const pad = 0.02;
  const low = Math.max(0, Math.min(...all) - pad) * 100;
  const high = Math.min(1, Math.max(...all) + pad) * 100;
  const legend = modelLegend(series.map(({ group }) => group), 38, 14, WIDTH - 50); // prettier-ignore
  const space = frame({
    width: WIDTH,
    height: 400 + legend.height,
    top: 34 + legend.height,
    right: 44,
    x: { domain: [low, high], label: "top-1 with that share of images removed (%)" }, // prettier-ignore
    y: { domain: [low, high], label: "" },
  });
  const lines = series.map(({ group, pairs }) => {
    const at = pairs.map((p) => [space.x(100 * p.reduction), space.y(100 * p.noise)] as const); // prettier-ignore
    const last = pairs.at(-1)!;
    return (
      stroke(lineData(at), modelColor(group.index), { "stroke-width": 1.5 }) +
      modelMarkers(group.index, at) +
      text(at.at(-1)![0] + 7, at.at(-1)![1] + 4, levelText(last.level), { fill: "var(--muted)" }) // prettier-ignore
    );
  });
  const diagonal = stroke(
    `M${space.x(low)} ${space.y(low)}L${space.x(high)} ${space.y(high)}`,
    "var(--muted)",
    { "stroke-width": 1, "stroke-dasharray": "3 4" },
  );
  const note = text(space.left + 10, space.y(high) + 12, "above the line: losing the data hurts more", { fill: "var(--muted)" }); // prettier-ignore
  const svg = chart(
    space.width,
    space.height,
    "Top-1 accuracy with noise against top-1 accuracy with as many images removed, by level",
    space.axes +
      diagonal +
      legend.markup +
      text(0, 18 + legend.height, "top-1 with that share of labels noisy (%)", {
        fill: "var(--muted)",
      }) + // prettier-ignore
      note +
      lines.join(""),
  );
  return {
    id: "volume-against-noise",
    title: "Data volume against noise",
    choices: [],
    panels: [{ charts: [{ title: null, id: "", svg }] }],
    caption:
      "Each point is one level: to the right, the accuracy with that share of the images removed; upwards, with that " +
      "share of the labels noisy. Lines start at the clean run and end at the highest level. On the dashed line both " +
      `cost the same; below it noise costs more than losing the data. Points: ${seedsText(series.flatMap(({ pairs }) => pairs))}.`,
    csv: writeCsv(
      ["model", "level", "top1_noise", "top1_reduction"],
      series.flatMap(({ group, pairs }) =>
        pairs.map((p) => [group.model, p.level, p.noise, p.reduction]),
      ),
    ),
  };
}

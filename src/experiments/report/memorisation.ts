/** Memorisation: what the networks predict for the training images that they were lied to about. */
import { type Cell, writeCsv } from "../csv.js";
import type { Memorisation } from "../memorisation.js";
import { armConditions, type ModelRuns } from "./aggregate.js";
import type { Figure } from "./figure.js";
import { levelText, percent, slug } from "./html.js";
import { chart, CHART_WIDTH, element, frame, text } from "./svg.js";

interface Split extends Memorisation {
  level: number;
  seeds: number;
}

/** Counts summed over the seeds of each noise level with wrong labels. */
function splitsOf(group: ModelRuns): Split[] {
  return armConditions(group, "noise").flatMap(({ level, runs }) => {
    const all = runs.flatMap(({ summary }) => summary?.memorisation ?? []);
    const total = (key: keyof Memorisation) =>
      all.reduce((sum, split) => sum + split[key], 0);
    const split = {
      level,
      seeds: all.length,
      poisoned: total("poisoned"),
      asTrue: total("asTrue"),
      asGiven: total("asGiven"),
      asOther: total("asOther"),
      clean: total("clean"),
      cleanCorrect: total("cleanCorrect"),
    };
    return split.poisoned > 0 ? [split] : [];
  });
}

const PARTS = [
  { key: "asTrue", name: "the true class", fill: "var(--good)", on: "var(--on-good)" }, // prettier-ignore
  { key: "asOther", name: "another", fill: "var(--wash-strong)", on: "var(--ink)" }, // prettier-ignore
  { key: "asGiven", name: "the lie", fill: "var(--noise)", on: "var(--on-noise)" }, // prettier-ignore
] as const;

function splitChart(group: ModelRuns, splits: readonly Split[]): string {
  const rowHeight = 26;
  const width = CHART_WIDTH;
  const space = frame({
    width,
    height: 42 + splits.length * rowHeight + 40,
    top: 34,
    left: 54,
    right: 14,
    x: { domain: [0, 100], label: "poisoned images predicted as (%)" },
    y: { domain: [0, 1], ticks: [], label: "" },
  });
  const legend = PARTS.map(({ name, fill }, i) => element("rect", { x: [54, 170, 250][i], y: 8, width: 11, height: 11, fill }) + text([70, 186, 266][i]!, 18, name)); // prettier-ignore
  const bars = splits.map((split, r) => {
    const y = 38 + r * rowHeight;
    let from = 0;
    const parts = PARTS.map(({ key, fill, on }) => {
      const share = split[key] / split.poisoned;
      const [x0, x1] = [space.x(100 * from), space.x(100 * (from + share))];
      from += share;
      const label = share > 0.1 ? text((x0 + x1) / 2, y + 15, percent(share, 0), { "text-anchor": "middle", fill: on }) : ""; // prettier-ignore
      return element("rect", { x: x0, y, width: Math.max(0, x1 - x0), height: 20, fill }) + label; // prettier-ignore
    });
    return text(46, y + 15, levelText(split.level), { "text-anchor": "end" }) + parts.join(""); // prettier-ignore
  });
  return chart(
    space.width,
    space.height,
    `Poisoned training images of ${group.model} predicted as their true class, as the given one or as another, by noise level`,
    space.axes + legend.join("") + bars.join(""),
  );
}

/** The figure; null where no run recorded its split. */
export function memorisationFigure(
  groups: readonly ModelRuns[],
): Figure | null {
  const shown = groups
    .map((group) => ({ group, splits: splitsOf(group) }))
    .filter(({ splits }) => splits.length > 0);
  if (shown.length === 0) return null;
  const rows = shown.flatMap(
    ({ group, splits }) =>
    splits.map((s): Cell[] => [group.model, s.level, s.seeds, s.poisoned, s.asTrue, s.asGiven, s.asOther, s.clean, s.cleanCorrect]), // prettier-ignore
  );
  return {
    id: "memorisation",
    title: "Memorisation",
    choices: [],
    panels: [
      {
        charts: shown.map(({ group, splits }) => ({
          title: groups.length > 1 ? group.model : null,
          id: groups.length > 1 ? slug(group.model) : "",
          svg: splitChart(group, splits),
        })),
      },
    ],
    caption:
      "What the network predicts for its own training images whose given label is wrong, without augmentation: the class " +
      "that they really show, the wrong one that they were given, or another. The share of “the lie” is what it learned by " +
      "heart. Counts are summed over the seeds.",
    csv: writeCsv(
      ["model", "noise_level", "seeds", "poisoned", "as_true", "as_given", "as_other", "clean", "clean_correct"], // prettier-ignore
      rows,
    ),
  };
}

/** The figures of class × level: true positive rates, normalised ones, and the Impact Index. */
import { type Cell, writeCsv } from "../csv.js";
import {
  type LevelArm,
  meanTpr,
  type ModelRuns,
  relative,
  runsAt,
} from "./aggregate.js";
import { CHART_WIDTH, type Figure } from "./figure.js";
import { heatmap, type HeatmapSpec } from "./heatmap.js";
import { fixed, levelText, signed } from "./html.js";

/** Per-class rates of an arm: values[class][level]. */
function rates(
  group: ModelRuns,
  arm: LevelArm,
  levels: readonly number[],
): (number | null)[][] {
  return group.classes.map((_, index) =>
    levels.map((level) => meanTpr(runsAt(group, arm, level), index)),
  );
}

function normalised(
  group: ModelRuns,
  arm: LevelArm,
  levels: readonly number[],
): (number | null)[][] {
  return rates(group, arm, levels).map((row, index) => {
    const clean = meanTpr(runsAt(group, arm, 0), index);
    return row.map((value) => relative(value, clean));
  });
}

function longTable(
  group: ModelRuns,
  levels: readonly number[],
  values: (number | null)[][],
  arm: string,
): Cell[][] {
  return values.flatMap((row, c) =>
    row.map((value, l): Cell[] => [arm, group.classes[c]!, levels[l]!, value]),
  );
}

const COLUMNS = ["arm", "class", "level", "value"];
const ARM_TITLE: Record<LevelArm, string> = {
  noise: "Wrong labels",
  reduction: "Fewer images",
};
const ARM_COLUMN: Record<LevelArm, string> = {
  noise: "share of wrong labels",
  reduction: "share of images removed",
};

function armFigure(
  document: Document,
  group: ModelRuns,
  id: string,
  values: (arm: LevelArm, levels: readonly number[]) => (number | null)[][],
  baseline: boolean,
  look: Pick<HeatmapSpec, "scale" | "max" | "center" | "legend"> & {
    quantity: string;
    title: string;
    caption: string;
  },
): Figure | null {
  const arms = (["noise", "reduction"] as const).filter(
    (arm) => group.levels[arm].length > 0,
  );
  const rows: Cell[][] = [];
  const charts = arms.map((arm) => {
    const levels = [...(baseline ? [0] : []), ...group.levels[arm]];
    const table = values(arm, levels);
    rows.push(...longTable(group, levels, table, arm));
    return {
      title: ARM_TITLE[arm],
      id: arm,
      svg: heatmap(document, {
        ...look,
        rows: group.classes,
        columns: levels.map((level) =>
          level === 0 ? "clean" : levelText(level),
        ),
        values: table,
        text: (value) => fixed(value, 2),
        rowLabel: "class",
        columnLabel: ARM_COLUMN[arm],
        id: `${id}-${arm}-none`,
        description: `${look.quantity} of each class of ${group.model} by ${ARM_COLUMN[arm]}`,
      }),
    };
  });
  if (charts.length === 0 || group.classes.length === 0) return null;
  const panels = [{ label: "", id: "", charts }];
  return {
    id,
    title: look.title,
    choice: null,
    panels,
    caption: look.caption,
    csv: writeCsv(COLUMNS, rows),
  };
}

/** True positive rate, class × level, for both arms. */
export function tprFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  return armFigure(
    document,
    group,
    id,
    (arm, levels) => rates(group, arm, levels),
    true,
    {
      scale: "seq",
      max: 1,
      legend: ["0", "0.5", "1"],
      quantity: "True positive rate",
      title: "True positive rate by class",
      caption:
        "TPR = TP / (TP + FN): of the test images of a class, the share that the network recognised. " +
        "With several seeds, their mean.",
    },
  );
}

/** TPR over the clean run's, class × level, for both arms. */
export function normalisedFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  if (runsAt(group, "noise", 0).length === 0) return null;
  return armFigure(
    document,
    group,
    id,
    (arm, levels) => normalised(group, arm, levels),
    false,
    {
      scale: "change",
      max: 1,
      center: 1,
      legend: ["0", "1, unchanged", "2"],
      quantity: "Normalised true positive rate",
      title: "Normalised true positive rate by class",
      caption:
        "TPRn_norm (wrong labels) and TPRd_norm (fewer images): the class's TPR divided by its TPR in the clean run. " +
        "Below 1 the class was harmed, above 1 it gained. Hatched: the clean run recognises no image of the class.",
    },
  );
}

/** The Impact Index, class × level, where a level exists in both arms; null where none does. */
export function impactFigure(
  document: Document,
  group: ModelRuns,
  id: string,
): Figure | null {
  const levels = group.levels.noise.filter((level) =>
    group.levels.reduction.includes(level),
  );
  if (
    levels.length === 0 ||
    group.classes.length === 0 ||
    runsAt(group, "noise", 0).length === 0
  )
    return null;
  const noise = normalised(group, "noise", levels);
  const reduction = normalised(group, "reduction", levels);
  const values = noise.map((row, c) =>
    row.map((value, l) => {
      const other = reduction[c]![l] ?? null;
      return value === null || other === null ? null : other - value;
    }),
  );
  const largest = Math.max(
    0.1,
    ...values.flat().map((value) => Math.abs(value ?? 0)),
  );
  // A class that the clean run barely knows has a wild ratio; it must not wash out the others.
  const max = Math.min(1, Math.ceil(largest * 10) / 10);
  const end = (sign: string): string =>
    `${sign}${max}${largest > max ? " and beyond" : ""}`;
  const rows = values.flatMap((row, c) =>
    row.map((value, l): Cell[] => [
      group.classes[c]!,
      levels[l]!,
      noise[c]![l] ?? null,
      reduction[c]![l] ?? null,
      value,
    ]),
  );
  const svg = heatmap(document, {
    rows: group.classes,
    columns: levels.map(levelText),
    values,
    scale: "index",
    max,
    text: (value) => signed(value, 2),
    rowLabel: "class",
    columnLabel: "level, in both arms",
    id: `${id}-none`,
    description: `Impact Index of each class of ${group.model} by level`,
    width: Math.max(CHART_WIDTH, 130 + 70 * levels.length),
    legend: [
      `${end("−")} losing data hurt more`,
      `noise hurt more ${end("+")}`,
    ],
  });
  return {
    id,
    title: "Impact Index by class",
    choice: null,
    panels: [{ label: "", id: "", charts: [{ title: null, id: "", svg }] }],
    caption:
      "Impact Index = TPRd_norm − TPRn_norm at the same level: what a wrong label costs a class beyond what a missing image " +
      "costs it. Positive: noise harmed the class more than losing the data. Negative: losing the data harmed it more. " +
      "Hatched: no value, because the clean run recognises no image of the class.",
    csv: writeCsv(["class", "level", "tprn_norm", "tprd_norm", "impact"], rows),
  };
}

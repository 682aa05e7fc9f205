import { describe, expect, it } from "vitest";
import type { ExchangeRow, ImpactRow } from "../../src/experiments/measures.js";
import { byModel, estimate, type ModelRuns } from "../../src/experiments/report/aggregate.js"; // prettier-ignore
import { cellsMarkup } from "../../src/experiments/report/cells.js";
import { orderByConfusion, orderByRecall, topConfusions } from "../../src/experiments/report/class-order.js"; // prettier-ignore
import { equivalentText, exchangeSentence, exchangeTable, intervalText } from "../../src/experiments/report/exchange.js"; // prettier-ignore
import { standaloneSvg, variant } from "../../src/experiments/report/figure.js"; // prettier-ignore
import { rowOrder } from "../../src/experiments/report/grid.js";
import { rounded, signed } from "../../src/experiments/report/html.js";
import { impactFigure } from "../../src/experiments/report/impact.js";
import { lossFigure, smooth } from "../../src/experiments/report/loss.js";
import { resolveLight, shade } from "../../src/experiments/report/palette.js";
import { parseRun, type RunTexts, type StudyData } from "../../src/experiments/report/study.js"; // prettier-ignore
import { parseMetrics } from "../../src/experiments/run-reading.js";
import type { ResultRow } from "../../src/experiments/tables.js";
import { parseRecords } from "../../src/experiments/csv.js";
import { lineData, spread } from "../../src/experiments/report/svg.js";

describe("words of the exchange rate", () => {
  const row: ExchangeRow = {
    model: "shallow",
    budget: "epochs",
    noiseLevel: 0.1,
    effectiveRate: 0.09,
    equivalentReduction: 0.27,
    censored: null,
    ciLow: 0.22,
    ciHigh: 0.33,
    interval: "t",
    seeds: 3,
    largestReduction: 0.4,
  };
  const above: ExchangeRow = { ...row, equivalentReduction: null, censored: "above", ciLow: 0.35, ciHigh: null }; // prettier-ignore
  const below: ExchangeRow = { ...row, equivalentReduction: 0, censored: "below", ciLow: 0, ciHigh: 0.02 }; // prettier-ignore

  it("quote the effective rate, and never a number that was not found", () => {
    expect(exchangeSentence(row, "shallow")).toBe("9\u00a0% wrong labels cost shallow as much as losing 27\u00a0% of the data."); // prettier-ignore
    expect(exchangeSentence(above, "shallow")).toBe("9\u00a0% wrong labels cost shallow more than losing 40\u00a0% of the data, the most that was tried."); // prettier-ignore
    for (const none of [below, { ...below, censored: null }])
      expect(exchangeSentence(none, "shallow")).toContain("cost shallow nothing that shows"); // prettier-ignore
    expect([row, above, below].map(equivalentText)).toEqual(["27\u00a0%", "more than 40\u00a0%", "nothing"]); // prettier-ignore
  });

  it("keep levels apart and as they were asked for", () => {
    const group = { model: "shallow" } as ModelRuns;
    const rows = [0.025, 0.03].map((noiseLevel) => ({ ...row, noiseLevel }));
    const table = exchangeTable([{ group, budget: "epochs", rows }]);
    expect(table.match(/[\d.]+\u00a0% noise/g)).toEqual(["2.5\u00a0% noise", "3\u00a0% noise"]); // prettier-ignore
    // 13 % was never tried.
    const finer = { ...above, largestReduction: 0.125, ciLow: 0.11 };
    expect(equivalentText(finer)).toBe("more than 12.5\u00a0%");
    expect(intervalText(finer)).toBe("11\u00a0% to more than 12.5\u00a0%");
    expect(intervalText({ ...finer, ciLow: null, ciHigh: null })).toBeNull();
    expect(intervalText({ ...finer, ciLow: 0.125 })).toBe("beyond 12.5\u00a0%"); // prettier-ignore
    expect(exchangeSentence(finer, "shallow")).toContain("more than losing 12.5\u00a0% of the data"); // prettier-ignore
    const open = exchangeSentence({ ...finer, ciLow: 0 }, "shallow");
    expect(open).toContain("it may be more than losing 12.5\u00a0% of the data"); // prettier-ignore
  });

  it("have intervals that may be open", () => {
    expect(intervalText(row)).toBe("22\u00a0% to 33\u00a0%");
    expect(intervalText(above)).toBe("35\u00a0% to more than 40\u00a0%");
    expect(intervalText({ ...above, ciLow: 0.4 })).toBe("beyond 40\u00a0%");
    expect(intervalText({ ...row, interval: null, ciLow: null, ciHigh: null })).toBeNull(); // prettier-ignore
  });
});

describe("intervals of accuracies", () => {
  it("are Student's t from three seeds on", () => {
    // mean 0.5, sd 0.1, t(2) = 4.302653: 4.302653 · 0.1 / √3.
    const interval = estimate([0.4, 0.5, 0.6], 1000)!;
    expect(interval.mean).toBeCloseTo(0.5, 12);
    expect(interval.high - 0.5).toBeCloseTo(0.248414, 5);
  });

  it("are Wilson's below", () => {
    // statsmodels.stats.proportion.proportion_confint(80, 100, method="wilson")
    const interval = estimate([0.8], 100)!;
    expect(interval.low).toBeCloseTo(0.711169, 5);
    expect(interval.high).toBeCloseTo(0.866633, 5);
    expect(estimate([null], 100)).toBeNull();
  });
});

describe("orders of classes", () => {
  // Classes 0 and 2 are taken for each other, and 1 and 3.
  const counts = [
    [6, 0, 4, 0],
    [0, 9, 0, 1],
    [3, 1, 6, 0],
    [0, 3, 0, 7],
  ];

  it("put what is alike side by side", () => {
    const order = orderByConfusion(counts);
    expect([...order].sort()).toEqual([0, 1, 2, 3]);
    const place = order.map((_, c) => order.indexOf(c));
    expect(Math.abs(place[0]! - place[2]!)).toBe(1);
    expect(Math.abs(place[1]! - place[3]!)).toBe(1);
    // 2 is sometimes taken for 1: their pairs meet there.
    expect(Math.abs(place[1]! - place[2]!)).toBe(1);
    expect(orderByConfusion([[3]])).toEqual([0]);
  });

  it("by recall, and the largest confusions", () => {
    expect(orderByRecall(counts)[0]).toBe(1);
    expect(topConfusions(counts, 2)).toEqual([
      { truth: 0, predicted: 2, share: 0.4 },
      { truth: 2, predicted: 0, share: 0.3 },
    ]);
    // A class without test images is confused with none.
    expect(topConfusions([[0, 0], [1, 1]], 9)).toHaveLength(1); // prettier-ignore
  });

  it("of heatmaps with many rows follow their means, valueless rows last", () => {
    expect(rowOrder([[1], [3], [2]])).toEqual([0, 1, 2]);
    const many = Array.from({ length: 30 }, (_, r) => [r === 4 ? null : r]);
    expect(rowOrder(many).slice(0, 2)).toEqual([29, 28]);
    expect(rowOrder(many).at(-1)).toBe(4);
  });
});

describe("drawing", () => {
  it("lines do not drift, however many points they have", () => {
    const points = Array.from({ length: 1000 }, (_, i) => [i * 0.333, i * 0.777] as const); // prettier-ignore
    let [x, y] = [0, 0];
    for (const [, dx, dy] of lineData(points).matchAll(
      /[Ml](-?[\d.]+)[ ]?(-?[\d.]+)/g,
    )) {
      x += Number(dx);
      y += Number(dy);
    }
    expect(x).toBeCloseTo(332.667, 0);
    expect(y).toBeCloseTo(776.223, 0);
  });

  it("labels are moved apart and stay inside", () => {
    const moved = spread([0.5, 0.5, 0.51, 0.99, 1], 0.1, 0, 1);
    const sorted = [...moved].sort((a, b) => a - b);
    sorted.slice(1).forEach((value, i) => {
      expect(value - sorted[i]!).toBeGreaterThan(0.1 - 1e-9);
    });
    expect(Math.max(...moved)).toBeLessThanOrEqual(1);
    expect(spread([0.2, 0.8], 0.1, 0, 1)).toEqual([0.2, 0.8]);
  });

  it("cells without a value are hatched, names escaped", () => {
    const markup = cellsMarkup({
      left: 50, top: 20, cellWidth: 30, cellHeight: 20, size: 12, turned: false,
      rows: ["<b>"], columns: ["1", "2"], shades: [["seq-3", null]], texts: [["0.3", ""]], marks: [[true, false]],
    }); // prettier-ignore
    expect(markup).toContain("&#60;b&#62;");
    expect(markup).toContain('fill="var(--seq-3)"');
    expect(markup.match(/stroke="var\(--muted\)"/g)).toHaveLength(1);
    expect(markup.match(/stroke="var\(--on-seq-3\)"/g)).toHaveLength(1);
  });

  it("a file holds the chosen variant alone, in plain colours", () => {
    const svg = `<svg class="chart" fill="currentColor"><path stroke="var(--noise)"/>${variant("class", 0, "<text>first</text>")}${variant("class", 1, "<text>second</text>")}</svg>`;
    const [byDefault, second] = [
      standaloneSvg(svg, resolveLight),
      standaloneSvg(svg, resolveLight, { key: "class", index: 1 }),
    ];
    expect(byDefault).toContain("first");
    expect(byDefault).not.toContain("second");
    expect(second).toContain("<g><text>second</text></g>");
    expect(second).not.toContain("first");
    expect(second).not.toMatch(/var\(|currentColor/);
  });

  it("smoothing keeps the ends and a straight line", () => {
    const line = Array.from({ length: 500 }, (_, i) => ({ epoch: i, value: 3 - i / 250 })); // prettier-ignore
    const smoothed = smooth(line);
    expect(smoothed.length).toBeLessThan(100);
    expect(smoothed[0]).toEqual(line[0]);
    expect(smoothed.at(-1)).toEqual(line.at(-1));
    for (const { epoch, value } of smoothed)
      expect(value).toBeCloseTo(3 - epoch / 250, 10);
    expect(smooth([])).toEqual([]);
  });

  it("shades cover the scale and clamp", () => {
    expect([0, 0.5, 1, 7].map((v) => shade("seq", v, 1))).toEqual(["seq-0", "seq-8", "seq-16", "seq-16"]); // prettier-ignore
    expect([-9, -0.5, 0, 0.5].map((v) => shade("index", v, 0.5))).toEqual(["index-0", "index-0", "index-10", "index-20"]); // prettier-ignore
  });

  it("numbers read as a person writes them", () => {
    expect([0.27, 0.075, 0.05, 0, 1].map(rounded)).toEqual(["27\u00a0%", "7.5\u00a0%", "5\u00a0%", "0\u00a0%", "100\u00a0%"]); // prettier-ignore
    expect([0.314, -0.314, -0.001].map((v) => signed(v, 2))).toEqual(["+0.31", "−0.31", "0.00"]); // prettier-ignore
  });
});

describe("cells of the index", () => {
  it("drop a leading 0 and no other one", () => {
    const values = [0.314, -0.05, 10.05, 20, -10.5, 0];
    const rows = values.map((impact, c) => ({ model: "lenet", class: `${c}`, level: 0.2, impact, tpr0: 0.1, tprNoise: 0, tprReduction: 1, ciLow: null, ciHigh: null, seeds: 1 })); // prettier-ignore
    const group = { model: "lenet", index: 0, classes: rows.map((row) => row.class) }; // prettier-ignore
    const { panels } = impactFigure([group as ModelRuns], rows as unknown as ImpactRow[])!; // prettier-ignore
    const [cells] = panels[0]!.charts[0]!.svg.split('text-anchor="end"');
    const texts = [...cells!.matchAll(/>([^<>]*\.\d\d)</g)].map(([, text]) => text); // prettier-ignore
    expect(texts).toEqual(["+.31", "−.05", "+10.05", "+20.00", "−10.50", ".00"]); // prettier-ignore
  });
});

describe("epochs of a training loss", () => {
  /** Steps 100, 200… of a run that stopped at step 500, in its second epoch of 391 steps. */
  const metrics = [100, 200, 300, 400, 500].map((step) => ({ kind: "step", step, epoch: step > 391 ? 2 : 1, loss: 2 })); // prettier-ignore
  const evals = [[391, 1], [500, 2]].map(([step, epoch]) => ({ kind: "eval", step, epoch, loss: 2, top1: 0.5, top5: null })); // prettier-ignore
  const lines = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join(""); // prettier-ignore
  const epochsOf = (texts: RunTexts) => {
    const row = { model: "lenet", arm: "baseline", level: 0, seed: 0, status: "done", run: "." } as ResultRow; // prettier-ignore
    const runs = [parseRun(row, texts, "a")];
    const { csv } = lossFigure(byModel({ runs } as StudyData))!;
    return parseRecords(csv as string, []).filter((at) => at.optional("train_lenet_baseline") !== null).map((at) => at.number("epoch")); // prettier-ignore
  };
  const inEpochs = [0.256, 0.512, 0.767, 1.023, 1.279];

  it("count steps by the images that were kept, whenever the run ended", () => {
    const config = { images: 50_000, batch: 128, microBatch: 32, keep: 0.5 };
    expect(epochsOf({ "config.json": JSON.stringify(config), "metrics.jsonl": lines([...metrics, ...evals]) })).toEqual(inEpochs); // prettier-ignore
    // It was stopped before its first evaluation.
    expect(epochsOf({ "config.json": JSON.stringify(config), "metrics.jsonl": lines(metrics) })).toEqual(inEpochs); // prettier-ignore
  });

  it("without config.json go by the fullest epoch", () => {
    expect(epochsOf({ "metrics.jsonl": lines([...metrics, ...evals]) })).toEqual(inEpochs); // prettier-ignore
  });
});

describe("metrics.jsonl", () => {
  const line = '{"kind":"step","step":1,"epoch":1,"loss":2,"lr":0.1}';

  it("may end in a line that a killed run left half-written", () => {
    expect(
      parseMetrics(`${line}\n{"kind":"st`, "metrics.jsonl").steps,
    ).toHaveLength(1);
  });

  it("may not be damaged before", () => {
    expect(() => parseMetrics(`{"kind":"st\n${line}\n`, "a/metrics.jsonl")).toThrow(/a\/metrics.jsonl, line 1/); // prettier-ignore
    expect(() =>
      parseMetrics(`${line}\n{"kind":"st\n`, "a/metrics.jsonl"),
    ).toThrow(/line 2/);
  });
});

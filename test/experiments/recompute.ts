/**
 * impact.csv, exchange.csv and the claims' verdicts of a sweep of three seeds, computed from its per_class.csv and
 * poison.json in plain code that shares nothing with src/: other formulas where there are other ones.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Run {
  classes: string[];
  tpr: number[];
  top1: number;
  effective: number;
}

/** runs["lenet noise 0.2"][seed] */
export type Runs = Record<string, Run[]>;

export function readRuns(folder: string): Runs {
  const runs: Runs = {};
  for (const name of readdirSync(join(folder, "runs"))) {
    const [model, arm, level, seed] = name.split("-").slice(0, -1).join("-").split("_") as [string, string, string, string]; // prettier-ignore
    const at = (file: string) =>
      readFileSync(join(folder, "runs", name, file), "utf8");
    const [header, ...rows] = at("per_class.csv").trim().split("\n").map((line) => line.split(",")); // prettier-ignore
    const column = (key: string) => rows.map((row) => row[header!.indexOf(key)]!); // prettier-ignore
    const [tp, fn] = [column("tp").map(Number), column("fn").map(Number)];
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
    const poison = JSON.parse(at("poison.json")) as { effectiveRate: number };
    (runs[`${model} ${arm} ${level}`] ??= [])[Number(seed.slice(1))] = {
      classes: column("class"),
      tpr: tp.map((hits, c) => (hits === 0 ? 0 : hits / (hits + fn[c]!))),
      top1: sum(tp) / (sum(tp) + sum(fn)),
      effective: poison.effectiveRate,
    };
  }
  for (const [key, seeds] of Object.entries(runs))
    if (seeds.filter(Boolean).length !== 3) throw new Error(`${key}: not three seeds`); // prettier-ignore
  return runs;
}

const average = (values: number[]) =>
  values.reduce((a, b) => a + b, 0) / values.length;

/** Of three values; with two degrees of freedom the tail and the quantile have closed forms. */
export function t3(values: number[]) {
  const mean = average(values);
  const variance = values.reduce((a, v) => a + (v - mean) ** 2, 0) / 2;
  const error = Math.sqrt(variance / 3);
  const quantile = Math.sqrt((2 * 0.95 ** 2) / (1 - 0.95 ** 2));
  const t = Math.abs(mean) / error;
  const flat = error < 1e-13;
  return {
    mean,
    error,
    low: mean - quantile * error,
    high: mean + quantile * error,
    p: flat ? 1 : 1 - t / Math.sqrt(t * t + 2),
    quantile,
  };
}

/** The step-up procedure by its definition: k is the largest i with i p-values at or below i·q/m. */
function discoveries(p: number[]): boolean[] {
  let threshold = -1;
  for (let i = 1; i <= p.length; i++) {
    const bound = (i * 0.05) / p.length;
    if (p.filter((value) => value <= bound).length >= i) threshold = bound;
  }
  return p.map((value) => value <= threshold);
}

const models = (runs: Runs) => [
  ...new Set(Object.keys(runs).map((key) => key.split(" ")[0]!)),
];
const levels = (runs: Runs, model: string, arm: string) =>
  Object.keys(runs)
    .map((key) => key.split(" "))
    .filter(([m, a]) => m === model && a === arm)
    .map(([, , level]) => Number(level))
    .sort((a, b) => a - b);

export function impact(runs: Runs) {
  return models(runs).flatMap((model) => {
    const clean = runs[`${model} baseline 0`]!;
    const cells = clean[0]!.classes.flatMap((name, c) =>
      levels(runs, model, "noise").map((level) => {
        const tpr = (of: Run[]) => of.map((run) => run.tpr[c]!);
        const [base, noisy, reduced] = [clean, runs[`${model} noise ${level}`]!, runs[`${model} reduction ${level}`]!].map(tpr) as [number[], number[], number[]]; // prettier-ignore
        const unit = average(base);
        const { low, high, p } = t3(reduced.map((r, s) => r - noisy[s]!));
        const y = 1 - average(noisy) / unit;
        const x = 1 - average(reduced) / unit;
        return unit === 0
          ? { model, class: name, level, impact: null, ciLow: null, ciHigh: null, p: null } // prettier-ignore
          : { model, class: name, level, impact: y - x, ciLow: low / unit, ciHigh: high / unit, p }; // prettier-ignore
      }),
    );
    const tested = cells.filter(({ p }) => p !== null);
    const found = discoveries(tested.map(({ p }) => p!));
    return cells.map((cell) => ({
      ...cell,
      marked: found[tested.indexOf(cell)] ?? false,
    }));
  });
}

/** The isotonic fit by its min-max formula. */
const fitOf = (y: number[]) =>
  y.map((_, i) =>
    Math.min(
      ...Array.from({ length: i + 1 }, (_, a) =>
        Math.max(
          ...Array.from({ length: y.length - i }, (_, k) =>
            average(y.slice(a, i + k + 1)),
          ),
        ),
      ),
    ),
  );

const line = (x: number[], y: number[], at: number) => {
  for (let i = 1; i < x.length; i++)
    if (at <= x[i]!)
      return y[i - 1]! + ((at - x[i - 1]!) / (x[i]! - x[i - 1]!)) * (y[i]! - y[i - 1]!); // prettier-ignore
  return y.at(-1)!;
};

export function exchange(runs: Runs) {
  return models(runs).flatMap((model) => {
    const knots = [0, ...levels(runs, model, "reduction")];
    const curves = [0, 1, 2].map(
      (seed) =>
      knots.map((level) => runs[level === 0 ? `${model} baseline 0` : `${model} reduction ${level}`]![seed]!.top1), // prettier-ignore
    );
    const fit = fitOf(knots.map((_, i) => average(curves.map((c) => c[i]!))));
    const last = knots.at(-1)!;
    return levels(runs, model, "noise").map((level) => {
      const noisy = runs[`${model} noise ${level}`]!;
      const accuracy = average(noisy.map((run) => run.top1));
      const censored =
        accuracy > average(curves.map((c) => c[0]!))
          ? "below"
          : accuracy < fit.at(-1)!
            ? "above"
            : null;
      // Bisection for the leftmost reduction with at most that accuracy.
      let [a, b] = [0, last];
      for (let i = 0; i < 60; i++) {
        const middle = (a + b) / 2;
        if (line(knots, fit, middle) > accuracy) a = middle;
        else b = middle;
      }
      const clean = average(curves.map((c) => c[0]!));
      const estimate = accuracy >= clean ? 0 : b;
      const inside = Array.from({ length: 5001 }, (_, i) => (i / 5000) * last)
        .filter((r) => {
          const { error, quantile } = t3(noisy.map((run, s) => run.top1 - line(knots, curves[s]!, r))); // prettier-ignore
          return Math.abs(accuracy - line(knots, fit, r)) <= quantile * error;
        })
        .concat(estimate);
      const high = Math.max(...inside);
      return {
        model,
        noiseLevel: level,
        effectiveRate: average(noisy.map((run) => run.effective)),
        equivalentReduction: censored === "above" ? null : estimate,
        censored,
        ciLow: Math.min(...inside),
        ciHigh: high > last - 1e-9 ? null : high,
      };
    });
  });
}

type Verdict = "held" | "not held" | "inconclusive" | "not tested";

/** A claim in one case: whether it holds there, and the seeds' values that would all be above 0 if it held. */
interface Case {
  holds: boolean;
  tests: number[][];
}

const above = (values: number[]) => t3(values).low > 0 && t3(values).p < 0.05;

const sign = (values: number[]): Case => ({
  holds: above(values),
  tests: [values],
});

const together = (cases: (Case | undefined)[]): Verdict => {
  const known = cases.filter((one) => one !== undefined);
  if (known.length === 0) return "not tested";
  // Whether Benjamini and Hochberg's procedure finds anything: Simes' test.
  const p = known.flatMap(({ tests }) => tests).map((values) => {
    const { mean, p: two } = t3(values);
    return two === 1 ? 1 : mean < 0 ? two / 2 : 1 - two / 2;
  }).sort((x, y) => x - y); // prettier-ignore
  if (p.some((value, i) => value <= ((i + 1) / p.length) * 0.025))
    return "not held";
  return known.length === cases.length && known.every(({ holds }) => holds)
    ? "held"
    : "inconclusive";
};

const study = ["shallow", "lenet", "unresnet18", "googlenet", "resnet18"];
const others = study.filter((model) => model !== "lenet");

/** Verdicts by id of the claims about CIFAR-10's classes and the five models. */
export function verdicts(runs: Runs): Record<string, Verdict> {
  const has = (model: string, arm: string, level: number) => `${model} ${arm} ${level}` in runs; // prettier-ignore
  const get = (model: string, arm: string, level: number) => runs[`${model} ${arm} ${level}`]!; // prettier-ignore
  const c = (name: string) => Object.values(runs)[0]![0]!.classes.indexOf(name);
  const per = (names: string[], test: (model: string) => Case | undefined) =>
    together(names.map(test));
  const minus = (a: number[], b: number[]) => a.map((v, s) => v - b[s]!);
  const top1 = (of: Run[]) => of.map((run) => run.top1);
  const tpr = (of: Run[], k: number) => of.map((run) => run.tpr[k]!);
  const shared = (model: string) => levels(runs, model, "noise").filter((l) => has(model, "reduction", l)); // prettier-ignore
  const meanOf = (rows: number[][]) => [0, 1, 2].map((s) => average(rows.map((row) => row[s]!))); // prettier-ignore

  /** Sensitivity of each class and seed, in units of the mean baseline. */
  const sensitivity = (model: string) =>
    get(model, "baseline", 0)[0]!.classes.map((_, k) => {
      const base = tpr(get(model, "baseline", 0), k);
      const unit = average(base);
      return meanOf(levels(runs, model, "noise").map((l) => minus(base, tpr(get(model, "noise", l), k)).map((d) => d / unit))); // prettier-ignore
    });
  const extreme = (named: string[], direction: 1 | -1) =>
    per(study, (model) => {
      if (!has(model, "baseline", 0) || levels(runs, model, "noise").length === 0) return undefined; // prettier-ignore
      const values = sensitivity(model).map((row) => row.map((v) => direction * v)); // prettier-ignore
      if (values.flat().some((v) => !Number.isFinite(v))) return { holds: false, tests: [] }; // prettier-ignore
      const inside = named.map(c);
      const outside = values.map((_, k) => k).filter((k) => !inside.includes(k)); // prettier-ignore
      const tests = inside.flatMap((k) => outside.map((r) => minus(values[k]!, values[r]!))); // prettier-ignore
      const score = (k: number) => average(values[k]!);
      const exact = Math.min(...inside.map(score)) > Math.max(...outside.map(score)); // prettier-ignore
      const contrast = minus(meanOf(inside.map((k) => values[k]!)), meanOf(outside.map((k) => values[k]!))); // prettier-ignore
      return { holds: exact && above(contrast), tests };
    });
  const helps = (model: string): Case | undefined => {
    if (!has(model, "noise", 0.3)) return undefined;
    const tests = get(model, "baseline", 0)[0]!.classes.map((_, k) => minus(tpr(get(model, "baseline", 0), k), tpr(get(model, "noise", 0.3), k))); // prettier-ignore
    return { holds: tests.every(above), tests };
  };
  const ladder = (model: string): Case | undefined => {
    if (![0.2, 0.4, 0.6].every((l) => has(model, "noise", l))) return undefined;
    const rungs = [get(model, "baseline", 0), ...[0.2, 0.4, 0.6].map((l) => get(model, "noise", l))]; // prettier-ignore
    const tests = [1, 2, 3].map((i) => minus(top1(rungs[i - 1]!), top1(rungs[i]!))); // prettier-ignore
    return { holds: tests.every(above), tests };
  };
  const birdIndex = (model: string, level: number) => {
    const [base, noisy, reduced] = [get(model, "baseline", 0), get(model, "noise", level), get(model, "reduction", level)].map((of) => tpr(of, c("bird"))) as [number[], number[], number[]]; // prettier-ignore
    return minus(reduced, noisy).map((d) => d / average(base));
  };
  const birds = (model: string) => has("lenet", "noise", 0.05) && has(model, "noise", 0.3); // prettier-ignore
  return {
    "noise-hurts-more": per(study, (model) =>
      has(model, "baseline", 0)
        ? sign(meanOf(shared(model).map((l) => minus(top1(get(model, "reduction", l)), top1(get(model, "noise", l)))))) // prettier-ignore
        : undefined,
    ),
    "hardest-classes": extreme(["cat", "bird", "deer", "dog"], 1),
    "easiest-classes": extreme(["frog", "truck"], -1),
    "lenet-weakest": per(others, (model) => {
      if (!has(model, "baseline", 0) || !has("lenet", "baseline", 0)) return undefined; // prettier-ignore
      const all = (m: string) => meanOf([top1(get(m, "baseline", 0)), ...["noise", "reduction"].flatMap((arm) => levels(runs, "lenet", arm).map((l) => top1(get(m, arm, l))))]); // prettier-ignore
      return sign(minus(all(model), all("lenet")));
    }),
    "lenet-bird-index": per(
      others,
      (model) =>
      birds(model) ? sign(minus(birdIndex("lenet", 0.05), birdIndex(model, 0.3))) : undefined, // prettier-ignore
    ),
    "lenet-bird-tpr": per(
      others,
      (model) =>
      birds(model) ? sign(minus(tpr(get(model, "noise", 0.3), c("bird")), tpr(get("lenet", "noise", 0.05), c("bird")))) : undefined, // prettier-ignore
    ),
    "shallow-reduction-helps": has("shallow", "reduction", 0.3)
      ? together(["truck", "ship", "deer", "frog"].map((name) => sign(minus(tpr(get("shallow", "reduction", 0.3), c(name)), tpr(get("shallow", "baseline", 0), c(name)))))) // prettier-ignore
      : "not tested",
    "noise-helps-none": per(study, helps),
    "ladder-falls": per(models(runs), ladder),
  };
}

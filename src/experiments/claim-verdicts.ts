/** How verdicts come about: from an estimate's interval, and from several findings that must all hold. */
import type { Finding, Verdict } from "./claims.js";
import { type Estimate, SEEDS_FOR_T } from "./rate-table.js";
import { ALPHA, benjaminiHochberg } from "./statistics.js";

/** What is known of a claim in one of its cases: a model, or a class. */
export interface CaseFinding {
  /** Whether the claim is shown to hold here. */
  readonly holds: boolean;
  /** Values that would all be above 0 if it held: one that is below refutes the claim. */
  readonly tests: readonly Test[];
  readonly evidence: string;
}

export interface Test {
  readonly estimate: Estimate;
  /** What it would mean to be below 0, where the evidence does not say it anyway. */
  readonly refutation?: string;
}

/** Below three seeds there is no telling another training; seeds that are all alike do not tell their spread. */
function decides({ interval, low, high }: Estimate): boolean {
  return interval === "t" && low! < high!;
}

/** Whether the whole interval is above 0. */
export function aboveZero(estimate: Estimate): boolean {
  return decides(estimate) && estimate.low! > 0;
}

/** A case that rests on one value. */
export function single(estimate: Estimate, evidence: string): CaseFinding {
  return { holds: aboveZero(estimate), tests: [{ estimate }], evidence };
}

/** A value with the other sign. */
export function negated({ value, low, high, ...rest }: Estimate): Estimate {
  return {
    ...rest,
    value: -value,
    low: high === null ? null : -high,
    high: low === null ? null : -low,
  };
}

/**
 * Which values are below 0, by Benjamini and Hochberg's procedure on one-sided p-values at 2.5 %. One value alone is
 * where its 95 % interval is below 0. If none is truly below 0, the chance of naming one is 2.5 %, however many there
 * are; large values above 0 make no other test easier.
 */
function belowZero(estimates: readonly Estimate[]): boolean[] {
  return benjaminiHochberg(
    estimates.map((one) =>
      !decides(one) ? 1 : one.value < 0 ? one.p! / 2 : 1 - one.p! / 2,
    ),
    ALPHA / 2,
  );
}

/** Held where the whole interval is within target ± tolerance, not held where it is outside. */
export function near(
  estimate: Estimate,
  target: number,
  tolerance: number,
): Verdict {
  if (!decides(estimate)) return "inconclusive";
  const { low, high } = estimate as { low: number; high: number };
  const [from, to] = [target - tolerance, target + tolerance];
  if (low >= from && high <= to) return "held";
  return high < from || low > to ? "not held" : "inconclusive";
}

/** What evidence on fewer seeds ends with. */
export function fewSeeds(seeds: readonly number[]): string {
  return seeds.some((n) => n < SEEDS_FOR_T)
    ? "; fewer than three seeds decide nothing"
    : "";
}

/**
 * A claim about every one of the named cases, tested on those that there are. A missing one leaves the claim open
 * unless another refutes it; without any it is not tested.
 *
 * @param trained The cases that have runs at all.
 * @param test The finding for a case; null where its runs are missing.
 */
export function forEvery(
  cases: readonly string[],
  trained: readonly string[],
  test: (name: string) => CaseFinding | null,
): Finding {
  const findings = cases.map((name) => ({ name, finding: test(name) }));
  const tested = findings.flatMap(({ name, finding }) =>
    finding ? [{ name, ...finding }] : [],
  );
  const open = findings.flatMap(({ name, finding }) => (finding ? [] : [name]));
  const list = (words: string, names: readonly string[]) =>
    names.length > 0 ? [`${words}: ${names.join(", ")}`] : [];
  const without = [
    ...list("runs missing", open.filter((name) => !trained.includes(name))), // prettier-ignore
    ...list("no seed has all the runs", open.filter((name) => trained.includes(name))), // prettier-ignore
  ];
  if (tested.length === 0)
    return { verdict: "not tested", evidence: without.join("; ") };
  const tests = tested.flatMap((one) => one.tests);
  const below = belowZero(tests.map(({ estimate }) => estimate));
  const refuting = new Set(tests.filter((_, i) => below[i]));
  const evidence = tested.map(({ name, evidence, tests: own }) => {
    const [worst] = own
      .filter((one) => refuting.has(one) && one.refutation !== undefined)
      .sort((a, b) => a.estimate.value - b.estimate.value);
    return `${name} ${evidence}${worst ? `; ${worst.refutation!}` : ""}`;
  });
  return {
    verdict:
      refuting.size > 0
        ? "not held"
        : without.length === 0 && tested.every(({ holds }) => holds)
          ? "held"
          : "inconclusive",
    evidence:
      [...evidence, ...without].join("; ") +
      fewSeeds(tests.map(({ estimate }) => estimate.seeds)),
  };
}

/** A difference of accuracies or rates in points, with its interval: "+3.2 points (1.0 to 5.4), 3 seeds". */
export function points({
  value,
  low,
  high,
  seeds,
  interval,
}: Estimate): string {
  const number = (x: number) => (100 * x).toFixed(1);
  const draws = seeds === 1 ? "one training draw" : `${seeds} seeds`;
  return `${value >= 0 ? "+" : ""}${number(value)} points${range(low, high, number)}, ${draws}${interval === "bootstrap" && seeds > 1 ? ", test images resampled" : ""}`;
}

/** A plain number with its interval: "0.31 (0.20 to 0.42)". */
export function number({ value, low, high }: Estimate): string {
  return `${value.toFixed(2)}${range(low, high, (x) => x.toFixed(2))}`;
}

function range(
  low: number | null,
  high: number | null,
  word: (x: number) => string,
): string {
  return low === null || high === null
    ? " (no interval)"
    : ` (${word(low)} to ${word(high)})`;
}

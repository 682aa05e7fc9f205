/** How verdicts come about: from an estimate's interval, and from several findings that must all hold. */
import type { Finding, Verdict } from "./claims.js";
import type { Estimate } from "./rate-table.js";

/** Held where the whole interval is above 0, not held where it is below, else inconclusive. */
export function aboveZero({ low, high }: Estimate): Verdict {
  if (low !== null && low > 0) return "held";
  return high !== null && high < 0 ? "not held" : "inconclusive";
}

/** Held where the whole interval is within target ± tolerance, not held where it is outside. */
export function near(
  { low, high }: Estimate,
  target: number,
  tolerance: number,
): Verdict {
  if (low === null || high === null) return "inconclusive";
  const [from, to] = [target - tolerance, target + tolerance];
  if (low >= from && high <= to) return "held";
  return high < from || low > to ? "not held" : "inconclusive";
}

/** All of them must hold; one that does not refutes the whole. */
export function all(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("not held")) return "not held";
  return verdicts.every((verdict) => verdict === "held")
    ? "held"
    : "inconclusive";
}

/**
 * A claim about every one of the named cases (models), tested on those that there are. A missing one leaves the claim
 * open unless another refutes it; without any it is not tested.
 *
 * @param test The finding for a case; null where its runs are missing.
 */
export function forEvery(
  cases: readonly string[],
  test: (name: string) => Finding | null,
): Finding {
  const findings = cases.map((name) => ({ name, finding: test(name) }));
  const tested = findings.flatMap(({ name, finding }) =>
    finding ? [{ name, finding }] : [],
  );
  const missing = findings
    .filter(({ finding }) => !finding)
    .map(({ name }) => name);
  const without =
    missing.length > 0 ? [`runs missing: ${missing.join(", ")}`] : [];
  if (tested.length === 0)
    return { verdict: "not tested", evidence: without.join("") };
  const verdicts = tested.map(({ finding }) => finding.verdict);
  return {
    verdict: all([...verdicts, ...without.map((): Verdict => "inconclusive")]),
    evidence: [
      ...tested.map(({ name, finding }) => `${name} ${finding.evidence}`),
      ...without,
    ].join("; "),
  };
}

/** A difference of accuracies or rates in points, with its interval: "+3.2 points (1.0 to 5.4)". */
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

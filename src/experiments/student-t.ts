/**
 * Student's t distribution: two-sided tail and quantile, through the regularised incomplete beta function
 * (NIST DLMF 8.17: the continued fraction 8.17.22 and the reflection 8.17.4).
 */

/** Coefficients of Lanczos' approximation with g = 7 (Godfrey's). */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028,
  771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0. */
function logGamma(x: number): number {
  if (x < 0.5)
    return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const sum = lanczos.reduce((a, c, i) => (i === 0 ? c : a + c / (x - 1 + i)));
  const base = x + 6.5;
  return (
    0.5 * Math.log(2 * Math.PI) +
    (x - 0.5) * Math.log(base) -
    base +
    Math.log(sum)
  );
}

/** The continued fraction of Iₓ(a, b) by the modified Lentz method; converges fast for x < (a + 1)/(a + b + 2). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    const factor = d * c;
    fraction *= factor;
    if (Math.abs(factor - 1) < 1e-16) break;
  }
  return fraction;
}

/** The regularised incomplete beta function Iₓ(a, b); `y` is 1 − x, given apart so that neither loses digits. */
function incompleteBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(y, x, b, a);
  const logFront =
    logGamma(a + b) -
    logGamma(a) -
    logGamma(b) +
    a * Math.log(x) +
    b * Math.log(y);
  return (Math.exp(logFront) / a) * betaFraction(x, a, b);
}

/** P(|T| ≥ |t|) of Student's t with `df` > 0 degrees of freedom. */
export function twoSidedTail(t: number, df: number): number {
  if (!Number.isFinite(t)) return 0;
  const square = t * t;
  return incompleteBeta(
    df / (df + square),
    square / (df + square),
    df / 2,
    0.5,
  );
}

/** The t > 0 with P(|T| ≥ t) = `tail`, 0 < tail < 1: 4.3027 for tail 0.05 and df 2. */
export function twoSidedQuantile(tail: number, df: number): number {
  if (!(tail > 0 && tail < 1 && df > 0))
    throw new RangeError(`no quantile for tail ${tail} and df ${df}`);
  let low = 0;
  let high = 1;
  while (twoSidedTail(high, df) > tail) {
    low = high;
    high *= 2;
  }
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (twoSidedTail(middle, df) > tail) low = middle;
    else high = middle;
  }
}

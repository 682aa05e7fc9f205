/**
 * Means and variances of many rows, from parts: (n, mean, M2) with M2 the sum of squared distances from the mean, merged with
 * Chan's formula ("Algorithms for computing the sample variance", 1983).
 *
 * A convolution that takes them on the way sees its results before they are rounded to how they are stored.
 */

/** Rows of one part, whoever computes it: a kernel over the rows, or the convolution that makes them. */
export const rowsPerPart = 64;

export const moments = /* wgsl */ `
struct Moments { n: f32, mean: vec4<f32>, m2: vec4<f32> }

fn merge(a: Moments, b: Moments) -> Moments {
  if (b.n == 0.0) { return a; }
  if (a.n == 0.0) { return b; }
  let n = a.n + b.n;
  let delta = b.mean - a.mean;
  return Moments(n, a.mean + delta * (b.n / n), a.m2 + b.m2 + delta * delta * (a.n * b.n / n));
}
`;

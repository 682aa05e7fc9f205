/**
 * Softmax cross-entropy with label smoothing ε over C classes (torch.nn.functional.cross_entropy):
 *
 *   p = softmax(z),  q_c = (1 − ε)·[c = label] + ε/C,  loss = −Σ_c q_c·log p_c = logsumexp(z) − Σ_c q_c·z_c
 *   d(mean loss)/dz_c = (p_c − q_c) / divisor
 *
 * logsumexp subtracts the largest logit first. Source: Szegedy et al., "Rethinking the Inception architecture", 2016.
 */
import { ref, type Ref, type Sum } from "./tensor.js";

export interface CrossEntropyOptions {
  /** ε in [0, 1). */
  labelSmoothing?: number;
  /** What the mean divides by: the rows given, unless they are one micro-batch of a larger batch. */
  divisor?: number;
}

/** Logits `[N,C]` and N labels in 0…C−1 → loss per sample `[N]`, Σloss/divisor, and the latter's gradient `[N,C]`. */
export function softmaxCrossEntropy(
  logits: Ref,
  labels: ArrayLike<number>,
  options: CrossEntropyOptions = {},
): { loss: Sum; mean: number; gradient: Sum } {
  const [rows, classes] = [logits.shape[0]!, logits.shape[1]!];
  const smoothing = options.labelSmoothing ?? 0;
  const divisor = options.divisor ?? rows;
  const sum = (shape: number[]): Sum => ({
    value: ref(shape),
    magnitude: ref(shape),
    terms: classes,
  });
  const loss = sum([rows]);
  const gradient = sum([rows, classes]);
  let total = 0;
  for (let n = 0; n < rows; n++) {
    const z = logits.data.subarray(n * classes, (n + 1) * classes);
    const largest = z.reduce((a, b) => Math.max(a, b), -Infinity);
    let exponentials = 0;
    for (const v of z) exponentials += Math.exp(v - largest);
    const logSumExp = largest + Math.log(exponentials);

    let expected = 0;
    let magnitude = Math.abs(largest) + Math.log(exponentials);
    for (let c = 0; c < classes; c++) {
      const q = (c === labels[n] ? 1 - smoothing : 0) + smoothing / classes;
      const p = Math.exp(z[c]! - logSumExp);
      expected += q * z[c]!;
      magnitude += Math.abs(q * z[c]!);
      gradient.value.data[n * classes + c] = (p - q) / divisor;
      // exp turns the absolute error of its argument into a relative one, hence the factor on p.
      gradient.magnitude.data[n * classes + c] =
        (p * (1 + Math.abs(z[c]!) + Math.abs(logSumExp)) + q) / divisor;
    }
    loss.value.data[n] = logSumExp - expected;
    loss.magnitude.data[n] = magnitude;
    total += loss.value.data[n]!;
  }
  return { loss, mean: total / divisor, gradient };
}

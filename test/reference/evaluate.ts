/**
 * Evaluation counters from finite logits `[N,C]` and true labels: the prediction (arg max, the lowest index on ties),
 * the rank of the true class (how many classes come before it: larger, or equal with a lower index), the samples whose
 * rank is below 1 and below 5 (top-1 and top-5), and the confusion counts (rows true, columns predicted). Exact.
 */
import { type Ref } from "./tensor.js";

export interface Evaluation {
  /** Predicted class of each sample. */
  predictions: Int32Array;
  /** Rank of the true class of each sample, 0 is best. */
  ranks: Int32Array;
  correct1: number;
  correct5: number;
  /** `[C][C]`, rows true, columns predicted. */
  confusion: Int32Array;
}

export function evaluate(logits: Ref, labels: ArrayLike<number>): Evaluation {
  const [rows, classes] = [logits.shape[0]!, logits.shape[1]!];
  const result: Evaluation = {
    predictions: new Int32Array(rows),
    ranks: new Int32Array(rows),
    correct1: 0,
    correct5: 0,
    confusion: new Int32Array(classes * classes),
  };
  for (let n = 0; n < rows; n++) {
    const z = logits.data.subarray(n * classes, (n + 1) * classes);
    const label = labels[n]!;
    let prediction = 0;
    let rank = 0;
    for (let c = 0; c < classes; c++) {
      if (z[c]! > z[prediction]!) prediction = c;
      if (z[c]! > z[label]! || (z[c]! === z[label]! && c < label)) rank++;
    }
    result.predictions[n] = prediction;
    result.ranks[n] = rank;
    if (rank < 1) result.correct1++;
    if (rank < 5) result.correct5++;
    result.confusion[label * classes + prediction]!++;
  }
  return result;
}

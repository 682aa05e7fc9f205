/**
 * What a classifier does on labelled images, class by class: pure functions in f64 from logits and true labels.
 *
 * Every definition is scikit-learn's (precision, recall and F1 are 0 where undefined; average precision is
 * Σ(Rₙ − Rₙ₋₁)Pₙ over all thresholds, equal scores taken together); test/golden/metrics.json holds its values.
 */
import { UserError } from "../errors.js";

/** One class's counts and rates at the argmax decision. Rates are fractions in [0, 1]. */
export interface ClassMetrics {
  index: number;
  /** Images whose true label is this class: tp + fn. */
  support: number;
  tp: number;
  fp: number;
  fn: number;
  tn: number;
  /** tp / (tp + fn), the recall of the class; 0 without support. */
  tpr: number;
  /** fp / (fp + tn); 0 where there is no image of another class. */
  fpr: number;
  precision: number;
  f1: number;
  /** Average precision of the class's softmax probability; 0 without support. */
  ap: number;
}

/** A precision-recall curve: one point per distinct threshold, from the highest score to the lowest. */
export interface PrecisionRecallCurve {
  /** Positives in the data: the denominator of recall. */
  positives: number;
  thresholds: Float64Array;
  precision: Float64Array;
  /** Non-decreasing; ends at 1 where there are positives, 0 everywhere where there are none. */
  recall: Float64Array;
  /** Images with a score at or above the threshold. */
  predicted: Int32Array;
}

/** The measurements of one set of logits. */
export interface Evaluation {
  count: number;
  /** Mean cross-entropy in nats. */
  loss: number;
  top1: number;
  /** Null below 6 classes, where it says nothing. */
  top5: number | null;
  /** Expected calibration error over 15 equal-width bins of the top probability (Guo et al. 2017). */
  ece: number;
  /** confusion[t][p] counts images of class t predicted as p. */
  confusion: number[][];
  perClass: ClassMetrics[];
  /** One curve per class, in class order. */
  curves: PrecisionRecallCurve[];
}

const ECE_BINS = 15;

/** 0 where the ratio is undefined. */
function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

/**
 * Softmax of each row of [n, C] logits, in f64.
 *
 * The exponentials are summed in sorted order, so that rows which are permutations of each other get exactly equal
 * probabilities: the tie rule of average precision must not hang on the order of a sum.
 */
export function softmaxRows(
  logits: Float32Array | Float64Array,
  numClasses: number,
): Float64Array {
  const probabilities = new Float64Array(logits.length);
  const sorted = new Float64Array(numClasses);
  for (let start = 0; start < logits.length; start += numClasses) {
    let max = -Infinity;
    for (let c = 0; c < numClasses; c++)
      max = Math.max(max, logits[start + c]!);
    for (let c = 0; c < numClasses; c++)
      probabilities[start + c] = Math.exp(logits[start + c]! - max);
    sorted.set(probabilities.subarray(start, start + numClasses));
    const sum = sorted.sort().reduce((a, b) => a + b, 0);
    for (let c = 0; c < numClasses; c++) probabilities[start + c]! /= sum;
  }
  return probabilities;
}

/**
 * The precision-recall curve of `scores` for the images where `positive` is 1.
 * Images with the same score share a point: no threshold can tell them apart.
 */
export function precisionRecallCurve(
  scores: Float64Array,
  positive: Uint8Array,
): PrecisionRecallCurve {
  const order = Uint32Array.from(scores, (_, i) => i).sort(
    (a, b) => scores[b]! - scores[a]!,
  );
  const positives = positive.reduce((sum, bit) => sum + bit, 0);
  const thresholds: number[] = [];
  const precision: number[] = [];
  const recall: number[] = [];
  const predicted: number[] = [];
  let tp = 0;
  for (let k = 0; k < order.length; k++) {
    tp += positive[order[k]!]!;
    const score = scores[order[k]!]!;
    if (k + 1 < order.length && scores[order[k + 1]!]! === score) continue;
    thresholds.push(score);
    precision.push(tp / (k + 1));
    recall.push(ratio(tp, positives));
    predicted.push(k + 1);
  }
  return {
    positives,
    thresholds: Float64Array.from(thresholds),
    precision: Float64Array.from(precision),
    recall: Float64Array.from(recall),
    predicted: Int32Array.from(predicted),
  };
}

/** Average precision Σ(Rₙ − Rₙ₋₁)Pₙ with R₀ = 0: the area under the curve read as a step function. */
export function averagePrecision(
  curve: Pick<PrecisionRecallCurve, "precision" | "recall">,
): number {
  let sum = 0;
  let previous = 0;
  for (let k = 0; k < curve.recall.length; k++) {
    sum += (curve.recall[k]! - previous) * curve.precision[k]!;
    previous = curve.recall[k]!;
  }
  return sum;
}

/**
 * Precision at recall r as average precision reads the curve: at the highest threshold whose recall reaches r.
 * Null where the curve never reaches it (a class without support).
 */
export function precisionAt(
  curve: {
    readonly precision: ArrayLike<number>;
    readonly recall: ArrayLike<number>;
  },
  r: number,
): number | null {
  let low = 0;
  let high = curve.recall.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (curve.recall[middle]! >= r) high = middle;
    else low = middle + 1;
  }
  return low < curve.recall.length ? curve.precision[low]! : null;
}

/**
 * The macro curve: at each recall of a grid 1/steps, 2/steps, … 1 the unweighted mean of the classes' precisions
 * (classes without support are left out). The mean of its precisions tends to the mean average precision.
 */
export function macroCurve(
  curves: readonly {
    readonly precision: ArrayLike<number>;
    readonly recall: ArrayLike<number>;
  }[],
  steps = 100,
): { recall: number[]; precision: number[] } {
  const recall: number[] = [];
  const precision: number[] = [];
  // The small allowance keeps a class whose recall is k/steps up to rounding at its own grid point.
  const supported = curves.filter(
    (curve) => precisionAt(curve, 1 - 1e-12) !== null,
  );
  if (supported.length === 0) return { recall, precision };
  for (let k = 1; k <= steps; k++) {
    const r = k / steps;
    recall.push(r);
    precision.push(
      supported.reduce(
        (sum, curve) => sum + precisionAt(curve, r - 1e-12)!,
        0,
      ) / supported.length,
    );
  }
  return { recall, precision };
}

/** The micro curve: every (image, class) pair pooled into one binary problem, one threshold for all classes. */
export function microCurve(
  logits: Float32Array | Float64Array,
  labels: Int32Array,
  numClasses: number,
): PrecisionRecallCurve {
  checkInput(logits, labels, numClasses);
  const positive = new Uint8Array(logits.length);
  for (let i = 0; i < labels.length; i++)
    positive[i * numClasses + labels[i]!] = 1;
  return precisionRecallCurve(softmaxRows(logits, numClasses), positive);
}

/** Throws a UserError for logits and labels that no metric is defined on. */
function checkInput(
  logits: Float32Array | Float64Array,
  labels: Int32Array,
  numClasses: number,
): void {
  if (!Number.isInteger(numClasses) || numClasses < 2) {
    throw new UserError(
      `evaluation needs at least 2 classes, got ${numClasses}`,
    );
  }
  if (labels.length === 0)
    throw new UserError(
      "evaluation needs at least one image; the split is empty",
    );
  if (logits.length !== labels.length * numClasses) {
    throw new UserError(
      `evaluation: ${logits.length} logits do not fit ${labels.length} labels of ${numClasses} classes; ` +
        "the logits must be [n, classes] in the order of the labels",
    );
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label < 0 || label >= numClasses) {
      throw new UserError(
        `evaluation: label ${label} of image ${i} is outside 0…${numClasses - 1}`,
      );
    }
  }
  const bad = logits.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new UserError(
      `evaluation: the logits of image ${Math.floor(bad / numClasses)} are not finite; ` +
        "the network has diverged (a lower --lr or a longer --warmup usually helps)",
    );
  }
}

/** The predicted class of a row of logits; equal ones go to the lowest index. */
export function argmax(row: Float32Array | Float64Array): number {
  let best = 0;
  for (let c = 1; c < row.length; c++) if (row[c]! > row[best]!) best = c;
  return best;
}

/** Index of the calibration bin (k/15, (k+1)/15] that holds a probability. */
function calibrationBin(probability: number): number {
  let bin = 0;
  while (bin < ECE_BINS - 1 && probability > (bin + 1) / ECE_BINS) bin++;
  return bin;
}

/** Counts and rates of each class from the confusion matrix and the curves. */
function classMetrics(
  confusion: number[][],
  curves: PrecisionRecallCurve[],
  count: number,
): ClassMetrics[] {
  return confusion.map((row, c) => {
    const tp = row[c]!;
    const support = row.reduce((a, b) => a + b, 0);
    const fn = support - tp;
    const fp = confusion.reduce((sum, other) => sum + other[c]!, 0) - tp;
    const tn = count - tp - fn - fp;
    return {
      index: c,
      support,
      tp,
      fp,
      fn,
      tn,
      tpr: ratio(tp, support),
      fpr: ratio(fp, fp + tn),
      precision: ratio(tp, tp + fp),
      f1: ratio(2 * tp, 2 * tp + fp + fn),
      ap: averagePrecision(curves[c]!),
    };
  });
}

/**
 * Every metric of a set of predictions.
 *
 * @param logits [n, C] row by row, finite
 * @param labels [n] true labels in 0…C−1
 * @throws UserError on an empty set, shapes that do not fit, labels out of range and logits that are not finite
 *
 * Equal logits: the lowest class index wins the argmax, and a lower index ranks before the true class in the top 5.
 */
export function evaluateLogits(
  logits: Float32Array | Float64Array,
  labels: Int32Array,
  numClasses: number,
): Evaluation {
  checkInput(logits, labels, numClasses);
  const count = labels.length;
  const probabilities = softmaxRows(logits, numClasses);
  const confusion = Array.from({ length: numClasses }, () =>
    new Array<number>(numClasses).fill(0),
  );
  const bins = Array.from({ length: ECE_BINS }, () => ({
    confidence: 0,
    correct: 0,
  }));
  let loss = 0;
  let top1 = 0;
  let top5 = 0;
  for (let i = 0; i < count; i++) {
    const row = logits.subarray(i * numClasses, (i + 1) * numClasses);
    const label = labels[i]!;
    const best = argmax(row);
    let rank = 0;
    for (let c = 0; c < numClasses; c++) {
      if (row[c]! > row[label]! || (row[c] === row[label] && c < label)) rank++;
    }
    confusion[label]![best]! += 1;
    if (best === label) top1++;
    if (rank < 5) top5++;
    const bin = bins[calibrationBin(probabilities[i * numClasses + best]!)]!;
    bin.confidence += probabilities[i * numClasses + best]!;
    bin.correct += best === label ? 1 : 0;
    // −log p through the top probability: finite where the label's own probability underflows to 0.
    loss +=
      row[best]! -
      row[label]! -
      Math.log(probabilities[i * numClasses + best]!);
  }
  const curves = confusion.map((_, c) =>
    precisionRecallCurve(
      Float64Array.from(
        { length: count },
        (_, i) => probabilities[i * numClasses + c]!,
      ),
      Uint8Array.from(labels, (label) => (label === c ? 1 : 0)),
    ),
  );
  return {
    count,
    loss: loss / count,
    top1: top1 / count,
    top5: numClasses < 6 ? null : top5 / count,
    ece:
      bins.reduce(
        (sum, bin) => sum + Math.abs(bin.correct - bin.confidence),
        0,
      ) / count,
    confusion,
    perClass: classMetrics(confusion, curves, count),
    curves,
  };
}

/**
 * Softmax cross-entropy with label smoothing, PyTorch's definition: the target is (1−s)·onehot + s/C. One invocation a
 * sample; log-sum-exp relative to the largest logit. Logits rows are padded to `stride`; the padding is never read.
 */
import { elementwiseMain, storage } from "./common.js";
import { stepUniform } from "./step.wgsl.js";

export interface CrossEntropyOptions {
  readonly samples: number;
  readonly classes: number;
  readonly stride: number;
  readonly labelSmoothing: number;
}

/**
 * Each sample's loss, and the gradient of their mean over the step's batch with respect to the logits, times the gradient that
 * the mean has: (softmax − target)·upstream/step.samples. The divisor is data, so that a micro-batch counts by its size and gets
 * the very gradients that the whole batch would give it.
 *
 * Bindings: 0 logits (f32), 1 labels (u32), 2 upstream (its first word), 3 step uniform, 4 losses, 5 dlogits (padding zeroed).
 * Dispatch: elementwiseGrid(samples).
 */
export function crossEntropy({
  samples,
  classes,
  stride,
  labelSmoothing,
}: CrossEntropyOptions): string {
  return `${storage(0, "read", "logits", "array<f32>")}
${storage(1, "read", "labels", "array<u32>")}
${storage(2, "read", "upstream", "array<f32>")}
${stepUniform(3)}
${storage(4, "read_write", "losses", "array<f32>")}
${storage(5, "read_write", "dlogits", "array<f32>")}
${elementwiseMain(samples)}
  let row = i * ${stride}u;
  var largest = logits[row];
  for (var c = 1u; c < ${classes}u; c++) { largest = max(largest, logits[row + c]); }
  var sum = 0.0;
  for (var c = 0u; c < ${classes}u; c++) { sum += exp(logits[row + c] - largest); }
  // −Σ target·log p = log Σexp − Σ target·(logit − largest), relative to the largest logit throughout.
  var mean_logit = 0.0;
  for (var c = 0u; c < ${classes}u; c++) { mean_logit += (logits[row + c] - largest) / ${classes}.0; }
  let own = logits[row + labels[i]] - largest;
  losses[i] = log(sum) - ${1 - labelSmoothing} * own - ${labelSmoothing} * mean_logit;

  let share = upstream[0] / f32(step.samples);
  for (var c = 0u; c < ${stride}u; c++) {
    var gradient = 0.0;
    if (c < ${classes}u) {
      let onehot = select(0.0, 1.0, c == labels[i]);
      let target_share = ${1 - labelSmoothing} * onehot + ${labelSmoothing / classes};
      gradient = share * (exp(logits[row + c] - largest) / sum - target_share);
    }
    dlogits[row + c] = gradient;
  }
}`;
}

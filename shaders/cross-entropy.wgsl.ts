/**
 * Softmax cross-entropy with label smoothing, PyTorch's definition: the target is (1−s)·onehot + s/C. One invocation a
 * sample; log-sum-exp relative to the largest logit. Logits rows are padded to `stride`; the padding is never read.
 */
import { elementwiseMain, storage } from "./common.js";

export interface CrossEntropyOptions {
  readonly samples: number;
  readonly classes: number;
  readonly stride: number;
  readonly labelSmoothing: number;
}

const logSumExp = ({
  classes,
  stride,
}: CrossEntropyOptions) => `let row = i * ${stride}u;
  var largest = logits[row];
  for (var c = 1u; c < ${classes}u; c++) { largest = max(largest, logits[row + c]); }
  var sum = 0.0;
  for (var c = 0u; c < ${classes}u; c++) { sum += exp(logits[row + c] - largest); }`;

/** Loss of each sample. Bindings: 0 logits (f32), 1 labels (u32), 2 losses (f32). Dispatch: elementwiseGrid(samples). */
export function crossEntropy(o: CrossEntropyOptions): string {
  return `${storage(0, "read", "logits", "array<f32>")}
${storage(1, "read", "labels", "array<u32>")}
${storage(2, "read_write", "losses", "array<f32>")}
${elementwiseMain(o.samples)}
  ${logSumExp(o)}
  // −Σ target·log p = log Σexp − Σ target·(logit − largest), relative to the largest logit throughout.
  var mean_logit = 0.0;
  for (var c = 0u; c < ${o.classes}u; c++) { mean_logit += (logits[row + c] - largest) / ${o.classes}.0; }
  let own = logits[row + labels[i]] - largest;
  losses[i] = log(sum) - ${1 - o.labelSmoothing} * own - ${o.labelSmoothing} * mean_logit;
}`;
}

/**
 * d(Σ upstream·loss)/d logits = upstream·(softmax − target). Bindings: 0 logits, 1 labels, 2 upstream gradient of each
 * sample's loss, 3 dlogits (padding zeroed). Dispatch: elementwiseGrid(samples).
 */
export function crossEntropyGrad(o: CrossEntropyOptions): string {
  return `${storage(0, "read", "logits", "array<f32>")}
${storage(1, "read", "labels", "array<u32>")}
${storage(2, "read", "upstream", "array<f32>")}
${storage(3, "read_write", "dlogits", "array<f32>")}
${elementwiseMain(o.samples)}
  ${logSumExp(o)}
  for (var c = 0u; c < ${o.stride}u; c++) {
    var gradient = 0.0;
    if (c < ${o.classes}u) {
      let onehot = select(0.0, 1.0, c == labels[i]);
      let target_share = ${1 - o.labelSmoothing} * onehot + ${o.labelSmoothing / o.classes};
      gradient = upstream[i] * (exp(logits[row + c] - largest) / sum - target_share);
    }
    dlogits[row + c] = gradient;
  }
}`;
}

/**
 * Stochastic gradient descent in PyTorch's semantics (documentation of torch.optim.SGD, dampening 0):
 *
 *   g ← grad + weightDecay·w
 *   buf ← g on the first step, momentum·buf + g after it      (without momentum there is no buffer)
 *   w ← w − lr·(nesterov ? g + momentum·buf : buf)
 *
 * and the schedule: linear warm-up, then cosine decay to 0 (Loshchilov and Hutter, "SGDR", 2017, without restarts).
 */
import { map, ref, type Ref } from "./tensor.js";

export interface SgdOptions {
  lr: number;
  momentum: number;
  nesterov: boolean;
  weightDecay: number;
}

/** One step. `buffer` is null before the first step; the inputs are left as they are. */
export function sgdStep(
  weights: Ref,
  grad: Ref,
  buffer: Ref | null,
  { lr, momentum, nesterov, weightDecay }: SgdOptions,
): { weights: Ref; buffer: Ref } {
  const decayed = map(grad, (g, i) => g + weightDecay * weights.data[i]!);
  const next =
    buffer === null
      ? ref(decayed.shape, decayed.data)
      : map(decayed, (g, i) => momentum * buffer.data[i]! + g);
  const step = nesterov
    ? map(decayed, (g, i) => g + momentum * next.data[i]!)
    : next;
  return {
    weights: map(weights, (w, i) => w - lr * step.data[i]!),
    buffer: next,
  };
}

/** Learning rate of optimiser step t = 1…T with W warm-up steps: lr·t/W for t ≤ W, else lr·½(1 + cos(π(t−1−W)/(T−W))). */
export function lrAt(t: number, T: number, W: number, lr: number): number {
  if (t <= W) return (lr * t) / W;
  return lr * 0.5 * (1 + Math.cos((Math.PI * (t - 1 - W)) / (T - W)));
}

/**
 * Rectified linear unit: y = max(x, 0); dx = dy where y > 0, else 0 (PyTorch's subgradient at 0 is 0).
 * The mask comes from the output, which the engine keeps anyway. Exact: no sums.
 */
import { map, sameShape, type Ref } from "./tensor.js";

/** Any shape. */
export function relu(x: Ref): Ref {
  return map(x, (v) => (v > 0 ? v : 0));
}

/** dy and the forward output y, of the same shape → dx. */
export function reluBackward(dy: Ref, y: Ref): Ref {
  sameShape(dy, y);
  return map(dy, (d, i) => (y.data[i]! > 0 ? d : 0));
}

/** Element-wise sum of two tensors of one shape, y = a + b; the gradient of each is dy itself. One rounding: no sums. */
import { map, sameShape, type Ref } from "./tensor.js";

/** a and b of the same shape → a + b. */
export function add(a: Ref, b: Ref): Ref {
  sameShape(a, b);
  return map(a, (v, i) => v + b.data[i]!);
}

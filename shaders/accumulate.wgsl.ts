/**
 * Gathers a step's gradient over its micro-batches: sum = gradient for the first, sum += gradient for the others.
 * Bindings: 0 gradient, 1 step uniform, 2 sum. Dispatch: elementwiseGrid(vectors).
 */
import { elementwiseMain, storage } from "./common.js";
import { stepUniform } from "./step.wgsl.js";

export function accumulate(vectors: number): string {
  return `${storage(0, "read", "gradient")}
${stepUniform(1)}
${storage(2, "read_write", "sum")}
${elementwiseMain(vectors)}
  var value = gradient[i];
  if (step.continues == 1u) { value += sum[i]; }
  sum[i] = value;
}`;
}

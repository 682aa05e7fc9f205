/**
 * The values' share in the mean over the step's whole batch, and its gradient: Σ values / step.samples. The divisor is data, so
 * that a micro-batch counts by its size and gets the very gradients that the whole batch would give it. One workgroup, fixed tree.
 */
import { elementwiseMain, storage } from "./common.js";
import { stepUniform } from "./step.wgsl.js";

const lanes = 64;

/** Bindings: 0 values, 1 step uniform, 2 mean (one word). Dispatch: [1, 1, 1]. */
export function batchMean(count: number): string {
  return `${storage(0, "read", "values", "array<f32>")}
${stepUniform(1)}
${storage(2, "read_write", "mean", "array<f32>")}
var<workgroup> sums: array<f32, ${lanes}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
  var sum = 0.0;
  for (var i = local.x; i < ${count}u; i += ${lanes}u) { sum += values[i]; }
  sums[local.x] = sum;
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    if (local.x < half) { sums[local.x] += sums[local.x + half]; }
    workgroupBarrier();
  }
  if (local.x == 0u) { mean[0] = sums[0] / f32(step.samples); }
}`;
}

/** Bindings: 0 upstream (one word), 1 step uniform, 2 gradient of each value. Dispatch: elementwiseGrid(count). */
export function batchMeanGrad(count: number): string {
  return `${storage(0, "read", "upstream", "array<f32>")}
${stepUniform(1)}
${storage(2, "read_write", "gradient", "array<f32>")}
${elementwiseMain(count)}
  gradient[i] = upstream[0] / f32(step.samples);
}`;
}

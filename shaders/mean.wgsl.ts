/** Mean of `count` f32 words and its gradient. One workgroup, fixed tree. */
import { elementwiseMain, storage } from "./common.js";

const lanes = 64;

/** Bindings: 0 values, 1 mean (one word). Dispatch: [1, 1, 1]. */
export function mean(count: number): string {
  return `${storage(0, "read", "values", "array<f32>")}
${storage(1, "read_write", "mean", "array<f32>")}
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
  if (local.x == 0u) { mean[0] = sums[0] / ${count}.0; }
}`;
}

/** Bindings: 0 upstream (one word), 1 gradient of each value. Dispatch: elementwiseGrid(count). */
export function meanGrad(count: number): string {
  return `${storage(0, "read", "upstream", "array<f32>")}
${storage(1, "read_write", "gradient", "array<f32>")}
${elementwiseMain(count)}
  gradient[i] = upstream[0] / ${count}.0;
}`;
}

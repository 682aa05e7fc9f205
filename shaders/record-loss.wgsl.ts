/**
 * Puts a step's loss, the mean of its samples', into its place in the ring of losses; a further micro-batch adds its share:
 * Σ losses / step.samples. One workgroup, fixed tree.
 */
import { storage } from "./common.js";
import { stepUniform } from "./step.wgsl.js";

const lanes = 64;

/** Bindings: 0 losses of the samples, 1 step uniform, 2 ring. Dispatch: [1, 1, 1]. */
export function recordLoss(samples: number): string {
  return `${storage(0, "read", "losses", "array<f32>")}
${stepUniform(1)}
${storage(2, "read_write", "ring", "array<f32>")}
var<workgroup> sums: array<f32, ${lanes}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
  var sum = 0.0;
  for (var i = local.x; i < ${samples}u; i += ${lanes}u) { sum += losses[i]; }
  sums[local.x] = sum;
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    if (local.x < half) { sums[local.x] += sums[local.x + half]; }
    workgroupBarrier();
  }
  if (local.x == 0u) {
    var mean = sums[0] / f32(step.samples);
    if (step.continues == 1u) { mean += ring[step.log_slot]; }
    ring[step.log_slot] = mean;
  }
}`;
}

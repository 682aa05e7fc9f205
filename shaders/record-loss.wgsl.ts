/**
 * Puts a step's loss into its place in the ring of losses; a further micro-batch adds its share. Bindings: 0 loss, 1 step
 * uniform, 2 ring. Dispatch: [1, 1, 1].
 */
import { storage } from "./common.js";
import { stepUniform } from "./step.wgsl.js";

export const recordLoss = `${storage(0, "read", "loss", "array<f32>")}
${stepUniform(1)}
${storage(2, "read_write", "ring", "array<f32>")}
@compute @workgroup_size(1)
fn main() {
  var value = loss[0];
  if (step.continues == 1u) { value += ring[step.log_slot]; }
  ring[step.log_slot] = value;
}`;

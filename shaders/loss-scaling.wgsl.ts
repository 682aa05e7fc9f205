/**
 * Dynamic loss scaling (Micikevicius et al., "Mixed precision training", 2018; the constants are those of PyTorch's
 * GradScaler): the gradient of the loss starts at `scale`, so that small gradients do not vanish in f16. A step whose
 * gradients hold an Inf or NaN changes no weight and halves the scale; after `growthInterval` good steps in a row it doubles.
 * All of it happens on the GPU, without the host.
 */
import { elementwiseMain, storage } from "./common.js";

/** The scaling state as words: the scale (f32), good steps in a row, whether this step overflowed, steps skipped in all. */
export const lossScalingWords = 4;
export const initialScale = 65_536;
const growthInterval = 2000;

/** Marks an overflow. Bindings: 0 gradients, 1 state. Dispatch: elementwiseGrid(vectors). Inf and NaN by bit pattern. */
export function checkGradients(vectors: number): string {
  return `${storage(0, "read", "gradients", "array<vec4<u32>>")}
${storage(1, "read_write", "state", `array<atomic<u32>>`)}
${elementwiseMain(vectors)}
  let exponents = gradients[i] & vec4<u32>(0x7f800000u);
  if (any(exponents == vec4<u32>(0x7f800000u))) { atomicStore(&state[2], 1u); }
}`;
}

/** Sets the next step's scale. Binding: 0 state. Dispatch: [1, 1, 1]. */
export const updateScale = `${storage(0, "read_write", "state", "array<u32>")}
@compute @workgroup_size(1)
fn main() {
  var scale = bitcast<f32>(state[0]);
  var good = state[1] + 1u;
  if (state[2] != 0u) {
    scale *= 0.5;
    good = 0u;
    state[3] += 1u;
  } else if (good == ${growthInterval}u) {
    scale *= 2.0;
    good = 0u;
  }
  state[0] = bitcast<u32>(scale);
  state[1] = good;
  state[2] = 0u;
}`;

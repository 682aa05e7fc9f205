/**
 * SGD in PyTorch's semantics: g += weightDecay·p; buf = first step ? g : momentum·buf + g; d = nesterov ? g + momentum·buf : buf;
 * p −= lr·d. The learning rate comes with the step uniform.
 *
 * With a loss scaling (loss-scaling.wgsl.ts) the gradients are divided by the scale, and nothing changes in a step that overflowed.
 *
 * Bindings: 0 parameters, 1 gradients, 2 momentum (absent when momentum is 0), the scaling state if any, last the step uniform.
 * Dispatch: elementwiseGrid(vectors). Reads three words and writes two per parameter.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { elementwiseMain, storage } from "./common.js";
import { stepUniform } from "./step.wgsl.js";

export interface SgdOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

export function sgd(
  vectors: number,
  { momentum, nesterov, weightDecay }: SgdOptions,
  scaled: boolean,
): string {
  const next = momentum > 0 ? 3 : 2;
  return wgsl`${storage(0, "read_write", "parameters")}
${storage(1, "read", "gradients")}
#if ${momentum > 0}
${storage(2, "read_write", "velocity")}
#endif
#if ${scaled}
${storage(next, "read", "scaling", "array<u32>")}
#endif
${stepUniform(scaled ? next + 1 : next)}
${elementwiseMain(vectors)}
  var gradient = gradients[i];
#if ${scaled}
  if (scaling[2] != 0u) { return; }
  gradient *= 1.0 / bitcast<f32>(scaling[0]);
#endif
  let parameter = parameters[i];
  gradient = fma(vec4<f32>(${weightDecay}), parameter, gradient);
  var direction = gradient;
#if ${momentum > 0}
  if (step.first_step == 0u) { direction = fma(vec4<f32>(${momentum}), velocity[i], gradient); }
  velocity[i] = direction;
#if ${nesterov}
  direction = fma(vec4<f32>(${momentum}), direction, gradient);
#endif
#endif
  parameters[i] = parameter - step.learning_rate * direction;
}`;
}

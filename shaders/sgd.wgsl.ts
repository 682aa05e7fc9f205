/**
 * SGD in PyTorch's semantics: g += weightDecay·p; buf = first step ? g : momentum·buf + g; d = nesterov ? g + momentum·buf : buf;
 * p −= lr·d. The learning rate comes with the step uniform.
 *
 * Bindings: 0 parameters, 1 gradients, 2 momentum (absent when momentum is 0), last the step uniform.
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
): string {
  return wgsl`${storage(0, "read_write", "parameters")}
${storage(1, "read", "gradients")}
#if ${momentum > 0}
${storage(2, "read_write", "velocity")}
${stepUniform(3)}
#else
${stepUniform(2)}
#endif
${elementwiseMain(vectors)}
  let parameter = parameters[i];
  let gradient = fma(vec4<f32>(${weightDecay}), parameter, gradients[i]);
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

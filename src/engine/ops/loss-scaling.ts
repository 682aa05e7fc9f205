/** Dynamic loss scaling: looking for overflows before an update, and choosing the next scale after it. */
import { elementwiseGrid } from "../../../shaders/common.js";
import * as shaders from "../../../shaders/loss-scaling.wgsl.js";
import type { OpDefinition } from "../graph.js";
import type { Tensor } from "../tensor.js";
import { bind, vectorsOf } from "./elementwise.js";

/** Inputs: an arena of gradients, the scaling state (updated). */
export const checkGradients: OpDefinition<object> = {
  name: "checkGradients",
  infer: () => [],
  lower({ inputs }, { emit }) {
    const [gradients, state] = inputs as [Tensor, Tensor];
    const vectors = vectorsOf(gradients);
    emit({
      label: "check gradients",
      wgsl: shaders.checkGradients(vectors),
      bindings: bind([gradients], [state]),
      workgroups: elementwiseGrid(vectors),
    });
  },
};

/** Input: the scaling state (updated). */
export const updateScale: OpDefinition<object> = {
  name: "updateScale",
  infer: () => [],
  lower({ inputs }, { emit }) {
    emit({
      label: "update scale",
      wgsl: shaders.updateScale,
      bindings: bind([], inputs),
      workgroups: [1, 1, 1],
    });
  },
};

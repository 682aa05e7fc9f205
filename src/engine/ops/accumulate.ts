/** The sum of a gradient over a step's micro-batches, in the order of the micro-batches. */
import { accumulate as shader } from "../../../shaders/accumulate.wgsl.js";
import { elementwiseGrid } from "../../../shaders/common.js";
import type { OpDefinition } from "../graph.js";
import type { Tensor } from "../tensor.js";
import { bind, vectorsOf } from "./elementwise.js";

/** Inputs: the micro-batch's gradient, step uniform, the sum (updated in place). */
export const accumulate: OpDefinition<object> = {
  name: "accumulate",
  infer: () => [],
  lower({ inputs }, { emit }) {
    const [gradient, step, sum] = inputs as [Tensor, Tensor, Tensor];
    const vectors = vectorsOf(sum);
    emit({
      label: "accumulate gradient",
      wgsl: shader(vectors),
      bindings: [
        ...bind([gradient], []),
        { tensor: step, access: "uniform" },
        ...bind([], [sum]),
      ],
      workgroups: elementwiseGrid(vectors),
    });
  },
};

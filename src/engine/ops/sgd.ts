/** The optimiser step over whole arenas: one dispatch updates every parameter in it. */
import { elementwiseGrid } from "../../../shaders/common.js";
import {
  sgd as sgdShader,
  type SgdOptions,
} from "../../../shaders/sgd.wgsl.js";
import type { OpDefinition } from "../graph.js";
import type { Tensor } from "../tensor.js";
import { bind, vectorsOf } from "./elementwise.js";

/** Inputs: parameters, gradients, step uniform, momentum (when used); parameters and momentum are updated in place. */
export const sgd: OpDefinition<SgdOptions> = {
  name: "sgd",
  infer: () => [],
  lower({ inputs, attributes }, { emit }) {
    const [parameters, gradients, step, momentum] = inputs as [
      Tensor,
      Tensor,
      Tensor,
      Tensor?,
    ];
    const vectors = vectorsOf(parameters);
    emit({
      label: "sgd",
      wgsl: sgdShader(vectors, attributes),
      bindings: [
        { tensor: parameters, access: "write" },
        { tensor: gradients, access: "read" },
        ...bind([], momentum ? [momentum] : []),
        { tensor: step, access: "uniform" },
      ],
      workgroups: elementwiseGrid(vectors),
    });
  },
};

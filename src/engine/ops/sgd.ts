/** The optimiser step over whole arenas: one dispatch updates every parameter in it. */
import { elementwiseGrid } from "../../../shaders/common.js";
import {
  sgd as sgdShader,
  type SgdOptions,
} from "../../../shaders/sgd.wgsl.js";
import type { OpDefinition } from "../graph.js";
import type { Tensor } from "../tensor.js";
import { bind, vectorsOf } from "./elementwise.js";

export interface SgdAttributes extends SgdOptions {
  /** Whether the gradients carry a loss scale; its state is the last input. */
  readonly scaled?: boolean;
}

/**
 * Inputs: parameters, gradients, step uniform, momentum (when used), loss scaling state (when scaled); parameters and momentum
 * are updated in place.
 */
export const sgd: OpDefinition<SgdAttributes> = {
  name: "sgd",
  infer: () => [],
  lower({ inputs, attributes }, { emit }) {
    const [parameters, gradients, step, ...rest] = inputs as [
      Tensor,
      Tensor,
      Tensor,
      ...Tensor[],
    ];
    const scaling = attributes.scaled ? rest.splice(-1) : [];
    const vectors = vectorsOf(parameters);
    emit({
      label: "sgd",
      wgsl: sgdShader(vectors, attributes, scaling.length > 0),
      bindings: [
        { tensor: parameters, access: "write" },
        { tensor: gradients, access: "read" },
        ...bind([], rest),
        ...bind(scaling, []),
        { tensor: step, access: "uniform" },
      ],
      workgroups: elementwiseGrid(vectors),
    });
  },
};

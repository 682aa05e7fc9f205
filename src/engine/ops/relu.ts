/** y = max(x, 0). The gradient passes where y > 0, so only y has to be kept. */
import * as shaders from "../../../shaders/relu.wgsl.js";
import type { OpDefinition } from "../graph.js";
import { streamDispatch, sameShapeOutput } from "./elementwise.js";

export const relu: OpDefinition<object> = {
  name: "relu",
  infer: (inputs) => sameShapeOutput("relu", inputs),
  lower({ inputs, outputs }, { emit }) {
    emit(streamDispatch("relu", shaders.relu, inputs, outputs, [0]));
  },
  backward: (graph, node, [dy]) => [
    graph.apply(reluGrad, [dy!, node.outputs[0]!], {}),
  ],
};

/** Inputs: dy, y. Output: dx. */
export const reluGrad: OpDefinition<object> = {
  name: "reluGrad",
  infer: (inputs) => sameShapeOutput("reluGrad", inputs),
  lower({ inputs, outputs }, { emit }) {
    emit(
      streamDispatch(
        "relu gradient",
        shaders.reluGrad,
        inputs,
        outputs,
        [0, 1],
      ),
    );
  },
};

/** a + b, of one shape. */
import * as shaders from "../../../shaders/add.wgsl.js";
import type { OpDefinition } from "../graph.js";
import { elementwiseDispatch, sameShapeOutput } from "./elementwise.js";

export const add: OpDefinition<object> = {
  name: "add",
  infer: (inputs) => sameShapeOutput("add", inputs),
  lower({ inputs, outputs }, { emit }) {
    emit(elementwiseDispatch("add", shaders.add, inputs, outputs, [0, 1]));
  },
  backward: (_graph, _node, [dy]) => [dy, dy],
};

/** a + b, of one shape. */
import * as shaders from "../../../shaders/add.wgsl.js";
import type { OpDefinition } from "../graph.js";
import { streamDispatch, sameShapeOutput } from "./elementwise.js";

export const add: OpDefinition<object> = {
  name: "add",
  infer: (inputs) => sameShapeOutput("add", inputs),
  lower({ inputs, outputs }, { emit }) {
    emit(streamDispatch("add", shaders.add, inputs, outputs, [0, 1]));
  },
  backward: (_graph, _node, [dy]) => [dy, dy],
};

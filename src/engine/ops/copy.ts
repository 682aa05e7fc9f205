/** y = x, where the two are stored in different types. */
import { copy as shader } from "../../../shaders/copy.wgsl.js";
import type { OpDefinition } from "../graph.js";
import { streamDispatch, sameShapeOutput } from "./elementwise.js";

export const copy: OpDefinition<object> = {
  name: "copy",
  infer: (inputs) => sameShapeOutput("copy", inputs),
  lower({ inputs, outputs }, { emit }) {
    emit(streamDispatch("copy", shader, inputs, outputs));
  },
};

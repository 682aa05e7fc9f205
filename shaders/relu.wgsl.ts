/** ReLU and its gradient, element by element in vec4s. */
import { storage, streamMain } from "./common.js";

/** Bindings: 0 x, 1 y = max(x, 0). Dispatch: streamGrid(vectors). */
export function relu(vectors: number): string {
  return `${storage(0, "read", "x")}
${storage(1, "read_write", "y")}
${streamMain({
  vectors,
  inputs: ["x"],
  output: "y",
  value: "max(x_value, vec4<f32>())",
})}`;
}

/** Bindings: 0 dy, 1 y (ReLU's output), 2 dx = dy where y > 0, else 0. Dispatch: streamGrid(vectors). */
export function reluGrad(vectors: number): string {
  return `${storage(0, "read", "dy")}
${storage(1, "read", "y")}
${storage(2, "read_write", "dx")}
${streamMain({
  vectors,
  inputs: ["dy", "y"],
  output: "dx",
  value: "select(vec4<f32>(), dy_value, y_value > vec4<f32>())",
})}`;
}

/** ReLU and its gradient, element by element in vec4s. */
import { masked, rectified, storage, streamMain } from "./common.js";

/** Bindings: 0 x, 1 y = max(x, 0), NaN where x is NaN. Dispatch: streamGrid(vectors). */
export function relu(vectors: number): string {
  return `${storage(0, "read", "x")}
${storage(1, "read_write", "y")}
${streamMain({
  vectors,
  inputs: ["x"],
  output: "y",
  value: rectified("x_value"),
})}`;
}

/** Bindings: 0 dy, 1 y (ReLU's output), 2 dx = 0 where y ≤ 0, else dy. Dispatch: streamGrid(vectors). */
export function reluGrad(vectors: number): string {
  return `${storage(0, "read", "dy")}
${storage(1, "read", "y")}
${storage(2, "read_write", "dx")}
${streamMain({
  vectors,
  inputs: ["dy", "y"],
  output: "dx",
  value: masked("dy_value", "y_value"),
})}`;
}

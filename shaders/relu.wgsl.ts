/** ReLU and its gradient, element by element in vec4s. */
import { elementwiseMain, storage } from "./common.js";

/** Bindings: 0 x, 1 y = max(x, 0). Dispatch: elementwiseGrid(vectors). */
export function relu(vectors: number): string {
  return `${storage(0, "read", "x")}
${storage(1, "read_write", "y")}
${elementwiseMain(vectors)}
  y[i] = max(x[i], vec4<f32>());
}`;
}

/** Bindings: 0 dy, 1 y (ReLU's output), 2 dx = dy where y > 0, else 0. Dispatch: elementwiseGrid(vectors). */
export function reluGrad(vectors: number): string {
  return `${storage(0, "read", "dy")}
${storage(1, "read", "y")}
${storage(2, "read_write", "dx")}
${elementwiseMain(vectors)}
  dx[i] = select(vec4<f32>(), dy[i], y[i] > vec4<f32>());
}`;
}

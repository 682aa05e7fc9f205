import { storage, streamMain } from "./common.js";

/** Sum of two tensors. Bindings: 0 a, 1 b, 2 a + b. Dispatch: streamGrid(vectors). */
export function add(vectors: number): string {
  return `${storage(0, "read", "a")}
${storage(1, "read", "b")}
${storage(2, "read_write", "sum")}
${streamMain({
  vectors,
  inputs: ["a", "b"],
  output: "sum",
  value: "a_value + b_value",
})}`;
}

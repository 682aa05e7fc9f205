import { storage, streamMain } from "./common.js";

/** Copies a tensor, and converts it where the two are stored differently. Bindings: 0 x, 1 y. Dispatch: streamGrid(vectors). */
export function copy(vectors: number): string {
  return `${storage(0, "read", "x")}
${storage(1, "read_write", "y")}
${streamMain({ vectors, inputs: ["x"], output: "y", value: "x_value" })}`;
}

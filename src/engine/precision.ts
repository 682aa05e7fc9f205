/**
 * Mixed precision as a rewrite of a finished graph: activations and their gradients are stored as f16, and so are the copies
 * of the weights that convolutions multiply with. Parameters, their gradients, batch norm's statistics, logits and the loss
 * stay f32, and every kernel computes in f32 whatever it loads (shaders/half-storage.ts).
 */
import type { Graph, Node } from "./graph.js";
import { copy } from "./ops/copy.js";
import type { Tensor } from "./tensor.js";

/** `mixed` stores activations as f16; it needs an adapter with `shader-f16`. */
export type Precision = (typeof precisions)[number];
export const precisions = ["f32", "mixed"] as const;

/** Stores what may be stored as f16 as f16. Call it once, when the graph is complete. */
export function storeHalves(graph: Graph): void {
  const exact = new Set(
    graph.nodes
      .filter(({ op }) => op.exact)
      .flatMap(({ inputs, outputs }) => [...inputs, ...outputs]),
  );
  for (const { outputs } of graph.nodes)
    for (const tensor of outputs)
      if (
        tensor.layout === "nhwc" &&
        tensor.storage.kind === "planned" &&
        !exact.has(tensor)
      )
        tensor.type = "f16";
  halveWeights(graph);
}

/** Convolutions take a copy of their weights in f16, made once for forward and backward. */
function halveWeights(graph: Graph): void {
  const halves = new Map<Tensor, Tensor>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    node.inputs = node.inputs.map((input) => {
      if (input.layout !== "weight" || input.storage.kind !== "parameter")
        return input;
      let half = halves.get(input);
      if (!half) {
        half = graph.apply(copy, [input], {});
        half.type = "f16";
        halves.set(input, half);
        nodes.push(graph.nodes.pop()!);
      }
      return half;
    });
    nodes.push(node);
  }
  graph.nodes = nodes;
}

/**
 * Less memory for a little time: activations that one cheap kernel gives again from what the backward pass keeps anyway are
 * computed a second time where they are needed instead of being kept (Chen et al., "Training deep nets with sublinear
 * memory cost", 2016, with element-wise steps alone). Of batch norm's input and output only the input then stays. The second
 * computation is the first one's very kernel on the same inputs, so every bit of a step stays as it is.
 */
import type { Graph, Node } from "./graph.js";
import type { Tensor } from "./tensor.js";

/**
 * Results in a row, each taking the one before it (a stage's shortcuts), that are computed again at once. All of them are
 * alive then, so a long row gives back what it saved; every so many results one is kept.
 */
const longestRow = 8;

/** @param forward the graph's nodes from before differentiation. @param keep tensors that are read after the run. */
export function recomputeActivations(
  graph: Graph,
  forward: ReadonlySet<Node>,
  keep: readonly Tensor[],
): void {
  const dropped = droppable(graph, forward, keep);
  const again = new Map<Tensor, Tensor>();
  const nodes: Node[] = [];
  const renew = (tensor: Tensor): Tensor => {
    const producer = dropped.get(tensor);
    if (!producer) return tensor;
    const known = again.get(tensor);
    if (known) return known;
    const cheap = producer.op.recompute!(producer);
    const inputs = cheap.inputs.map(renew);
    const output = graph.apply(cheap.op, inputs, cheap.attributes);
    nodes.push(graph.nodes.pop()!);
    again.set(tensor, output);
    return output;
  };
  for (const node of [...graph.nodes]) {
    if (!forward.has(node)) node.inputs = node.inputs.map(renew);
    nodes.push(node);
  }
  graph.nodes = nodes;
}

/** Results that need not be kept for the backward pass, with their producers. */
function droppable(
  graph: Graph,
  forward: ReadonlySet<Node>,
  keep: readonly Tensor[],
): Map<Tensor, Node> {
  const dropped = new Map<Tensor, Node>();
  const row = new Map<Tensor, number>();
  for (const node of graph.nodes) {
    const [result] = node.outputs;
    if (!forward.has(node) || !node.op.recompute || !result) continue;
    if (keep.includes(result)) continue;
    const { inputs } = node.op.recompute(node);
    const length =
      1 + Math.max(0, ...inputs.map((input) => row.get(input) ?? 0));
    if (length > longestRow) continue;
    row.set(result, length);
    dropped.set(result, node);
  }
  return dropped;
}

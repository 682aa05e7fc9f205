/** Reverse-mode differentiation: walks the graph backwards and appends each op's backward ops. */
import type { Graph, Node } from "./graph.js";
import { add } from "./ops/add.js";
import type { Tensor } from "./tensor.js";

/**
 * Appends the backward pass of everything that `output` depends on.
 *
 * @param seed gradient of the result with respect to `output` (same shape).
 * @returns the gradient of each parameter by name; their storage is set to the parameter's gradient memory.
 * @param wanted further tensors whose gradients are returned (inputs, in tests).
 */
export function differentiate(
  graph: Graph,
  output: Tensor,
  seed: Tensor,
  wanted: readonly Tensor[] = [],
): { parameters: Map<string, Tensor>; gradients: Map<Tensor, Tensor> } {
  const forward = [...graph.nodes];
  const needed = gradientsNeeded(forward, wanted);
  const gradients = new Map<Tensor, Tensor>([[output, seed]]);

  for (const node of forward.reverse()) {
    const gradOutputs = node.outputs.map((tensor) => gradients.get(tensor));
    if (gradOutputs.every((gradient) => gradient === undefined)) continue;
    const needs = node.inputs.map((tensor) => needed.has(tensor));
    if (!needs.some(Boolean)) continue;
    if (!node.op.backward)
      throw new Error(
        `op ${node.op.name} has no gradient but one of its inputs needs it`,
      );
    const gradInputs = node.op.backward(graph, node, gradOutputs, needs);
    node.inputs.forEach((input, i) => {
      const gradient = gradInputs[i];
      if (!gradient || !needs[i]) return;
      const sum = gradients.get(input);
      gradients.set(
        input,
        sum ? graph.apply(add, [gradient, sum], {}) : gradient,
      );
    });
  }

  const parameters = new Map<string, Tensor>();
  for (const [tensor, gradient] of gradients) {
    if (tensor.storage.kind !== "parameter") continue;
    if (gradient.storage.kind !== "planned")
      throw new Error(
        `gradient of ${tensor.label} already belongs to another tensor`,
      );
    gradient.storage = { kind: "gradient", name: tensor.storage.name };
    parameters.set(tensor.storage.name, gradient);
  }
  return { parameters, gradients };
}

/** Tensors through which a gradient must flow: parameters, wanted tensors, and whatever is computed from them. */
function gradientsNeeded(
  nodes: readonly Node[],
  wanted: readonly Tensor[],
): Set<Tensor> {
  const needed = new Set<Tensor>(wanted);
  for (const node of nodes) {
    for (const input of node.inputs)
      if (input.storage.kind === "parameter") needed.add(input);
    if (node.op.backward && node.inputs.some((input) => needed.has(input))) {
      for (const output of node.outputs) needed.add(output);
    }
  }
  return needed;
}

/**
 * Graph rewrites that save memory traffic and dispatches and leave every value as it was: forward, ReLU moves behind max pooling and into the op before it, residual adds move into batch norm; backward,
 * gradient sums and ReLU masks move into the convolution input gradient that produces them.
 */
import type { Graph, Node } from "./graph.js";
import { add } from "./ops/add.js";
import { batchNorm, type BatchNormAttributes } from "./ops/batch-norm.js";
import { partsOutput } from "./ops/batch-statistics.js";
import {
  conv2d,
  conv2dGradInput,
  type Conv2dAttributes,
  type GradInputAttributes,
} from "./ops/conv2d.js";
import { maxPool, type PoolAttributes } from "./ops/pool.js";
import { relu, reluGrad } from "./ops/relu.js";
import type { Tensor } from "./tensor.js";

/** A rewrite looks at one node and returns whether it changed the graph. */
type Rewrite = (node: Node, view: View) => boolean;

/** The graph as a rewrite sees it. */
class View {
  readonly #producers: Map<Tensor, Node>;
  readonly #uses: Map<Tensor, number>;

  constructor(
    readonly graph: Graph,
    readonly keep: ReadonlySet<Tensor>,
  ) {
    this.#producers = graph.producers();
    this.#uses = graph.uses();
  }

  /** The producer of a tensor that only `node` uses, if it is one of these ops. */
  soleProducer(tensor: Tensor, ...ops: readonly object[]): Node | undefined {
    if (this.#uses.get(tensor) !== 1 || this.keep.has(tensor)) return undefined;
    const producer = this.#producers.get(tensor);
    return producer && ops.includes(producer.op) ? producer : undefined;
  }

  /** `earlier` takes over `later`'s output and place; `later` goes. */
  absorb(earlier: Node, later: Node): void {
    earlier.outputs[0] = later.outputs[0]!;
    const { nodes } = this.graph;
    nodes.splice(nodes.indexOf(earlier), 1);
    nodes[nodes.indexOf(later)] = earlier;
  }
}

function rewrite(
  graph: Graph,
  rewrites: readonly Rewrite[],
  keep: readonly Tensor[],
): void {
  const kept = new Set(keep);
  for (let changed = true; changed;) {
    changed = false;
    let view = new View(graph, kept);
    for (const node of [...graph.nodes]) {
      if (
        !graph.nodes.includes(node) ||
        !rewrites.some((apply) => apply(node, view))
      )
        continue;
      changed = true;
      view = new View(graph, kept);
    }
  }
}

/** maxPool(relu(x)) = relu(maxPool(x)): exact, and the ReLU then touches a quarter of the values. */
const reluBehindMaxPool: Rewrite = (pool, view) => {
  if (pool.op !== maxPool) return false;
  const before = view.soleProducer(pool.inputs[0]!, relu);
  if (!before) return false;
  pool.inputs[0] = before.inputs[0]!;
  pool.attributes = { ...(pool.attributes as PoolAttributes), relu: true };
  const { nodes } = view.graph;
  nodes.splice(nodes.indexOf(before), 1);
  return true;
};

/** ReLU becomes the last step of the convolution, batch norm or pooling before it. */
const reluIntoProducer: Rewrite = (node, view) => {
  if (node.op !== relu) return false;
  const producer = view.soleProducer(
    node.inputs[0]!,
    conv2d,
    batchNorm,
    maxPool,
  );
  if (!producer) return false;
  const attributes = producer.attributes as
    Conv2dAttributes | BatchNormAttributes | PoolAttributes;
  if (attributes.relu) return false;
  producer.attributes = { ...attributes, relu: true };
  view.absorb(producer, node);
  return true;
};

/** batchNorm(x) + r becomes batch norm with a residual. */
const residualIntoBatchNorm: Rewrite = (node, view) => {
  if (node.op !== add) return false;
  for (const [i, j] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const producer = view.soleProducer(node.inputs[i]!, batchNorm);
    const attributes = producer?.attributes as BatchNormAttributes | undefined;
    if (!producer || !attributes || attributes.relu || attributes.residual)
      continue;
    producer.attributes = { ...attributes, residual: true };
    producer.inputs.push(node.inputs[j]!);
    view.absorb(producer, node);
    return true;
  }
  return false;
};

/** A sum of gradients becomes the addend of the input gradient that produces one of them. */
const addIntoGradInput: Rewrite = (node, view) => {
  if (node.op !== add) return false;
  for (const [i, j] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const producer = view.soleProducer(node.inputs[i]!, conv2dGradInput);
    const attributes = producer?.attributes as GradInputAttributes | undefined;
    if (!producer || !attributes || attributes.addend || attributes.mask)
      continue;
    producer.attributes = { ...attributes, addend: true };
    producer.inputs.push(node.inputs[j]!);
    view.absorb(producer, node);
    return true;
  }
  return false;
};

/** A ReLU gradient becomes the mask of the input gradient that produces its dy. */
const maskIntoGradInput: Rewrite = (node, view) => {
  if (node.op !== reluGrad) return false;
  const producer = view.soleProducer(node.inputs[0]!, conv2dGradInput);
  const attributes = producer?.attributes as GradInputAttributes | undefined;
  if (!producer || !attributes || attributes.mask) return false;
  producer.attributes = { ...attributes, mask: true };
  producer.inputs.push(node.inputs[1]!);
  view.absorb(producer, node);
  return true;
};

/** Batch norm's statistics are taken by the convolution that makes its input, from results that it still holds. */
const statisticsIntoConv: Rewrite = (node, { graph }) => {
  if (node.op !== batchNorm) return false;
  const attributes = node.attributes as BatchNormAttributes;
  if (!attributes.training || attributes.frozen || attributes.parts)
    return false;
  const x = node.inputs[0]!;
  const producer = graph.nodes.find(({ outputs }) => outputs[0] === x);
  if (producer?.op !== conv2d || producer.outputs.length > 1) return false;
  const { label, shape, layout } = partsOutput(x);
  const parts = graph.external(label, shape, layout, { kind: "planned" });
  producer.outputs.push(parts);
  producer.attributes = {
    ...(producer.attributes as Conv2dAttributes),
    statistics: true,
  };
  node.inputs.push(parts);
  node.attributes = { ...attributes, parts: true };
  return true;
};

/** Before differentiation. `keep` lists tensors that are read from outside. */
export function fuseForward(graph: Graph, keep: readonly Tensor[]): void {
  // First: what stands before the ReLU would take it otherwise, and its gradient would pass over every value.
  rewrite(graph, [reluBehindMaxPool], keep);
  rewrite(graph, [residualIntoBatchNorm, reluIntoProducer], keep);
  // Last: the statistics are the last input of a batch norm, behind its residual.
  rewrite(graph, [statisticsIntoConv], keep);
}

/** After differentiation. */
export function fuseBackward(graph: Graph, keep: readonly Tensor[]): void {
  rewrite(graph, [addIntoGradInput, maskIntoGradInput], keep);
}

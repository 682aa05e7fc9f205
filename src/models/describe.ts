/** What a model consists of, from its traced graph: layers, tensors, parameters, multiply-adds. Needs no GPU. */
import { Graph, type Node } from "../engine/graph.js";
import { type Model, Network } from "../engine/network.js";
import { conv2d } from "../engine/ops/conv2d.js";
import { type ParameterSpec, ParameterStore } from "../engine/parameters.js";
import type { Shape } from "../engine/tensor.js";

/** A module with tensors of its own: a convolution, a batch norm or a linear layer. */
export interface LayerDescription {
  /** PyTorch's module name, e.g. `layer1.0.conv1`. */
  readonly name: string;
  /** Its tensors by their last names (`weight`, `bias`, `running_mean`, …), in PyTorch's shapes. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
  /** Stride; 1 for everything but strided convolutions. */
  readonly stride: number;
  /** `[height, width, channels]` of its result. */
  readonly output: readonly [number, number, number];
  /** Trained values. */
  readonly parameters: number;
  /** Of a convolution or linear layer, for one image; padding counts as if it were image. Batch norm has none. */
  readonly multiplyAdds: number;
}

export interface ModelDescription {
  readonly layers: readonly LayerDescription[];
  /** Every tensor that a file of weights holds. */
  readonly specs: readonly ParameterSpec[];
  readonly parameters: number;
  readonly multiplyAdds: number;
}

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);

/** Traces a model on one image of `[height, width, channels]`. */
export function describeModel(
  model: Model,
  input: readonly [number, number, number] = [32, 32, 3],
): ModelDescription {
  const graph = new Graph();
  const store = new ParameterStore();
  const external = (name: string, shape: Shape) =>
    graph.external(name, shape, "nhwc", { kind: "resource", name });
  const word = external("unused", [1, 1, 1, 1]);
  model(
    new Network(graph, store, false, { ids: word, step: word }),
    external("image", [1, ...input]),
  );
  const specs = new Map(store.specs.map((spec) => [spec.name, spec]));
  const layers = graph.nodes.flatMap((node) => layerOf(node, specs) ?? []);
  const sum = (what: "parameters" | "multiplyAdds") =>
    layers.reduce((total, layer) => total + layer[what], 0);
  return {
    layers,
    specs: store.specs,
    parameters: sum("parameters"),
    multiplyAdds: sum("multiplyAdds"),
  };
}

function layerOf(
  { op, inputs, outputs, attributes }: Node,
  specs: ReadonlyMap<string, ParameterSpec>,
): LayerDescription | undefined {
  const own = inputs.flatMap(({ storage }) =>
    storage.kind === "parameter" || storage.kind === "state"
      ? [specs.get(storage.name)!]
      : [],
  );
  const [first] = own;
  if (!first) return undefined;
  const name = first.name.slice(0, first.name.lastIndexOf("."));
  const [, ...output] = outputs[0]!.shape;
  return {
    name,
    tensors: new Map(
      own.map((spec) => [spec.name.slice(name.length + 1), spec.torchShape]),
    ),
    stride: op === conv2d ? (attributes as { stride: number }).stride : 1,
    output,
    parameters: own
      .filter(({ role }) => role === "parameter")
      .reduce((total, { torchShape }) => total + product(torchShape), 0),
    multiplyAdds:
      op === conv2d ? output[0] * output[1] * product(first.torchShape) : 0,
  };
}

/**
 * The graphs of a model: training, the optimiser's update, evaluation. Tracing needs no device, so that a step can be
 * planned before anything is allocated.
 */
import { lossScalingWords } from "../../shaders/loss-scaling.wgsl.js";
import type { SgdOptions } from "../../shaders/sgd.wgsl.js";
import { differentiate } from "./autodiff.js";
import {
  type Batch,
  type BatchLayout,
  stepTensor,
  traceBatch,
} from "./batch.js";
import { ShapeError } from "./errors.js";
import { fuseBackward, fuseForward } from "./fusion.js";
import { Graph } from "./graph.js";
import { checkLogits, type Model, Network } from "./network.js";
import { accumulate } from "./ops/accumulate.js";
import { checkGradients, updateScale } from "./ops/loss-scaling.js";
import { crossEntropy } from "./ops/loss.js";
import { evaluate, recordLoss } from "./ops/record.js";
import { sgd } from "./ops/sgd.js";
import type { ParameterStore } from "./parameters.js";
import { type Precision, storeHalves } from "./precision.js";
import { recomputeActivations } from "./recompute.js";
import type { Tensor } from "./tensor.js";

/** Losses that the ring holds before the oldest is overwritten. */
export const lossRingSize = 4096;

export interface TrainingOptions {
  readonly model: Model;
  readonly source: BatchLayout;
  readonly optimizer?: Partial<SgdOptions>;
  readonly labelSmoothing?: number;
  /** Computes batch norm's outputs again in the backward pass instead of keeping them: about half the memory, the same bits. */
  readonly recompute?: boolean;
  /** Default `f32`. */
  readonly precision?: Precision;
  /**
   * Batch norm normalises with its running statistics and leaves them as they are (`bn.eval()` in a PyTorch training loop);
   * its weight and bias are still trained. No image then sees the others of its batch, so that micro-batches add up to the
   * very step of the whole batch.
   */
  readonly frozenBatchNorm?: boolean;
}

/** @throws ShapeError where a size is no number of images */
export function requireImages(
  what: "batch" | "micro-batch",
  size: number,
): void {
  if (!(Number.isInteger(size) && size >= 1))
    throw new ShapeError(
      `a ${what} is a whole number of images, at least 1, got ${size}`,
    );
}

/**
 * The sizes of a batch's micro-batches: as many whole ones as fit, and the rest.
 * @throws ShapeError where a size is no number of images: cutting would never end
 */
export function microBatches(samples: number, micro: number): number[] {
  requireImages("batch", samples);
  requireImages("micro-batch", micro);
  const sizes: number[] = [];
  for (let left = samples; left > 0; left -= micro)
    sizes.push(Math.min(micro, left));
  return sizes;
}

/** Words of a buffer that outlives the plan, found at run time by its name. */
function resource(graph: Graph, name: string, words: number): Tensor {
  return graph.external(name, [1, 1, 1, words], "words", {
    kind: "resource",
    name,
  });
}

function traceModel(
  graph: Graph,
  store: ParameterStore,
  training: boolean,
  samples: number,
  { model, source, frozenBatchNorm }: TrainingOptions,
): Batch & { readonly logits: Tensor } {
  const batch = traceBatch(graph, samples, source);
  const net = new Network(graph, store, training, batch, frozenBatchNorm);
  const logits = model(net, batch.x);
  checkLogits(logits, samples);
  return { ...batch, logits };
}

/**
 * Forward, loss and backward of `samples` images. With `micro` the gradients are added up over a step's micro-batches and
 * `traceUpdate` is a graph of its own; without, the update is part of this one.
 */
export function traceTraining(
  store: ParameterStore,
  options: TrainingOptions,
  samples: number,
  micro: boolean,
): { graph: Graph; logits: Tensor } {
  const graph = new Graph();
  const { logits, labels, step } = traceModel(
    graph,
    store,
    true,
    samples,
    options,
  );
  fuseForward(graph, [logits]);
  const forward = new Set(graph.nodes);
  const [losses, dlogits] = graph.add(
    crossEntropy,
    [logits, labels, lossScaling(graph), step],
    { labelSmoothing: options.labelSmoothing ?? 0 },
  );
  graph.add(
    recordLoss,
    [losses!, step, resource(graph, "losses", lossRingSize)],
    {},
  );
  const { parameters } = differentiate(graph, logits, dlogits!);
  for (const { name, role } of store.specs) {
    if (role === "parameter" && !parameters.has(name)) {
      throw new ShapeError(
        `parameter ${name} does not reach the logits, so it would never be trained`,
      );
    }
  }
  fuseBackward(graph, [logits]);
  if (options.recompute) recomputeActivations(graph, forward, [logits]);
  if (micro) accumulateGradients(graph, step);
  else appendUpdate(graph, store, options, step);
  if (options.precision === "mixed") storeHalves(graph);
  return { graph, logits };
}

/** The gradient of the loss that the backward pass starts from: 1, or the first word of the loss scaling's state. */
function lossScaling(graph: Graph): Tensor {
  return resource(graph, "loss gradient", lossScalingWords);
}

/** Parameter gradients become temporaries that are added to the parameters' gradient memory as soon as they are there. */
function accumulateGradients(graph: Graph, step: Tensor): void {
  for (const node of [...graph.nodes]) {
    for (const output of node.outputs) {
      const { storage } = output;
      if (storage.kind !== "gradient") continue;
      output.storage = { kind: "planned" };
      const { label, shape, layout } = output;
      const sum = graph.external(label, shape, layout, storage);
      graph.insertAfter(node, accumulate, [output, step, sum], {});
    }
  }
}

/** The optimiser's update alone, from the gradients that micro-batches have gathered. */
export function traceUpdate(
  store: ParameterStore,
  options: TrainingOptions,
): Graph {
  const graph = new Graph();
  appendUpdate(graph, store, options, stepTensor(graph));
  return graph;
}

/** Appends the update of every arena. Their buffers are the resources `parameters 0`, `gradients 0`, `momentum 0`, … */
function appendUpdate(
  graph: Graph,
  store: ParameterStore,
  { optimizer = {}, precision }: TrainingOptions,
  step: Tensor,
): void {
  const { momentum = 0, nesterov = false, weightDecay = 0 } = optimizer;
  const scaled = precision === "mixed";
  const scaling = scaled ? [lossScaling(graph)] : [];
  const arenas = store.arenaSizes.map(
    (size, i) => (what: string) => resource(graph, `${what} ${i}`, size / 4),
  );
  for (const state of scaling)
    for (const arena of arenas)
      graph.add(checkGradients, [arena("gradients"), state], {});
  for (const arena of arenas) {
    graph.add(
      sgd,
      [
        arena("parameters"),
        arena("gradients"),
        step,
        ...(momentum > 0 ? [arena("momentum")] : []),
        ...scaling,
      ],
      { momentum, nesterov, weightDecay, scaled },
    );
  }
  if (scaled) graph.add(updateScale, scaling, {});
}

/** Logits and counts of `samples` images with the running statistics. */
export function traceEvaluation(
  store: ParameterStore,
  options: Pick<TrainingOptions, "model" | "source" | "precision">,
  samples: number,
): { graph: Graph; classes: number } {
  const graph = new Graph();
  const { logits, labels, ids } = traceModel(
    graph,
    store,
    false,
    samples,
    options,
  );
  fuseForward(graph, [logits]);
  graph.add(
    evaluate,
    [
      logits,
      labels,
      ids,
      resource(graph, "counters", 1),
      resource(graph, "all logits", 1),
    ],
    {},
  );
  if (options.precision === "mixed") storeHalves(graph);
  return { graph, classes: logits.shape[3] };
}

/**
 * What a training run takes on a device, before there is a device: the graphs are traced, lowered and planned as a session
 * does it, and the buffers counted instead of made.
 */
import { imageBytes, type ImageLayout } from "./image-source.js";
import { bestEvaluationBatch } from "./evaluation.js";
import type { KernelTarget } from "./graph.js";
import {
  type MemoryOptions,
  type MemoryPlan,
  planMemory,
} from "./memory-plan.js";
import { ParameterStore } from "./parameters.js";
import { lower, PoolSizes } from "./plan.js";
import { bytesOf, formatShape, type Tensor } from "./tensor.js";
import {
  microBatches,
  traceEvaluation,
  traceTraining,
  traceUpdate,
  type TrainingOptions,
} from "./trace.js";

export interface PlanRequest extends TrainingOptions {
  /** Sizes of the batches: the first one whole, then an epoch's smaller last one if there is one. */
  readonly batches: readonly [number, ...number[]];
  /** As in `SessionOptions`. */
  readonly microBatch?: number;
  /** Images that are evaluated with the same session. */
  readonly evaluation?: ImageLayout;
  /** The kernels of the adapter: `device.target`, or `kernelTargets.gpu`. */
  readonly target: KernelTarget;
  /** To see what each of the planner's measures saves. */
  readonly memory?: Pick<MemoryOptions, "inPlace" | "sideBySide">;
}

/** What a run takes, in bytes on the device. `total` = `step` + `smaller` + `evaluation` + `parameters` + `data`. */
export interface TrainingMemory {
  /** Images that are on the device at once: the micro-batch, or the batch where that is smaller. */
  readonly images: number;
  /** Buffers that the plans share: activations, their gradients, scratch. `step`, `smaller` and `evaluation` together. */
  readonly activations: number;
  /** What a step over so many images takes by itself … */
  readonly step: number;
  /** … the same without sharing … */
  readonly naive: number;
  /** … and what of it is alive at once at the worst moment. */
  readonly live: number;
  /** What smaller batches (an epoch's last one, a batch's last micro-batch) take besides the step's buffers, … */
  readonly smaller: number;
  /** … and evaluation besides both. */
  readonly evaluation: number;
  /** Parameters, their gradients and momentum, and batch norm's running statistics. */
  readonly parameters: number;
  /** Images, labels and orders of a source on the GPU. */
  readonly data: number;
  readonly total: number;
  /** The largest single tensor: an adapter limits what one binding may hold. */
  readonly largest: { readonly label: string; readonly bytes: number };
  /** Kernel launches of a step. */
  readonly dispatches: number;
}

/**
 * Plans a run without a device.
 * @throws ShapeError where the model does not fit its input, or a size is no whole number of images
 */
export function planTraining(request: PlanRequest): TrainingMemory {
  const {
    batches,
    microBatch = batches[0],
    target,
    source,
    evaluation,
  } = request;
  const store = new ParameterStore();
  const pool = new PoolSizes();
  const accumulates = microBatch < batches[0];
  const sizes = new Set(
    batches.flatMap((samples) => microBatches(samples, microBatch)),
  );
  const plans: MemoryPlan[] = [];
  for (const samples of sizes) {
    const { graph, logits } = traceTraining(
      store,
      request,
      samples,
      accumulates,
    );
    const plan = planMemory(lower(graph, target), {
      ...request.memory,
      keep: [logits],
    });
    pool.take(plan.slots);
    plans.push(plan);
  }
  const training = pool.bytes;
  let data = 0;
  if (evaluation) {
    const images: TrainingOptions["source"] = {
      kind: "images",
      images: evaluation,
    };
    const plan = (samples: number) =>
      planMemory(
        lower(
          traceEvaluation(store, { ...request, source: images }, samples).graph,
          target,
        ),
      ).slots;
    const batch = bestEvaluationBatch(evaluation.count, pool, plan);
    pool.take(plan(batch));
    if (evaluation.count % batch > 0) pool.take(plan(evaluation.count % batch));
    data += imageBytes(evaluation);
  }
  if (source.kind === "images") data += imageBytes(source.images);
  const [first] = plans as [MemoryPlan];
  const largest = largestOf(first.places.keys());
  const perStep = microBatches(batches[0], microBatch).length;
  return {
    images: Math.min(microBatch, batches[0]),
    activations: pool.bytes,
    step: first.bytes,
    naive: first.naiveBytes,
    live: first.liveBytes,
    smaller: training - first.bytes,
    evaluation: pool.bytes - training,
    parameters: store.bytes,
    data,
    total: pool.bytes + store.bytes + data,
    largest: {
      label: `${largest.label} ${formatShape(largest.shape)}`,
      bytes: bytesOf(largest),
    },
    dispatches:
      perStep * first.dispatches.length +
      (accumulates ? lower(traceUpdate(store, request), target).length : 0),
  };
}

function largestOf(tensors: Iterable<Tensor>): Tensor {
  return [...tensors].reduce((a, b) => (bytesOf(b) > bytesOf(a) ? b : a));
}

/** Where a step's batch comes from, and the ops that make it. */
import type { Graph } from "./graph.js";
import {
  type Augmentation,
  type ImageLayout,
  type ImageSource,
  noAugmentation,
} from "./image-source.js";
import { loadBatch, selectBatch } from "./ops/load-batch.js";
import { stepBytes } from "./step.js";
import type { Shape, Tensor } from "./tensor.js";

/** Where batches come from: the host writes them (`feed`), or kernels make them from images on the GPU. */
export type BatchSource = SourceOf<ImageSource>;

/** What a graph must know of a source: enough to plan a step before anything is on a GPU. */
export type BatchLayout = SourceOf<ImageLayout>;

type SourceOf<Images> =
  | {
      readonly kind: "host";
      readonly input: readonly [
        height: number,
        width: number,
        channels: number,
      ];
    }
  | {
      readonly kind: "images";
      readonly images: Images;
      readonly augmentation?: Augmentation;
    };

export interface Batch {
  /** `[samples, h, w, c]` */
  readonly x: Tensor;
  readonly labels: Tensor;
  readonly ids: Tensor;
  readonly step: Tensor;
}

/** The step uniform. */
export function stepTensor(graph: Graph): Tensor {
  return graph.external("step", [1, 1, 1, stepBytes / 4], "words", {
    kind: "resource",
    name: "step",
  });
}

/** The batch as graph tensors: images, labels, sample ids and the step uniform. `bindSource` names their buffers. */
export function traceBatch(
  graph: Graph,
  samples: number,
  source: BatchLayout,
): Batch {
  const resource = (name: string, words: number): Tensor =>
    graph.external(name, [1, 1, 1, words], "words", {
      kind: "resource",
      name,
    });
  const step = stepTensor(graph);
  if (source.kind === "host") {
    const shape: Shape = [samples, ...source.input];
    const x = graph.external("images", shape, "nhwc", {
      kind: "resource",
      name: "host images",
    });
    return {
      x,
      labels: resource("host labels", samples),
      ids: resource("host ids", samples),
      step,
    };
  }
  const { images, augmentation = noAugmentation } = source;
  const [ids, labels] = graph.add(
    selectBatch,
    [resource("order", images.count), resource("labels", images.count), step],
    { samples },
  ) as [Tensor, Tensor];
  const chunks = Array.from({ length: images.chunkCount }, (_, i) =>
    resource(`chunk ${i}`, 1),
  );
  const x = graph.apply(loadBatch, [ids, step, ...chunks], {
    samples,
    imageSize: images.imageSize,
    mean: images.mean,
    std: images.std,
    chunks: images.chunkCount,
    imagesPerChunk: images.imagesPerChunk,
    ...augmentation,
  });
  return { x, labels, ids, step };
}

/** Adds the buffers of a source on the GPU under the names that the traced tensors refer to. */
export function bindSource(
  source: BatchSource,
  resources: Map<string, GPUBuffer>,
): void {
  if (source.kind === "host") return;
  const { order, labels, chunks } = source.images;
  resources.set("order", order);
  resources.set("labels", labels);
  chunks.forEach((chunk, i) => resources.set(`chunk ${i}`, chunk));
}

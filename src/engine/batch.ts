/** Where a step's batch comes from, and the ops that make it. */
import type { Graph } from "./graph.js";
import {
  type Augmentation,
  type ImageSource,
  noAugmentation,
} from "./image-source.js";
import { loadBatch, selectBatch } from "./ops/load-batch.js";
import { stepBytes } from "./step.js";
import type { Shape, Tensor } from "./tensor.js";

/** Where batches come from: the host writes them (`feed`), or kernels make them from images on the GPU. */
export type BatchSource =
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
      readonly images: ImageSource;
      readonly augmentation?: Augmentation;
    };

export interface Batch {
  /** `[samples, h, w, c]` */
  readonly x: Tensor;
  readonly labels: Tensor;
  readonly ids: Tensor;
  readonly step: Tensor;
}

/**
 * The batch as graph tensors: images, labels, sample ids and the step uniform. The source's buffers are added to
 * `resources` under the names that the tensors refer to.
 */
export function traceBatch(
  graph: Graph,
  samples: number,
  source: BatchSource,
  resources: Map<string, GPUBuffer>,
): Batch {
  const resource = (name: string, words: number): Tensor =>
    graph.external(name, [1, 1, 1, words], "words", {
      kind: "resource",
      name,
    });
  const step = resource("step", stepBytes / 4);
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
  resources.set("order", images.order);
  resources.set("labels", images.labels);
  images.chunks.forEach((chunk, i) => resources.set(`chunk ${i}`, chunk));
  const [ids, labels] = graph.add(
    selectBatch,
    [resource("order", images.count), resource("labels", images.count), step],
    { samples },
  ) as [Tensor, Tensor];
  const chunks = images.chunks.map((_, i) => resource(`chunk ${i}`, 1));
  const x = graph.apply(loadBatch, [ids, step, ...chunks], {
    samples,
    imageSize: images.imageSize,
    mean: images.mean,
    std: images.std,
    chunks: chunks.length,
    imagesPerChunk: images.imagesPerChunk,
    ...augmentation,
  });
  return { x, labels, ids, step };
}

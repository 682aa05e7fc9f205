/** Batches from a dataset on the GPU: choose by the order, augment, normalise. */
import { elementwiseGrid } from "../../../shaders/common.js";
import * as shaders from "../../../shaders/load-batch.wgsl.js";
import type { Binding, OpDefinition } from "../graph.js";
import type { Tensor } from "../tensor.js";
import { bind } from "./elementwise.js";

/** Inputs: order, labels of the data set (both u32), step uniform. Outputs: ids and labels of the batch. */
export const selectBatch: OpDefinition<{ readonly samples: number }> = {
  name: "selectBatch",
  infer: (_, { samples }) => [
    { label: "ids", shape: [1, 1, 1, samples], layout: "words" },
    { label: "labels", shape: [1, 1, 1, samples], layout: "words" },
  ],
  lower({ inputs, outputs, attributes: { samples } }, { emit }) {
    const [order, labels, step] = inputs as [Tensor, Tensor, Tensor];
    emit({
      label: "select batch",
      wgsl: shaders.selectBatch(samples),
      bindings: [
        ...bind([order, labels], []),
        { tensor: step, access: "uniform" },
        ...bind([], outputs),
      ],
      workgroups: elementwiseGrid(samples),
    });
  },
};

/** Inputs: ids, step uniform, then the byte chunks of the images. Output: x `[samples, S, S, 3]`. */
export const loadBatch: OpDefinition<shaders.LoadBatchOptions> = {
  name: "loadBatch",
  infer: (_, { samples, imageSize }) => [
    {
      label: "images",
      shape: [samples, imageSize, imageSize, 3],
      layout: "nhwc",
    },
  ],
  lower({ inputs, outputs, attributes }, { emit, scratch }) {
    const [ids, step, ...chunks] = inputs as [Tensor, Tensor, ...Tensor[]];
    const { samples, imageSize, distort } = attributes;
    const source: Binding[] = [
      ...bind([ids, ...chunks], []),
      { tensor: step, access: "uniform" },
    ];
    const means: Tensor[] = [];
    if (distort) {
      means.push(scratch("crop means", samples * 4));
      emit({
        label: "crop means",
        wgsl: shaders.cropMeans(attributes),
        bindings: [...source, ...bind([], means)],
        workgroups: elementwiseGrid(samples * 3),
      });
    }
    emit({
      label: "load batch",
      wgsl: shaders.loadBatch(attributes),
      bindings: [...source, ...bind(means, outputs)],
      workgroups: elementwiseGrid(samples * imageSize * imageSize),
    });
  },
};

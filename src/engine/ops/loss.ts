/** The step's loss, softmax cross-entropy, with its gradient. */
import { elementwiseGrid } from "../../../shaders/common.js";
import * as shaders from "../../../shaders/cross-entropy.wgsl.js";
import { ShapeError } from "../errors.js";
import type { OpDefinition } from "../graph.js";
import { elementsOf, formatShape, pad4, type Tensor } from "../tensor.js";
import { bind } from "./elementwise.js";

/**
 * Inputs: logits `[n, 1, 1, classes]`, labels (u32), the gradient of the batch's mean loss (its first word), step uniform.
 * Outputs: the loss of each sample `[n]`, and the gradient of the logits: what stands at the end of a graph is differentiated
 * on the spot, since both take the same sums of the same logits.
 */
export const crossEntropy: OpDefinition<{ readonly labelSmoothing: number }> = {
  name: "crossEntropy",
  exact: true,
  infer([logits, labels], { labelSmoothing }) {
    const [samples, h, w] = logits!.shape;
    if (h !== 1 || w !== 1)
      throw new ShapeError(
        `crossEntropy: logits must be [n, 1, 1, classes], got ${formatShape(logits!.shape)}`,
      );
    if (elementsOf(labels!) !== samples)
      throw new ShapeError(
        `crossEntropy: ${elementsOf(labels!)} labels for ${samples} samples`,
      );
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
      throw new ShapeError(
        `crossEntropy: labelSmoothing must be in [0, 1], got ${labelSmoothing}`,
      );
    return [
      { label: "sample losses", shape: [1, 1, 1, samples], layout: "words" },
      { label: "dlogits", shape: logits!.shape, layout: "nhwc" },
    ];
  },
  lower({ inputs, outputs, attributes }, { emit }) {
    const [logits, labels, upstream, step] = inputs as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [samples, , , classes] = logits.shape;
    emit({
      label: "cross-entropy",
      wgsl: shaders.crossEntropy({
        samples,
        classes,
        stride: pad4(classes),
        ...attributes,
      }),
      bindings: [
        ...bind([logits, labels, upstream], []),
        { tensor: step, access: "uniform" },
        ...bind([], outputs),
      ],
      workgroups: elementwiseGrid(samples),
    });
  },
};

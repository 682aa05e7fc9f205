/** Softmax cross-entropy per sample, and the mean that makes it the batch's loss. */
import { elementwiseGrid } from "../../../shaders/common.js";
import * as shaders from "../../../shaders/cross-entropy.wgsl.js";
import * as meanShaders from "../../../shaders/mean.wgsl.js";
import { ShapeError } from "../errors.js";
import type { OpDefinition } from "../graph.js";
import { formatShape, pad4, wordsOf, type Tensor } from "../tensor.js";
import { bind } from "./elementwise.js";

interface CrossEntropyAttributes {
  readonly labelSmoothing: number;
}

function optionsOf(
  logits: Tensor,
  { labelSmoothing }: CrossEntropyAttributes,
): shaders.CrossEntropyOptions {
  const [samples, , , classes] = logits.shape;
  return { samples, classes, stride: pad4(classes), labelSmoothing };
}

/** Inputs: logits `[n, 1, 1, classes]`, labels (u32). Output: the loss of each sample `[n]`. */
export const crossEntropy: OpDefinition<CrossEntropyAttributes> = {
  name: "crossEntropy",
  infer([logits, labels], { labelSmoothing }) {
    const [samples, h, w] = logits!.shape;
    if (h !== 1 || w !== 1)
      throw new ShapeError(
        `crossEntropy: logits must be [n, 1, 1, classes], got ${formatShape(logits!.shape)}`,
      );
    if (wordsOf(labels!) !== samples)
      throw new ShapeError(
        `crossEntropy: ${wordsOf(labels!)} labels for ${samples} samples`,
      );
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
      throw new ShapeError(
        `crossEntropy: labelSmoothing must be in [0, 1], got ${labelSmoothing}`,
      );
    return [
      { label: "sample losses", shape: [1, 1, 1, samples], layout: "words" },
    ];
  },
  lower({ inputs, outputs, attributes }, { emit }) {
    const options = optionsOf(inputs[0]!, attributes);
    emit({
      label: "cross-entropy",
      wgsl: shaders.crossEntropy(options),
      bindings: bind(inputs, outputs),
      workgroups: elementwiseGrid(options.samples),
    });
  },
  backward: (graph, { inputs, attributes }, [upstream]) => [
    graph.apply(
      crossEntropyGrad,
      [inputs[0]!, inputs[1]!, upstream!],
      attributes,
    ),
    undefined,
  ],
};

/** Inputs: logits, labels, upstream gradient of each sample's loss. Output: dlogits. */
const crossEntropyGrad: OpDefinition<CrossEntropyAttributes> = {
  name: "crossEntropyGrad",
  infer: ([logits]) => [
    { label: "dlogits", shape: logits!.shape, layout: "nhwc" },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    const options = optionsOf(inputs[0]!, attributes);
    emit({
      label: "cross-entropy gradient",
      wgsl: shaders.crossEntropyGrad(options),
      bindings: bind(inputs, outputs),
      workgroups: elementwiseGrid(options.samples),
    });
  },
};

/** Mean of all words of the input. Output: one word. */
export const mean: OpDefinition<object> = {
  name: "mean",
  infer: () => [{ label: "mean", shape: [1, 1, 1, 1], layout: "words" }],
  lower({ inputs, outputs }, { emit }) {
    emit({
      label: "mean",
      wgsl: meanShaders.mean(wordsOf(inputs[0]!)),
      bindings: bind(inputs, outputs),
      workgroups: [1, 1, 1],
    });
  },
  backward: (graph, { inputs }, [upstream]) => [
    graph.apply(meanGrad, [upstream!], { count: wordsOf(inputs[0]!) }),
  ],
};

const meanGrad: OpDefinition<{ readonly count: number }> = {
  name: "meanGrad",
  infer: (_, { count }) => [
    { label: "mean gradient", shape: [1, 1, 1, count], layout: "words" },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    emit({
      label: "mean gradient",
      wgsl: meanShaders.meanGrad(attributes.count),
      bindings: bind(inputs, outputs),
      workgroups: elementwiseGrid(attributes.count),
    });
  },
};

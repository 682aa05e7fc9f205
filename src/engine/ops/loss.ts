/** Softmax cross-entropy per sample, and the mean that makes it the step's loss. */
import { elementwiseGrid } from "../../../shaders/common.js";
import * as shaders from "../../../shaders/cross-entropy.wgsl.js";
import * as meanShaders from "../../../shaders/mean.wgsl.js";
import { ShapeError } from "../errors.js";
import type { Binding, OpDefinition } from "../graph.js";
import { formatShape, pad4, elementsOf, type Tensor } from "../tensor.js";
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
  exact: true,
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

/** The values' share in the mean over the whole batch, Σ/step.samples. Inputs: values, step uniform. Output: one word. */
export const batchMean: OpDefinition<object> = {
  name: "batchMean",
  infer: () => [{ label: "mean", shape: [1, 1, 1, 1], layout: "words" }],
  lower({ inputs, outputs }, { emit }) {
    emit({
      label: "mean",
      wgsl: meanShaders.batchMean(elementsOf(inputs[0]!)),
      bindings: withStep(inputs, outputs),
      workgroups: [1, 1, 1],
    });
  },
  backward: (graph, { inputs }, [upstream]) => [
    graph.apply(batchMeanGrad, [upstream!, inputs[1]!], {
      count: elementsOf(inputs[0]!),
    }),
    undefined,
  ],
};

/** Inputs: upstream, step uniform. Output: the gradient of each value. */
const batchMeanGrad: OpDefinition<{ readonly count: number }> = {
  name: "batchMeanGrad",
  infer: (_, { count }) => [
    { label: "mean gradient", shape: [1, 1, 1, count], layout: "words" },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    emit({
      label: "mean gradient",
      wgsl: meanShaders.batchMeanGrad(attributes.count),
      bindings: withStep(inputs, outputs),
      workgroups: elementwiseGrid(attributes.count),
    });
  },
};

/** Bindings of a kernel over (values, step uniform) → output. */
function withStep(
  [values, step]: readonly Tensor[],
  outputs: readonly Tensor[],
): Binding[] {
  return [
    ...bind([values!], []),
    { tensor: step!, access: "uniform" },
    ...bind([], outputs),
  ];
}

/** Max, average and global average pooling (floor mode, as PyTorch's default). */
import * as shaders from "../../../shaders/pool.wgsl.js";
import type { PoolGeometry } from "../../../shaders/pool.wgsl.js";
import { ShapeError } from "../errors.js";
import type { OpDefinition } from "../graph.js";
import { formatShape, pad4, type Shape, type Tensor } from "../tensor.js";
import { elementwiseDispatch } from "./elementwise.js";
import { reluGrad } from "./relu.js";

export interface PoolAttributes {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Max pooling only: ReLU on the result; set by fusion. */
  readonly relu?: boolean;
}

function geometryOf(
  [n, h, w, c]: Shape,
  { kernel, stride, padding }: PoolAttributes,
): PoolGeometry {
  const size = (extent: number) =>
    Math.floor((extent + 2 * padding - kernel) / stride) + 1;
  return {
    n,
    h,
    w,
    oh: size(h),
    ow: size(w),
    columns4: pad4(c) / 4,
    kernel,
    stride,
    padding,
  };
}

function outputShape(op: string, x: Tensor, attributes: PoolAttributes): Shape {
  const { kernel, padding } = attributes;
  // PyTorch's own condition: every window then covers at least one real value.
  if (2 * padding > kernel)
    throw new ShapeError(
      `${op}: padding ${padding} is more than half the kernel ${kernel}`,
    );
  if (kernel > 16)
    throw new ShapeError(`${op}: kernel ${kernel} is larger than 16`);
  const { oh, ow } = geometryOf(x.shape, attributes);
  if (oh < 1 || ow < 1)
    throw new ShapeError(
      `${op}: kernel ${kernel} does not fit ${formatShape(x.shape)}`,
    );
  return [x.shape[0], oh, ow, x.shape[3]];
}

/** Input: x. Outputs: y and the place of each maximum. */
export const maxPool: OpDefinition<PoolAttributes> = {
  name: "maxPool",
  infer([x], attributes) {
    const shape = outputShape("maxPool", x!, attributes);
    const places = shape[0] * shape[1] * shape[2] * (pad4(shape[3]) / 4);
    return [
      { label: "maxPool", shape, layout: "nhwc" },
      { label: "maxPool places", shape: [1, 1, 1, places], layout: "words" },
    ];
  },
  lower({ inputs, outputs, attributes }, { emit }) {
    const geometry = geometryOf(inputs[0]!.shape, attributes);
    emit(
      elementwiseDispatch(
        "max pool",
        () => shaders.maxPool(geometry, attributes.relu ?? false),
        inputs,
        outputs,
      ),
    );
  },
  backward(graph, node, [dy]) {
    const [y, places] = node.outputs as [Tensor, Tensor];
    const { relu, ...attributes } = node.attributes;
    const dz = relu ? graph.apply(reluGrad, [dy!, y], {}) : dy!;
    return [
      graph.apply(maxPoolGrad, [dz, places], {
        ...attributes,
        input: node.inputs[0]!.shape,
      }),
    ];
  },
};

interface GradAttributes extends PoolAttributes {
  readonly input: Shape;
}

const maxPoolGrad: OpDefinition<GradAttributes> = {
  name: "maxPoolGrad",
  infer: (_, { input }) => [
    { label: "maxPool dx", shape: input, layout: "nhwc" },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    const geometry = geometryOf(attributes.input, attributes);
    emit(
      elementwiseDispatch(
        "max pool gradient",
        () => shaders.maxPoolGrad(geometry),
        inputs,
        outputs,
      ),
    );
  },
};

/** Input: x. Output: y; padding counts in the divisor. */
export const averagePool: OpDefinition<PoolAttributes> = {
  name: "averagePool",
  infer: ([x], attributes) => [
    {
      label: "averagePool",
      shape: outputShape("averagePool", x!, attributes),
      layout: "nhwc",
    },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    const geometry = geometryOf(inputs[0]!.shape, attributes);
    emit(
      elementwiseDispatch(
        "average pool",
        () => shaders.averagePool(geometry),
        inputs,
        outputs,
      ),
    );
  },
  backward: (graph, node, [dy]) => [
    graph.apply(averagePoolGrad, [dy!], {
      ...node.attributes,
      input: node.inputs[0]!.shape,
    }),
  ],
};

const averagePoolGrad: OpDefinition<GradAttributes> = {
  name: "averagePoolGrad",
  infer: (_, { input }) => [
    { label: "averagePool dx", shape: input, layout: "nhwc" },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    const geometry = geometryOf(attributes.input, attributes);
    emit(
      elementwiseDispatch(
        "average pool gradient",
        () => shaders.averagePoolGrad(geometry),
        inputs,
        outputs,
      ),
    );
  },
};

/** Input: x `[n, h, w, c]`. Output: `[n, 1, 1, c]`. */
export const globalAveragePool: OpDefinition<object> = {
  name: "globalAveragePool",
  infer: ([x]) => [
    {
      label: "globalAveragePool",
      shape: [x!.shape[0], 1, 1, x!.shape[3]],
      layout: "nhwc",
    },
  ],
  lower({ inputs, outputs }, { emit }) {
    const [n, h, w, c] = inputs[0]!.shape;
    const columns4 = pad4(c) / 4;
    emit(
      elementwiseDispatch(
        "global average pool",
        () => shaders.globalAveragePool(n, h * w, columns4),
        inputs,
        outputs,
      ),
    );
  },
  backward: (graph, node, [dy]) => [
    graph.apply(globalAveragePoolGrad, [dy!], { input: node.inputs[0]!.shape }),
  ],
};

const globalAveragePoolGrad: OpDefinition<{ readonly input: Shape }> = {
  name: "globalAveragePoolGrad",
  infer: (_, { input }) => [
    { label: "globalAveragePool dx", shape: input, layout: "nhwc" },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    const [n, h, w, c] = attributes.input;
    const columns4 = pad4(c) / 4;
    emit(
      elementwiseDispatch(
        "global average pool gradient",
        () => shaders.globalAveragePoolGrad(n, h * w, columns4),
        inputs,
        outputs,
      ),
    );
  },
};

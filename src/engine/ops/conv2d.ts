/**
 * 2-D convolution (and linear layers, which are convolutions whose kernel covers the whole input), as cross-correlation
 * with symmetric zero padding: y[n,oh,ow,co] = Σ x[n, oh·s+kh−p, ow·s+kw−p, ci]·w[kh,kw,ci,co] + bias[co].
 */
import {
  conv2dGradWeight,
  conv2dGradWeightGrid,
  partialWords,
  writesGradients,
  type GradWeightOptions,
} from "../../../shaders/conv2d-grad-weight.wgsl.js";
import {
  conv2dGather,
  conv2dGatherGrid,
  gatherTakesStatistics,
  type GatherOptions,
} from "../../../shaders/conv2d-gather.wgsl.js";
import { elementwiseGrid } from "../../../shaders/common.js";
import {
  convFlops,
  simplify,
  vec4Channels,
  type ConvGeometry,
} from "../../../shaders/convolution.js";
import { sumPartials } from "../../../shaders/sum-partials.wgsl.js";
import { ShapeError } from "../errors.js";
import type { Dispatch, KernelTarget, Node, OpDefinition } from "../graph.js";
import { formatShape, type Shape, type Tensor } from "../tensor.js";
import { convKey } from "./conv2d-problem.js";
import {
  gatherCandidates,
  gatherVariant,
  gradWeightCandidates,
  gradWeightVariant,
} from "./conv2d-variants.js";
import { statisticsDispatch } from "./batch-statistics.js";
import { bind, over } from "./elementwise.js";
import { reluGrad } from "./relu.js";
import { variantName } from "./variant-names.js";

export interface Conv2dAttributes {
  readonly stride: number;
  readonly padding: number;
  /** ReLU on the result; set by fusion. */
  readonly relu?: boolean;
  /** Set by fusion: output 1 are statistics of the result in parts, for the batch norm behind. */
  readonly statistics?: boolean;
}

function outputSize(
  size: number,
  kernel: number,
  { stride, padding }: Conv2dAttributes,
): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1;
}

export function geometryOf(
  x: Shape,
  weights: Shape,
  attributes: Conv2dAttributes,
): ConvGeometry {
  const [n, h, w, cin] = x;
  const [kh, kw, , cout] = weights;
  const { stride, padding } = attributes;
  return {
    n, h, w, cin, kh, kw, cout, stride, padding,
    oh: outputSize(h, kh, attributes),
    ow: outputSize(w, kw, attributes),
  }; // prettier-ignore
}

/** Whether both operands of a product are stored as f16. */
function areHalves(inputs: readonly Tensor[]): boolean {
  return inputs.slice(0, 2).every(({ type }) => type === "f16");
}

function gatherDispatches(
  target: KernelTarget,
  label: string,
  gather: Omit<GatherOptions, "variant">,
  inputs: readonly Tensor[],
  output: Tensor,
  parts?: Tensor,
): Dispatch[] {
  const problem = { ...gather, half: areHalves(inputs) };
  const variant = gatherVariant(target, problem);
  const plain: GatherOptions = { ...gather, variant };
  const together = parts && gatherTakesStatistics(plain);
  const options = together ? { ...plain, statistics: true } : plain;
  const bindings = bind(inputs, together ? [output, parts] : [output]);
  const { addend, mask } = options.epilogue;
  // The epilogue reads addend and mask where it writes; they come last of the inputs.
  const count = Number(addend ?? false) + Number(mask ?? false);
  const convolution: Dispatch = {
    label,
    choice: {
      problem: convKey(problem),
      variant: variantName(variant),
    },
    wgsl: conv2dGather(options),
    bindings,
    inPlace: over(bindings, ...[2, 3].slice(0, count)),
    workgroups: conv2dGatherGrid(options),
    flops: convFlops(options.geometry),
  };
  return parts && !together
    ? [convolution, statisticsDispatch(target, output, parts)]
    : [convolution];
}

/** Inputs: x, weights, bias?. Outputs: y and, where it takes statistics, their parts. */
export const conv2d: OpDefinition<Conv2dAttributes> = {
  name: "conv2d",
  infer([x, weights, bias], attributes) {
    if (!x || weights?.layout !== "weight")
      throw new ShapeError("conv2d needs x and weights");
    const [, , cin, cout] = weights.shape;
    if (x.shape[3] !== cin) {
      throw new ShapeError(
        `conv2d: x ${formatShape(x.shape)} has ${x.shape[3]} channels, weights ${formatShape(weights.shape)} take ${cin}`,
      );
    }
    if (bias && bias.shape[3] !== cout)
      throw new ShapeError(
        `conv2d: bias has ${bias.shape[3]} values for ${cout} channels`,
      );
    const { n, oh, ow } = geometryOf(x.shape, weights.shape, attributes);
    return [
      {
        label: weights.label.replace(/\.weight$/, ""),
        shape: [n, oh, ow, cout],
        layout: "nhwc",
      },
    ];
  },
  lower({ inputs, outputs, attributes }, { target, emit }) {
    const [x, weights, bias] = inputs;
    const geometry = simplify(geometryOf(x!.shape, weights!.shape, attributes));
    const problem = {
      geometry,
      pass: "forward",
      epilogue: { bias: bias !== undefined, relu: attributes.relu ?? false },
    } as const;
    const label = "conv2d forward";
    const [y, parts] = outputs as [Tensor, Tensor?];
    gatherDispatches(target, label, problem, inputs, y, parts).forEach(emit);
  },
  variants({ inputs, attributes }, target) {
    const [x, weights] = inputs;
    const geometry = simplify(geometryOf(x!.shape, weights!.shape, attributes));
    const half = areHalves(inputs);
    const problem = { pass: "forward", geometry, half } as const;
    return gatherCandidates(target, problem).map(variantName);
  },
  backward(graph, node, [dy], needed) {
    const [x, weights, bias] = node.inputs as [
      Tensor,
      Tensor,
      Tensor | undefined,
    ];
    const { stride, padding, relu } = node.attributes;
    const dz = relu ? graph.apply(reluGrad, [dy!, node.outputs[0]!], {}) : dy!;
    const gradWeight = () =>
      graph.add(conv2dGradWeightOp, [x, dz], {
        stride,
        padding,
        weights: weights.shape,
        bias: bias !== undefined,
      });
    const [dw, db] = needed[1] || needed[2] ? gradWeight() : [];
    const dx = needed[0]
      ? graph.apply(conv2dGradInput, [dz, weights], {
          stride,
          padding,
          input: x.shape,
        })
      : undefined;
    return [dx, dw, db];
  },
};

export interface GradInputAttributes extends Conv2dAttributes {
  readonly input: Shape;
  /** Set by fusion: input 2 is added, and the last input masks the result where it is ≤ 0. */
  readonly addend?: boolean;
  readonly mask?: boolean;
}

/** Inputs: dy, weights, addend?, mask?. Output: dx. */
export const conv2dGradInput: OpDefinition<GradInputAttributes> = {
  name: "conv2dGradInput",
  infer(_, { input }) {
    return [{ label: "dx", shape: input, layout: "nhwc" }];
  },
  lower({ inputs, outputs, attributes }, { target, emit }) {
    const geometry = simplify(
      geometryOf(attributes.input, inputs[1]!.shape, attributes),
    );
    const problem = {
      geometry,
      pass: "gradInput",
      epilogue: {
        addend: attributes.addend ?? false,
        mask: attributes.mask ?? false,
      },
    } as const;
    const label = "conv2d input gradient";
    gatherDispatches(target, label, problem, inputs, outputs[0]!).forEach(emit);
  },
  variants({ inputs, attributes }, target) {
    const geometry = simplify(
      geometryOf(attributes.input, inputs[1]!.shape, attributes),
    );
    const half = areHalves(inputs);
    const problem = { pass: "gradInput", geometry, half } as const;
    return gatherCandidates(target, problem).map(variantName);
  },
};

interface GradWeightAttributes extends Conv2dAttributes {
  readonly weights: Shape;
  readonly bias: boolean;
}

/** Inputs: x, dy. Outputs: dw and, with a bias, its gradient. */
export const conv2dGradWeightOp: OpDefinition<GradWeightAttributes> = {
  name: "conv2dGradWeight",
  infer(_, { weights, bias }) {
    const dw = { label: "dw", shape: weights, layout: "weight" } as const;
    return bias
      ? [dw, { label: "db", shape: [1, 1, 1, weights[3]], layout: "vector" }]
      : [dw];
  },
  lower(
    { inputs, outputs, attributes }: Node<GradWeightAttributes>,
    { target, emit, scratch },
  ) {
    const [x, dy] = inputs as [Tensor, Tensor];
    const geometry = simplify(
      geometryOf(x.shape, attributes.weights, attributes),
    );
    const { cin4, cout4 } = vec4Channels(geometry);
    const half = areHalves(inputs);
    const problem = { pass: "gradWeight", geometry, half } as const;
    const variant = gradWeightVariant(target, problem, attributes.bias);
    const options: GradWeightOptions = {
      geometry,
      bias: attributes.bias,
      variant,
    };
    const direct = writesGradients(options);
    const written = direct
      ? outputs
      : [scratch("weight gradient partials", partialWords(options))];
    emit({
      label: "conv2d weight gradient",
      choice: {
        problem: convKey(problem),
        variant: variantName(variant),
      },
      wgsl: conv2dGradWeight(options),
      bindings: bind([x, dy], written),
      workgroups: conv2dGradWeightGrid(options),
      flops: convFlops(geometry),
    });
    if (direct) return;
    const first = geometry.kh * geometry.kw * cin4 * 4 * cout4;
    const rest = attributes.bias ? cout4 : 0;
    emit({
      label: "conv2d weight gradient sum",
      wgsl: sumPartials({ splits: variant.splits, first, rest }),
      bindings: bind(written, outputs),
      workgroups: elementwiseGrid(first + rest),
    });
  },
  variants({ inputs, attributes }, target) {
    const geometry = simplify(
      geometryOf(inputs[0]!.shape, attributes.weights, attributes),
    );
    const half = areHalves(inputs);
    const problem = { pass: "gradWeight", geometry, half } as const;
    return gradWeightCandidates(target, problem, attributes.bias).map(
      variantName,
    );
  },
};

/**
 * Kernels whose output lies over one of their inputs, each such pair against the f64 reference. The planner only writes over
 * its own tensors, and the op tests' inputs are not among them: here a copy stands before the input that is to be given up.
 */
import { describe, expect, it } from "vitest";
import type { Graph, OpDefinition } from "../../../src/engine/graph.js";
import { add } from "../../../src/engine/ops/add.js";
import {
  batchNorm,
  type BatchNormAttributes,
} from "../../../src/engine/ops/batch-norm.js";
import {
  conv2dGradInput,
  type GradInputAttributes,
} from "../../../src/engine/ops/conv2d.js";
import { copy } from "../../../src/engine/ops/copy.js";
import { dropout } from "../../../src/engine/ops/dropout.js";
import { relu, reluGrad } from "../../../src/engine/ops/relu.js";
import { encodeStep } from "../../../src/engine/step.js";
import type { Tensor } from "../../../src/engine/tensor.js";
import { add as referenceAdd } from "../../reference/add.js";
import {
  batchNormBackward,
  batchNormEval,
  batchNormTrain,
  givenStatistics,
} from "../../reference/batch-norm.js";
import { conv2dGradInput as referenceGradInput } from "../../reference/conv2d.js";
import {
  dropout as referenceDropout,
  dropoutMask,
} from "../../reference/dropout.js";
import { reluBackward, relu as referenceRelu } from "../../reference/relu.js";
import { map, type Ref, type Sum } from "../../reference/tensor.js";
import {
  Compiled,
  factor,
  type Input,
  random,
  targets,
  wordsInput,
} from "../harness.js";

/** y = x in memory of its own; the gradient likewise. */
const copyBothWays: OpDefinition<object> = {
  ...copy,
  backward: (graph, _, [dy]) => [graph.apply(copy, [dy!], {})],
};
const copied = (graph: Graph, tensor: Tensor | undefined) =>
  graph.apply(copyBothWays, [tensor!], {});

/** Exact but for one rounding of each value. */
const rounded = (value: Ref, terms = 1): Sum => ({
  value,
  magnitude: map(value, Math.abs),
  terms,
});

const shape = [3, 7, 5, 6];
const channels = 6;
const x = map(random(shape, 1), (v, i) => (i % 3 === 1 ? 0 : v));
const other = random(shape, 2);
const dy = random(shape, 3);
const nhwc = (values: Ref): Input => ({ values, layout: "nhwc" });
const withGradient = (values: Ref): Input => ({
  ...nhwc(values),
  gradient: true,
});

interface Row {
  readonly name: string;
  /** The dispatch that has to run in place. */
  readonly label: string;
  readonly inputs: readonly Input[];
  readonly build: (graph: Graph, inputs: Tensor[]) => Tensor;
  readonly upstream?: Ref;
  /** Output 0, or where there is an upstream gradient that of input 0. */
  readonly expected: Sum;
}

const gamma = map(random([channels], 4), (v) => Math.fround(v + 1.5));
const beta = random([channels], 5);
const running = {
  mean: random([channels], 6),
  variance: map(random([channels], 7), (v) => Math.fround(v + 1.5)),
};
const parameters: Input[] = [gamma, beta, running.mean, running.variance].map(
  (values) => ({ values, layout: "vector" }),
);
const { statistics } = batchNormTrain(x, { gamma, beta });
const norm = (
  graph: Graph,
  inputs: readonly Tensor[],
  attributes: BatchNormAttributes,
) => graph.add(batchNorm, inputs, attributes)[0]!;
const training = { training: true };
const frozen = { training: true, frozen: true };

const p = 0.4;
const layer = 2;
const samples = [7, 4_000_000_000, 0];
const stream = { seed: 2 ** 40 + 12_345, epoch: 3, layer, samples };
const step = wordsInput(
  encodeStep({
    step: 1,
    offset: 0,
    samples: 3,
    continues: false,
    logSlot: 0,
    learningRate: 0,
    firstStep: true,
    seed: stream.seed,
    epoch: stream.epoch,
  }),
);
const mask = dropoutMask(shape, p, stream);
const dropped = (value: Ref) => rounded(referenceDropout(value, mask, p), 4);

const elementwise: Row[] = [
  {
    name: "a sum over its first term",
    label: "add",
    inputs: [nhwc(x), nhwc(other)],
    build: (graph, [a, b]) => graph.apply(add, [copied(graph, a), b!], {}),
    expected: rounded(referenceAdd(x, other)),
  },
  {
    name: "a sum over its second term",
    label: "add",
    inputs: [nhwc(x), nhwc(other)],
    build: (graph, [a, b]) => graph.apply(add, [a!, copied(graph, b)], {}),
    expected: rounded(referenceAdd(x, other)),
  },
  {
    name: "ReLU",
    label: "relu",
    inputs: [nhwc(x)],
    build: (graph, [a]) => graph.apply(relu, [copied(graph, a)], {}),
    expected: rounded(referenceRelu(x)),
  },
  {
    name: "ReLU's gradient over dy",
    label: "relu gradient",
    inputs: [nhwc(dy), nhwc(referenceRelu(x))],
    build: (graph, [d, y]) => graph.apply(reluGrad, [copied(graph, d), y!], {}),
    expected: rounded(reluBackward(dy, referenceRelu(x))),
  },
  {
    name: "ReLU's gradient over y",
    label: "relu gradient",
    inputs: [nhwc(dy), nhwc(referenceRelu(x))],
    build: (graph, [d, y]) => graph.apply(reluGrad, [d!, copied(graph, y)], {}),
    expected: rounded(reluBackward(dy, referenceRelu(x))),
  },
  {
    name: "dropout",
    label: "dropout",
    inputs: [nhwc(x), wordsInput(samples), step],
    build: (graph, [a, ...rest]) =>
      graph.apply(dropout, [copied(graph, a), ...rest], { p, layer }),
    expected: dropped(x),
  },
  {
    name: "dropout's gradient",
    label: "dropout",
    inputs: [withGradient(x), wordsInput(samples), step],
    build: (graph, inputs) =>
      copied(graph, graph.apply(dropout, inputs, { p, layer })),
    upstream: dy,
    expected: dropped(dy),
  },
];

const norms: Row[] = [
  {
    name: "batch norm over x",
    label: "batch norm apply",
    inputs: [nhwc(x), ...parameters],
    build: (graph, [a, ...rest]) =>
      norm(graph, [copied(graph, a), ...rest], training),
    expected: batchNormTrain(x, { gamma, beta }).y,
  },
  {
    name: "batch norm over the residual",
    label: "batch norm apply",
    inputs: [nhwc(x), ...parameters, nhwc(other)],
    build: (graph, inputs) =>
      norm(graph, [...inputs.slice(0, 5), copied(graph, inputs[5])], {
        ...training,
        residual: true,
        relu: true,
      }),
    expected: batchNormTrain(x, { gamma, beta, residual: other, relu: true }).y,
  },
  {
    name: "batch norm in evaluation over x",
    label: "batch norm apply",
    inputs: [nhwc(x), ...parameters],
    build: (graph, [a, ...rest]) =>
      norm(graph, [copied(graph, a), ...rest], { training: false }),
    // The reference counts one term; the kernel rounds six times.
    expected: { ...batchNormEval(x, running, { gamma, beta }), terms: 6 },
  },
  {
    name: "batch norm's gradient over dy",
    label: "batch norm gradient apply",
    inputs: [withGradient(x), ...parameters],
    build: (graph, inputs) => copied(graph, norm(graph, inputs, training)),
    upstream: dy,
    expected: batchNormBackward(dy, x, statistics, { gamma }).dx,
  },
  {
    name: "batch norm's gradient over x",
    label: "batch norm gradient apply",
    inputs: [withGradient(x), ...parameters],
    build: (graph, [a, ...rest]) =>
      norm(graph, [copied(graph, a), ...rest], training),
    upstream: dy,
    expected: batchNormBackward(dy, x, statistics, { gamma }).dx,
  },
  {
    name: "frozen batch norm's gradient over dy",
    label: "batch norm gradient apply",
    inputs: [withGradient(x), ...parameters],
    build: (graph, inputs) => copied(graph, norm(graph, inputs, frozen)),
    upstream: dy,
    expected: {
      ...batchNormBackward(dy, x, givenStatistics(running), {
        gamma,
        frozen: true,
      }).dx,
      terms: 6,
    },
  },
];

/** The input gradient of a convolution to `x`'s shape, with what is added to it and what masks it. */
const gradient = random([3, 7, 5, 9], 8);
const weights = map(random([1, 1, channels, 9], 9), (v) => v / 2);
const convolution = { stride: 1, padding: 0 };
const product = referenceGradInput(gradient, weights, {
  ...convolution,
  inputShape: shape,
});
const sum: Sum = {
  value: referenceAdd(product.value, other),
  magnitude: referenceAdd(product.magnitude, map(other, Math.abs)),
  terms: product.terms + 1,
};
const masked = ({ value, magnitude, terms }: Sum): Sum => ({
  value: reluBackward(value, x),
  magnitude,
  terms,
});
const gradInput = (
  graph: Graph,
  inputs: readonly Tensor[],
  fused: Pick<GradInputAttributes, "addend" | "mask">,
) =>
  graph.apply(conv2dGradInput, inputs, {
    ...convolution,
    ...fused,
    input: [3, 7, 5, channels],
  });
const gemm: Input[] = [nhwc(gradient), { values: weights, layout: "weight" }];

const convolutions: Row[] = [
  {
    name: "a masked input gradient over what is added to it",
    label: "conv2d input gradient",
    inputs: [...gemm, nhwc(other), nhwc(x)],
    build: (graph, [d, w, addend, y]) =>
      gradInput(graph, [d!, w!, copied(graph, addend), y!], {
        addend: true,
        mask: true,
      }),
    expected: masked(sum),
  },
  {
    name: "an input gradient with something added over its mask",
    label: "conv2d input gradient",
    inputs: [...gemm, nhwc(other), nhwc(x)],
    build: (graph, [d, w, addend, y]) =>
      gradInput(graph, [d!, w!, addend!, copied(graph, y)], {
        addend: true,
        mask: true,
      }),
    expected: masked(sum),
  },
];

describe.each(await targets())("in place ($name)", (target) => {
  // Element-wise kernels are the same in every family, and batch norm knows two. Tiled kernels compile for long.
  const rows = [
    ...(target.name === "register" ? elementwise : []),
    ...(target.subgroup === 0 ? norms : []),
    ...convolutions.slice(target.family === "tiled" ? 1 : 0),
  ];
  it.each(rows)(
    "$name",
    async ({ label, inputs, build, upstream, expected }) => {
      const compiled = await Compiled.make(
        inputs,
        (graph, tensors) => [build(graph, tensors)],
        { target, ...(upstream && { upstream }) },
      );
      expect(compiled.inPlace).toEqual([label]);
      await compiled.run();
      const [output] = compiled.outputs as [Tensor];
      const result = upstream ? compiled.gradients[0] : output;
      const actual = await compiled.read(result!);
      compiled.destroy();
      expect(factor(actual, expected)).toBeLessThan(1);
    },
  );
});

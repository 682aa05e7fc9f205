/**
 * Every op that may store f16: between halves it gives what it gives in f32 on the same values, rounded
 * once. (That the f32 results are right is for the ops' own tests.)
 */
import { describe, expect, it } from "vitest";
import { floatToHalf } from "../../../src/engine/float16.js";
import { add } from "../../../src/engine/ops/add.js";
import { batchNorm } from "../../../src/engine/ops/batch-norm.js";
import { concat } from "../../../src/engine/ops/concat.js";
import { conv2d } from "../../../src/engine/ops/conv2d.js";
import {
  averagePool,
  globalAveragePool,
  maxPool,
} from "../../../src/engine/ops/pool.js";
import { relu } from "../../../src/engine/ops/relu.js";
import type { Graph, KernelTarget } from "../../../src/engine/graph.js";
import type { Layout, Tensor } from "../../../src/engine/tensor.js";
import type { Ref } from "../../reference/tensor.js";
import { halves, random, runGraph } from "../harness.js";

interface Case {
  readonly name: string;
  readonly inputs: readonly (readonly [
    shape: readonly number[],
    layout: Layout,
  ])[];
  /** How many of the inputs, from the first on, have a gradient. */
  readonly gradients: number;
  readonly build: (graph: Graph, inputs: Tensor[]) => Tensor;
}

const shape = [3, 6, 5, 7];
const nhwc = (...shapes: (readonly number[])[]) =>
  shapes.map((extents) => [extents, "nhwc"] as const);
const pool = { kernel: 3, stride: 2, padding: 1 };
const vector = [[7], "vector"] as const;

const cases: readonly Case[] = [
  {
    name: "relu",
    inputs: nhwc(shape),
    gradients: 1,
    build: (graph, inputs) => graph.apply(relu, inputs, {}),
  },
  {
    name: "add",
    inputs: nhwc(shape, shape),
    gradients: 2,
    build: (graph, inputs) => graph.apply(add, inputs, {}),
  },
  {
    name: "concat",
    inputs: nhwc(shape, [3, 6, 5, 2]),
    gradients: 2,
    build: (graph, inputs) => graph.apply(concat, inputs, {}),
  },
  {
    name: "max pool",
    inputs: nhwc(shape),
    gradients: 1,
    build: (graph, inputs) => graph.add(maxPool, inputs, pool)[0]!,
  },
  {
    name: "average pool",
    inputs: nhwc(shape),
    gradients: 1,
    build: (graph, inputs) => graph.apply(averagePool, inputs, pool),
  },
  {
    name: "global average pool",
    inputs: nhwc(shape),
    gradients: 1,
    build: (graph, inputs) => graph.apply(globalAveragePool, inputs, {}),
  },
  {
    name: "batch norm with a residual",
    inputs: [...nhwc(shape), vector, vector, vector, vector, ...nhwc(shape)],
    gradients: 3,
    build: (graph, inputs) =>
      graph.add(batchNorm, inputs, { training: true, residual: true })[0]!,
  },
  ...[
    { x: [2, 7, 9, 5], w: [3, 3, 5, 6], stride: 1, padding: 1 },
    { x: [2, 8, 8, 16], w: [3, 3, 16, 24], stride: 2, padding: 1 },
  ].map(({ x, w, stride, padding }): Case => ({
    name: `convolution [${x.join()}] by [${w.join()}] stride ${stride}`,
    inputs: [
      [x, "nhwc"],
      [w, "weight"],
    ],
    gradients: 2,
    build: (graph, inputs) => graph.apply(conv2d, inputs, { stride, padding }),
  })),
];

/** In units of the last place of a half. */
function ulps(actual: number, expected: number): number {
  const ordered = (value: number) => {
    const bits = floatToHalf(value);
    return bits & 0x8000 ? -(bits & 0x7fff) : bits;
  };
  return Math.abs(ordered(actual) - ordered(expected));
}

function expectRounded(actual: Ref | undefined, exact: Ref | undefined): void {
  const worst = Math.max(
    ...actual!.data.map((value, i) => ulps(value, exact!.data[i]!)),
  );
  // WGSL may round to either neighbour.
  expect(worst).toBeLessThanOrEqual(1);
}

/** A suite on one kernel family. */
export function testHalves(name: string, target: KernelTarget): void {
  describe.runIf(target.half)(`between halves (${name})`, () => {
    it.each(cases)("$name", async ({ inputs, gradients, build }) => {
      const values = inputs.map(([extents, layout], i) => ({
        values: halves(random(extents, i + 1)),
        layout,
        gradient: i < gradients,
      }));
      const output = (graph: Graph, tensors: Tensor[]) => [
        build(graph, tensors),
      ];
      const plain = await runGraph(values, output, { target });
      const upstream = halves(random(plain.outputs[0]!.shape, 99));
      const options = { upstream, target, fuse: false };
      const exact = await runGraph(values, output, options);
      const mixed = await runGraph(values, output, { ...options, mixed: true });
      expectRounded(mixed.outputs[0], exact.outputs[0]);
      for (let i = 0; i < gradients; i++)
        if (inputs[i]![1] === "nhwc")
          expectRounded(mixed.gradients[i], exact.gradients[i]);
        // Gradients of parameters are f32 and see the same operands: the same bits.
        else expect(mixed.gradients[i]!.data).toEqual(exact.gradients[i]!.data);
    });
  });
}

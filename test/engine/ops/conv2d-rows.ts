/** Convolution on the GPU against the f64 reference: rows and tests that the fast and the slow suite share. */
import { expect, it } from "vitest";
import type { KernelTarget } from "../../../src/engine/graph.js";
import { conv2d } from "../../../src/engine/ops/conv2d.js";
import { relu } from "../../../src/engine/ops/relu.js";
import * as reference from "../../reference/conv2d.js";
import { reluBackward, relu as referenceRelu } from "../../reference/relu.js";
import { factor, random, runGraph } from "../harness.js";

export interface ConvRow {
  /** [n, h, w, cin] */
  readonly x: readonly [number, number, number, number];
  readonly cout: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly bias: boolean;
}

/** Odd sizes, strides, paddings, 1×1, channel counts that are no multiple of 4, batch 1, linear layers. */
export const convRows: readonly ConvRow[] = [
  { x: [1, 5, 5, 1], cout: 1, kernel: 1, stride: 1, padding: 0, bias: false },
  { x: [2, 8, 8, 3], cout: 6, kernel: 5, stride: 1, padding: 0, bias: true },
  { x: [3, 7, 9, 5], cout: 7, kernel: 3, stride: 1, padding: 1, bias: true },
  { x: [2, 9, 7, 6], cout: 10, kernel: 3, stride: 2, padding: 1, bias: false },
  { x: [1, 8, 8, 16], cout: 8, kernel: 1, stride: 2, padding: 0, bias: false },
  { x: [2, 11, 11, 3], cout: 9, kernel: 7, stride: 2, padding: 3, bias: false },
  { x: [5, 4, 4, 20], cout: 33, kernel: 4, stride: 1, padding: 0, bias: true },
  {
    x: [2, 12, 12, 32],
    cout: 40,
    kernel: 3,
    stride: 1,
    padding: 1,
    bias: false,
  },
  { x: [17, 1, 1, 70], cout: 10, kernel: 1, stride: 1, padding: 0, bias: true },
];

/** Large enough for the 128×128 tiles, with edges that no tile divides. */
export const wideRow: ConvRow = {
  x: [3, 16, 16, 68],
  cout: 132,
  kernel: 3,
  stride: 1,
  padding: 1,
  bias: true,
};

/** Channels in whole steps of K and rows of whole quads: the paths without tails; stride 2 with even sizes. */
export const alignedRows: readonly ConvRow[] = [
  { x: [2, 6, 8, 32], cout: 32, kernel: 3, stride: 1, padding: 1, bias: true },
  { x: [3, 8, 8, 16], cout: 48, kernel: 3, stride: 2, padding: 1, bias: false },
  { x: [2, 8, 8, 16], cout: 32, kernel: 1, stride: 2, padding: 0, bias: false },
  { x: [16, 1, 4, 32], cout: 64, kernel: 1, stride: 1, padding: 0, bias: true },
];

/** A record that names one variant for every forward pass and input gradient, and one for every weight gradient. */
class Everywhere extends Map<string, string> {
  constructor(
    private readonly gather: string,
    private readonly gradWeight: string,
  ) {
    super();
  }
  override get(problem: string): string {
    return problem.startsWith("gradWeight") ? this.gradWeight : this.gather;
  }
}

/** The tiled family with these variants, whatever the shape. */
export function tiledTarget(
  { limits }: KernelTarget,
  gather: string,
  gradWeight: string,
): KernelTarget {
  const kernels = new Everywhere(gather, gradWeight);
  return {
    family: "tiled",
    parallelism: 5,
    subgroup: 0,
    half: undefined,
    limits,
    kernels,
  };
}

/** A test a row, forward and backward, on one kernel family. */
export function testConv2d(
  target: KernelTarget,
  rows: readonly ConvRow[],
): void {
  it.each(rows)(
    "$x → $cout, $kernel×$kernel stride $stride padding $padding",
    async (row) => {
      const { stride, padding, kernel, cout } = row;
      const x = random(row.x, 1);
      const w = random([kernel, kernel, row.x[3], cout], 2);
      const b = row.bias ? random([cout], 3) : null;
      const expected = reference.conv2d(x, w, b, { stride, padding });
      const dy = random(expected.value.shape, 4);
      const run = await runGraph(
        [
          { values: x, layout: "nhwc", gradient: true },
          { values: w, layout: "weight", gradient: true },
          ...(b
            ? [{ values: b, layout: "vector" as const, gradient: true }]
            : []),
        ],
        (graph, inputs) => [graph.apply(conv2d, inputs, { stride, padding })],
        { upstream: dy, target },
      );
      expect(factor(run.outputs[0], expected)).toBeLessThan(1);
      const dx = reference.conv2dGradInput(dy, w, {
        stride,
        padding,
        inputShape: [...row.x],
      });
      expect(factor(run.gradients[0], dx)).toBeLessThan(1);
      const dw = reference.conv2dGradWeight(x, dy, {
        stride,
        padding,
        kernel: [kernel, kernel],
      });
      expect(factor(run.gradients[1], dw)).toBeLessThan(1);
      if (b)
        expect(factor(run.gradients[2], reference.biasGrad(dy))).toBeLessThan(
          1,
        );
    },
  );
}

/** ReLU in the forward pass, its mask in the input gradient, on one kernel family. */
export function testConv2dFusion(target: KernelTarget): void {
  it.each([1, 2])(
    "fuses ReLU, and its mask into an input gradient of stride %i",
    async (stride) => {
      const x = random([2, 7, 6, 5], 1);
      const w1 = random([3, 3, 5, 8], 2);
      const w2 = random([3, 3, 8, 5], 3);
      const options = { stride: 1, padding: 1 };
      const behind = { stride, padding: 1 };
      const hidden = reference.conv2d(x, w1, null, options).value;
      const active = referenceRelu(hidden);
      const expected = reference.conv2d(active, w2, null, behind);
      const dy = random(expected.value.shape, 4);
      const run = await runGraph(
        [
          { values: x, layout: "nhwc", gradient: true },
          { values: w1, layout: "weight", gradient: true },
          { values: w2, layout: "weight", gradient: true },
        ],
        (graph, [input, first, second]) => {
          const a = graph.apply(
            relu,
            [graph.apply(conv2d, [input!, first!], options)],
            {},
          );
          return [graph.apply(conv2d, [a, second!], behind)];
        },
        { upstream: dy, target, fuse: true },
      );
      expect(run.dispatches).not.toContain("relu");
      expect(run.dispatches).not.toContain("relu gradient");
      expect(factor(run.outputs[0], expected)).toBeLessThan(1);
      const da = reference.conv2dGradInput(dy, w2, {
        ...behind,
        inputShape: active.shape,
      }).value;
      const dz = reluBackward(da, active);
      const dw1 = reference.conv2dGradWeight(x, dz, {
        ...options,
        kernel: [3, 3],
      });
      expect(factor(run.gradients[1], dw1)).toBeLessThan(1);
    },
  );
}

/** The convolutions that conv-sweep measures, most important first, and how each becomes dispatches of a given variant. */
import {
  Graph,
  type Dispatch,
  type KernelTarget,
} from "../../src/engine/graph.js";
import {
  conv2d,
  conv2dGradInput,
  conv2dGradWeightOp,
} from "../../src/engine/ops/conv2d.js";
import { bestSplits } from "../../src/engine/ops/conv2d-variants.js";
import { parseGatherVariant } from "../../src/engine/ops/variant-names.js";
import { lower } from "../../src/engine/plan.js";
import { storeHalves } from "../../src/engine/precision.js";
import type { Shape, Tensor } from "../../src/engine/tensor.js";

export type Pass = "forward" | "gradInput" | "gradWeight";
export const passes: readonly Pass[] = ["forward", "gradInput", "gradWeight"];

export interface ConvProblem {
  readonly name: string;
  readonly n: number;
  readonly size: number;
  readonly cin: number;
  readonly cout: number;
  readonly kernel: number;
  readonly stride: number;
}

const conv = (
  n: number,
  size: number,
  cin: number,
  cout: number,
  kernel = 3,
  stride = 1,
): ConvProblem => ({
  name: `${n}x${size}x${size}x${cin}>${cout} k${kernel}${stride > 1 ? ` s${stride}` : ""}`,
  n,
  size,
  cin,
  cout,
  kernel,
  stride,
});

/** ResNet-18 with the CIFAR stem, at batches of 512 and 128. */
export const resnet18: readonly ConvProblem[] = [
  conv(512, 16, 128, 128),
  conv(512, 32, 64, 64),
  conv(512, 8, 256, 256),
  conv(512, 4, 512, 512),
  conv(512, 32, 64, 128, 3, 2),
  conv(512, 32, 4, 64),
  conv(128, 16, 128, 128),
  conv(128, 32, 64, 64),
  conv(128, 8, 256, 256),
  conv(128, 4, 512, 512),
  conv(512, 16, 128, 256, 3, 2),
  conv(512, 8, 256, 512, 3, 2),
  conv(512, 32, 64, 128, 1, 2),
  conv(512, 16, 128, 256, 1, 2),
  conv(512, 16, 256, 256, 1),
];

/** The same kinds of problems in a size that a software adapter runs in a moment. */
export const tiny: readonly ConvProblem[] = [
  conv(2, 8, 32, 32),
  conv(2, 8, 16, 32, 3, 2),
  conv(2, 8, 4, 16),
];

function geometry({ n, size, cin, cout, kernel, stride }: ConvProblem) {
  const padding = (kernel - 1) / 2;
  const out = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const x: Shape = [n, size, size, cin];
  const y: Shape = [n, out, out, cout];
  const weights: Shape = [kernel, kernel, cin, cout];
  return { x, y, weights, stride, padding };
}

/** The splits that suit a tile, by name, for the weight gradient. */
export function splitsFor(
  problem: ConvProblem,
  target: KernelTarget,
  tile: string,
): number {
  const variant = parseGatherVariant(tile);
  if (!variant || variant.family === "register") return 1;
  const { x, y, weights, stride, padding } = geometry(problem);
  return bestSplits(target, variant, {
    n: x[0], h: x[1], w: x[2], cin: x[3], oh: y[1], ow: y[2], cout: y[3],
    kh: weights[0], kw: weights[1], stride, padding,
  }); // prettier-ignore
}

export function flops(problem: ConvProblem): number {
  const { y, weights } = geometry(problem);
  return 2 * [...y.slice(0, 3), ...weights].reduce((a, b) => a * b, 1);
}

/** Dispatches of one pass and the tensor that holds its result. Without a variant, the rule chooses. `half`: between f16. */
export function dispatchesOf(
  problem: ConvProblem,
  pass: Pass,
  target: KernelTarget,
  variant?: string,
  half = false,
): { dispatches: readonly Dispatch[]; result: Tensor; key: string } {
  const { x, y, weights, stride, padding } = geometry(problem);
  const build = (kernels?: ReadonlyMap<string, string>) => {
    const graph = new Graph();
    const input = (name: string, shape: Shape, layout: Tensor["layout"]) => {
      const kind = "resource";
      const tensor = graph.external(name, shape, layout, { kind, name });
      if (half) tensor.type = "f16";
      return tensor;
    };
    const result =
      pass === "forward"
        ? graph.apply(
            conv2d,
            [input("x", x, "nhwc"), input("w", weights, "weight")],
            { stride, padding },
          )
        : pass === "gradInput"
          ? graph.apply(
              conv2dGradInput,
              [input("dy", y, "nhwc"), input("w", weights, "weight")],
              { stride, padding, input: x },
            )
          : graph.apply(
              conv2dGradWeightOp,
              [input("x", x, "nhwc"), input("dy", y, "nhwc")],
              { stride, padding, weights, bias: false },
            );
    if (half) storeHalves(graph);
    const dispatches = lower(graph, kernels ? { ...target, kernels } : target);
    return { dispatches, result, key: dispatches[0]!.choice!.problem };
  };
  const byRule = build();
  return variant ? build(new Map([[byRule.key, variant]])) : byRule;
}

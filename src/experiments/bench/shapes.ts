/** Convolutions to measure: written as text, or taken from a model. */
import { Graph } from "../../engine/graph.js";
import { Network } from "../../engine/network.js";
import { conv2d, type Conv2dAttributes } from "../../engine/ops/conv2d.js";
import { ParameterStore } from "../../engine/parameters.js";
import type { Shape } from "../../engine/tensor.js";
import { UserError } from "../../errors.js";
import { buildModel, modelNames } from "../../models/registry.js";

/** A convolution with a square kernel of odd size and padding that keeps the size at stride 1. */
export interface ConvShape {
  /** `[N, H, W, C]` */
  readonly x: Shape;
  readonly kernel: number;
  readonly out: number;
  readonly stride: number;
}

const pattern = /^(\d+)x(\d+)x(\d+)x(\d+)-(\d+)x(\d+)-(\d+)(?:-s(\d+))?$/;

/** `16x32x32x64-3x3-64` or `…-s2`: N×H×W×C, the kernel, output channels, and the stride where it is not 1. */
export function formatConvShape({ x, kernel, out, stride }: ConvShape): string {
  const base = `${x.join("x")}-${kernel}x${kernel}-${out}`;
  return stride === 1 ? base : `${base}-s${stride}`;
}

/** Reads one such shape. Throws UserError. */
export function parseConvShape(flag: string, text: string): ConvShape {
  const numbers = pattern.exec(text)?.slice(1).map(Number);
  const [n, h, w, c, kernel, kernelWidth, out, stride] = numbers ?? [];
  const shape = {
    x: [n!, h!, w!, c!] as const,
    kernel: kernel!,
    out: out!,
    stride: Number.isNaN(stride) ? 1 : stride!,
  };
  const positive =
    numbers && [...shape.x, shape.out, shape.stride].every((size) => size > 0);
  if (!positive || kernel !== kernelWidth || kernel! % 2 === 0)
    throw new UserError(
      `${flag}: expected a model (${modelNames.join(", ")}) or a convolution as NxHxWxC-KxK-O with an odd K and -sS for a stride, ` +
        `such as 16x32x32x64-3x3-64, got ${text || '""'}`,
    );
  return shape;
}

/** The different convolutions of a model, in its order. */
export function convShapesOf(
  model: string,
  width: number,
  batch: number,
): ConvShape[] {
  const graph = new Graph();
  const words = (name: string) =>
    graph.external(name, [1, 1, 1, 1], "words", { kind: "resource", name });
  const x = graph.external("x", [batch, 32, 32, 3], "nhwc", {
    kind: "resource",
    name: "x",
  });
  const context = { ids: words("ids"), step: words("step") };
  const network = new Network(graph, new ParameterStore(), true, context);
  buildModel(model, 10, { width })(network, x);
  const shapes = new Map<string, ConvShape>();
  for (const { op, inputs, attributes } of graph.nodes) {
    if (op !== conv2d) continue;
    const [image, weights] = inputs;
    const { stride, padding } = attributes as Conv2dAttributes;
    const [kernel, , , out] = weights!.shape;
    // A linear layer, or a convolution that --shapes has no words for.
    if (padding * 2 + 1 !== kernel || image!.shape[1] === 1) continue;
    const shape = { x: image!.shape, kernel, out, stride };
    shapes.set(formatConvShape(shape), shape);
  }
  return [...shapes.values()];
}

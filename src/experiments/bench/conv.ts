/** Convolutions one by one: forward, input gradient (dgrad) and weight gradient (wgrad), as the engine runs them. */
import { convFlops } from "../../../shaders/convolution.js";
import type { Device } from "../../engine/device.js";
import type { Graph } from "../../engine/graph.js";
import {
  conv2d,
  conv2dGradInput,
  conv2dGradWeightOp,
  geometryOf,
} from "../../engine/ops/conv2d.js";
import { type Precision, storeHalves } from "../../engine/precision.js";
import type { Shape, Tensor } from "../../engine/tensor.js";
import type { BenchGraphs } from "./bench-graph.js";
import type { ConvShape } from "./shapes.js";
import type { Work } from "./clock.js";

export const convPasses = ["forward", "dgrad", "wgrad"] as const;
export type ConvPass = (typeof convPasses)[number];

export interface ConvWork extends Work {
  readonly shape: ConvShape;
  readonly pass: ConvPass;
  /** The kernel that the engine chose. */
  readonly variant: string;
  /** Passes over the convolution in one run. */
  readonly launches: number;
  /** Operations of one pass. */
  readonly flops: number;
}

/** Hardware is done in microseconds: several passes in a run keep what surrounds them small. */
const launchesOnHardware = 8;

export async function convWork(
  device: Device,
  graphs: BenchGraphs,
  shape: ConvShape,
  pass: ConvPass,
  precision: Precision,
): Promise<ConvWork> {
  const { x, kernel, out, stride } = shape;
  const weights: Shape = [kernel, kernel, x[3], out];
  const attributes = { stride, padding: (kernel - 1) / 2 };
  const geometry = geometryOf(x, weights, attributes);
  const y: Shape = [geometry.n, geometry.oh, geometry.ow, out];
  const launches = device.isSoftware ? 1 : launchesOnHardware;
  const add = (graph: Graph, [a, b]: readonly Tensor[]) => {
    const inputs = [a!, b!];
    if (pass === "forward") graph.add(conv2d, inputs, attributes);
    else if (pass === "dgrad")
      graph.add(conv2dGradInput, inputs, { ...attributes, input: x });
    else
      graph.add(conv2dGradWeightOp, inputs, {
        ...attributes,
        weights,
        bias: false,
      });
  };
  const inputs = {
    forward: [
      { shape: x, layout: "nhwc" },
      { shape: weights, layout: "weight" },
    ],
    dgrad: [
      { shape: y, layout: "nhwc" },
      { shape: weights, layout: "weight" },
    ],
    wgrad: [
      { shape: x, layout: "nhwc" },
      { shape: y, layout: "nhwc" },
    ],
  } as const;
  const type = precision === "mixed" ? "f16" : "f32";
  const plan = await graphs.compile(inputs[pass], type, (graph, tensors) => {
    for (let launch = 0; launch < launches; launch++) add(graph, tensors);
    if (precision === "mixed") storeHalves(graph);
  });
  const choice = plan.dispatches.find((dispatch) => dispatch.choice)?.choice;
  return {
    shape,
    pass,
    variant: choice?.variant ?? device.target.family,
    launches,
    flops: convFlops(geometry),
    run: () => plan.run(),
  };
}

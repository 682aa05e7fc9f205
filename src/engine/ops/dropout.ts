/** Inverted dropout: y = x·keep/(1−p), the mask a function of (seed, epoch, sample, layer, element). */
import { elementwiseGrid } from "../../../shaders/common.js";
import * as shaders from "../../../shaders/dropout.wgsl.js";
import { ShapeError } from "../errors.js";
import type { Binding, OpDefinition } from "../graph.js";
import { pad4, type Tensor } from "../tensor.js";
import { bind, over, sameShapeOutput } from "./elementwise.js";

/** Inputs: x, sample ids, step uniform. The gradient is the same op on dy. */
export const dropout: OpDefinition<{
  readonly p: number;
  readonly layer: number;
}> = {
  name: "dropout",
  infer([x], { p }) {
    if (!(p >= 0 && p < 1))
      throw new ShapeError(`dropout: p must be in [0, 1), got ${p}`);
    return sameShapeOutput("dropout", [x!]);
  },
  lower({ inputs, outputs, attributes }, { emit }) {
    const [x, ids, step] = inputs as [Tensor, Tensor, Tensor];
    const [samples, h, w, channels] = x.shape;
    const columns4 = pad4(channels) / 4;
    const bindings: Binding[] = [
      ...bind([x, ids], []),
      { tensor: step, access: "uniform" },
      ...bind([], outputs),
    ];
    emit({
      label: "dropout",
      wgsl: shaders.dropout({
        samples,
        pixels: h * w,
        channels,
        columns4,
        ...attributes,
      }),
      bindings,
      inPlace: over(bindings, 0),
      workgroups: elementwiseGrid(samples * h * w * columns4),
    });
  },
  backward: (graph, node, [dy]) => [
    graph.apply(
      dropout,
      [dy!, node.inputs[1]!, node.inputs[2]!],
      node.attributes,
    ),
    undefined,
    undefined,
  ],
};

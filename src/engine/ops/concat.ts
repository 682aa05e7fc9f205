/** Concatenation along channels; its gradient splits. */
import { elementwiseGrid } from "../../../shaders/common.js";
import { copyChannels } from "../../../shaders/concat.wgsl.js";
import { ShapeError } from "../errors.js";
import type { Lowering, OpDefinition } from "../graph.js";
import { formatShape, pad4, type Tensor } from "../tensor.js";
import { bind } from "./elementwise.js";

function emitCopy(
  { emit }: Lowering,
  source: Tensor,
  from: number,
  destination: Tensor,
  to: number,
  channels: number,
): void {
  const [n, h, w] = source.shape;
  const last = to + channels === destination.shape[3];
  const zeroTo = last ? pad4(destination.shape[3]) - to : 0;
  emit({
    label: "concat",
    wgsl: copyChannels({
      rows: n * h * w,
      channels,
      from,
      fromStride: pad4(source.shape[3]),
      to,
      toStride: pad4(destination.shape[3]),
      zeroTo,
    }),
    bindings: bind([source], [destination]),
    workgroups: elementwiseGrid(n * h * w * Math.max(channels, zeroTo)),
  });
}

export const concat: OpDefinition<object> = {
  name: "concat",
  infer(inputs) {
    const [first] = inputs;
    if (!first) throw new ShapeError("concat needs an input");
    const [n, h, w] = first.shape;
    for (const { shape } of inputs) {
      if (shape[0] !== n || shape[1] !== h || shape[2] !== w) {
        throw new ShapeError(
          `concat: ${formatShape(shape)} and ${formatShape(first.shape)} differ in more than channels`,
        );
      }
    }
    const channels = inputs.reduce((sum, { shape }) => sum + shape[3], 0);
    return [{ label: "concat", shape: [n, h, w, channels], layout: "nhwc" }];
  },
  lower({ inputs, outputs }, lowering) {
    let to = 0;
    for (const input of inputs) {
      emitCopy(lowering, input, 0, outputs[0]!, to, input.shape[3]);
      to += input.shape[3];
    }
  },
  backward(graph, node, [dy]) {
    return graph.add(split, [dy!], {
      channels: node.inputs.map(({ shape }) => shape[3]),
    });
  },
};

/** Splits channels into consecutive ranges. */
const split: OpDefinition<{ readonly channels: readonly number[] }> = {
  name: "split",
  infer([x], { channels }) {
    const [n, h, w] = x!.shape;
    return channels.map((count) => ({
      label: "split",
      shape: [n, h, w, count] as const,
      layout: "nhwc" as const,
    }));
  },
  lower({ inputs, outputs }, lowering) {
    let from = 0;
    for (const output of outputs) {
      emitCopy(lowering, inputs[0]!, from, output, 0, output.shape[3]);
      from += output.shape[3];
    }
  },
};

/** Ops that leave results where the host can read them later: a step's loss, a batch's predictions and counts. */
import { elementwiseGrid } from "../../../shaders/common.js";
import * as shaders from "../../../shaders/evaluate.wgsl.js";
import { recordLoss as recordLossShader } from "../../../shaders/record-loss.wgsl.js";
import type { OpDefinition } from "../graph.js";
import { elementsOf, pad4, type Tensor } from "../tensor.js";
import { bind } from "./elementwise.js";

/** Inputs: the samples' losses, step uniform, the ring of losses. */
export const recordLoss: OpDefinition<object> = {
  name: "recordLoss",
  infer: () => [],
  lower({ inputs }, { emit }) {
    const [losses, step, ring] = inputs as [Tensor, Tensor, Tensor];
    emit({
      label: "record loss",
      wgsl: recordLossShader(elementsOf(losses)),
      bindings: [
        { tensor: losses, access: "read" },
        { tensor: step, access: "uniform" },
        { tensor: ring, access: "write" },
      ],
      workgroups: [1, 1, 1],
    });
  },
};

/** Inputs: logits, labels, ids, counters, all logits (the last two are written). */
export const evaluate: OpDefinition<object> = {
  name: "evaluate",
  exact: true,
  infer: () => [],
  lower({ inputs }, { emit }) {
    const [logits, labels, ids, counters, allLogits] = inputs as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [samples, , , classes] = logits.shape;
    emit({
      label: "evaluate",
      wgsl: shaders.evaluate({ samples, classes, stride: pad4(classes) }),
      bindings: bind([logits, labels, ids], [counters, allLogits]),
      workgroups: elementwiseGrid(samples),
    });
  },
};

/** Planning a run without a device, as a program that uses the library does it. */
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../src/engine/errors.js";
import {
  planTraining,
  type PlanRequest,
} from "../../src/engine/plan-training.js";
import { kernelTargets } from "../../src/engine/targets.js";

const plan = (changes: Partial<PlanRequest> = {}) =>
  planTraining({
    model: (net, x) =>
      net.linear("fc", net.relu(net.conv2d("conv", x, { out: 4, kernel: 3 })), {
        out: 3,
      }),
    source: { kind: "host", input: [8, 8, 3] },
    batches: [8],
    target: kernelTargets.gpu,
    ...changes,
  });

describe("planTraining", () => {
  it.each<[string, Partial<PlanRequest>]>([
    ["micro-batch", { microBatch: 0 }],
    ["micro-batch", { microBatch: -1 }],
    ["micro-batch", { microBatch: 0.5 }],
    ["micro-batch", { microBatch: NaN }],
    ["batch", { batches: [0] }],
    ["batch", { batches: [NaN] }],
    ["batch", { batches: [8, 0] }],
    ["batch", { batches: [2.5] }],
    ["batch", { batches: [Infinity] }],
  ])("refuses sizes that are no whole %s: %o", (what, changes) => {
    expect(() => plan(changes)).toThrow(ShapeError);
    expect(() => plan(changes)).toThrow(
      `a ${what} is a whole number of images, at least 1, got `,
    );
  });
});

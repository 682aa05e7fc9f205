import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../src/engine/errors.js";
import { crossEntropy } from "../../../src/engine/ops/loss.js";
import { encodeStep } from "../../../src/engine/step.js";
import { softmaxCrossEntropy } from "../../reference/softmax-cross-entropy.js";
import { map, ref, type Sum } from "../../reference/tensor.js";
import { factor, random, runGraph, wordsInput } from "../harness.js";

/**
 * What WGSL allows exp and log beyond correct rounding (section "Floating point accuracy": exp 3 + 2|x| units in the last
 * place, log 3 or 2^-21 absolutely, so 8 units of 2^-24 near 1), as terms on top of the sum's own.
 */
const transcendental = 10;

const allowing = (sum: Sum, terms: number): Sum => ({
  ...sum,
  terms: sum.terms + terms,
});

/** exp of −160 is 0 in f32. Over the terms and eps of any row here, this allows an error of 2^-126, the least normal. */
const underflow = 2 ** -102;

/** The gradient times the upstream gradient. */
const scaled = (gradient: Sum, upstream: number): Sum => ({
  value: map(gradient.value, (v) => v * upstream),
  magnitude: map(gradient.magnitude, (v) => v * Math.abs(upstream) + underflow),
  terms: gradient.terms + transcendental,
});

/** The step uniform of a batch of so many samples in all. */
const stepOf = (samples: number) =>
  wordsInput(
    encodeStep({
      seed: 0,
      step: 1,
      epoch: 1,
      offset: 0,
      samples,
      continues: false,
      logSlot: 0,
      learningRate: 0,
      firstStep: true,
    }),
  );

describe("crossEntropy", () => {
  it.each([
    { samples: 5, batch: 5, classes: 7, labelSmoothing: 0, scale: 3 },
    { samples: 5, batch: 5, classes: 7, labelSmoothing: 0.1, scale: 80 },
    { samples: 130, batch: 130, classes: 100, labelSmoothing: 0.1, scale: 5 },
    { samples: 1, batch: 1, classes: 100, labelSmoothing: 0, scale: 80 },
    { samples: 3, batch: 3, classes: 1, labelSmoothing: 0.1, scale: 80 },
    { samples: 5, batch: 12, classes: 7, labelSmoothing: 0, scale: 3 },
  ])(
    "$samples samples of a batch of $batch, $classes classes, smoothing $labelSmoothing, logits to ±$scale",
    async ({ samples, classes, labelSmoothing, scale, batch }) => {
      const logits = map(random([samples, 1, 1, classes], 1), (v) =>
        Math.fround(scale * v),
      );
      const labels = Uint32Array.from(
        { length: samples },
        (_, i) => (i * 37) % classes,
      );
      const upstream = Math.fround(-0.7);
      const run = await runGraph(
        [
          { values: logits, layout: "nhwc" },
          wordsInput(labels),
          { values: ref([4], [upstream, 5, 6, 7]), layout: "words" },
          stepOf(batch),
        ],
        (graph, inputs) => graph.add(crossEntropy, inputs, { labelSmoothing }),
      );
      const { loss, gradient } = softmaxCrossEntropy(
        ref([samples, classes], logits.data),
        labels,
        { labelSmoothing, divisor: batch },
      );
      expect(
        factor(run.outputs[0], allowing(loss, transcendental)),
      ).toBeLessThan(1);
      expect(factor(run.outputs[1], scaled(gradient, upstream))).toBeLessThan(
        1,
      );
    },
  );

  it("lets no damaged logit become a finite loss or gradient", async () => {
    const logits = ref(
      [4, 1, 1, 3],
      [...[1, NaN, 2], ...[1, 2, 3], ...[Infinity, 1, 2], ...[NaN, NaN, NaN]],
    );
    const run = await runGraph(
      [
        { values: logits, layout: "nhwc" },
        wordsInput([0, 1, 1, 2]),
        { values: ref([1], [1]), layout: "words" },
        stepOf(4),
      ],
      (graph, inputs) => graph.add(crossEntropy, inputs, { labelSmoothing: 0 }),
    );
    // WGSL leaves open whether NaN or Inf comes out of exp(NaN): SwiftShader gives Inf, lavapipe NaN.
    const finite = (values: Float64Array) => [...values].map(Number.isFinite);
    expect(finite(run.outputs[0]!.data)).toEqual([false, true, false, false]);
    const rows = finite(run.outputs[1]!.data);
    const wholeRows = [0, 3, 6, 9].map((at) =>
      rows.slice(at, at + 3).every(Boolean),
    );
    expect(wholeRows).toEqual([false, true, false, false]);
  });

  it.each([
    {
      shape: [2, 2, 1, 3],
      labels: 2,
      labelSmoothing: 0,
      message: /logits must/,
    },
    { shape: [2, 1, 1, 3], labels: 3, labelSmoothing: 0, message: /3 labels/ },
    {
      shape: [2, 1, 1, 3],
      labels: 2,
      labelSmoothing: 1.1,
      message: /in \[0, 1\]/,
    },
  ])(
    "refuses $shape with $labels labels, smoothing $labelSmoothing",
    async ({ shape, labels, labelSmoothing, message }) => {
      const building = () =>
        runGraph(
          [
            { values: ref(shape), layout: "nhwc" },
            wordsInput(new Uint32Array(labels)),
            { values: ref([1]), layout: "words" },
            stepOf(2),
          ],
          (graph, inputs) =>
            graph.add(crossEntropy, inputs, { labelSmoothing }),
        );
      await expect(building()).rejects.toThrow(ShapeError);
      await expect(building()).rejects.toThrow(message);
    },
  );
});

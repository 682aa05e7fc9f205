import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../src/engine/errors.js";
import { batchMean, crossEntropy } from "../../../src/engine/ops/loss.js";
import { encodeStep } from "../../../src/engine/step.js";
import { softmaxCrossEntropy } from "../../reference/softmax-cross-entropy.js";
import { map, ref, type Ref, type Sum } from "../../reference/tensor.js";
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

/** Gradient rows times the upstream gradient of each row. */
function scaled(gradient: Sum, upstream: (row: number) => number): Sum {
  const classes = gradient.value.shape[1]!;
  const times = (values: Ref, f: (v: number) => number) =>
    map(values, (v, i) => v * f(upstream(Math.floor(i / classes))));
  return {
    value: times(gradient.value, (v) => v),
    magnitude: map(times(gradient.magnitude, Math.abs), (v) => v + underflow),
    terms: gradient.terms + transcendental,
  };
}

/** The step uniform of a batch of so many samples. */
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

describe("crossEntropy and batchMean", () => {
  it.each([
    { samples: 5, classes: 7, labelSmoothing: 0, scale: 3 },
    { samples: 5, classes: 7, labelSmoothing: 0.1, scale: 80 },
    { samples: 130, classes: 100, labelSmoothing: 0.1, scale: 5 },
    { samples: 1, classes: 100, labelSmoothing: 0, scale: 80 },
    { samples: 3, classes: 1, labelSmoothing: 0.1, scale: 80 },
  ])(
    "$samples samples, $classes classes, smoothing $labelSmoothing, logits to ±$scale",
    async ({ samples, classes, labelSmoothing, scale }) => {
      const logits = map(random([samples, 1, 1, classes], 1), (v) =>
        Math.fround(scale * v),
      );
      const labels = Uint32Array.from(
        { length: samples },
        (_, i) => (i * 37) % classes,
      );
      const rows = ref([samples, classes], logits.data);
      const inputs = [
        { values: logits, layout: "nhwc" as const, gradient: true },
        wordsInput(labels),
        stepOf(samples),
      ];

      const upstream = Math.fround(-0.7);
      const run = await runGraph(
        inputs,
        (graph, [x, y, step]) => {
          const losses = graph.apply(crossEntropy, [x!, y!], {
            labelSmoothing,
          });
          return [graph.apply(batchMean, [losses, step!], {}), losses];
        },
        { upstream: ref([1], [upstream]) },
      );
      const expected = softmaxCrossEntropy(rows, labels, { labelSmoothing });
      const { loss } = expected;
      expect(
        factor(run.outputs[1], allowing(loss, transcendental)),
      ).toBeLessThan(1);
      const sum = loss.magnitude.data.reduce((a, b) => a + b, 0);
      const total: Sum = {
        value: ref([1], [expected.mean]),
        magnitude: ref([1], [sum / samples]),
        terms: classes + samples + transcendental,
      };
      expect(factor(run.outputs[0], total)).toBeLessThan(1);
      expect(
        factor(
          run.gradients[0],
          scaled(expected.gradient, () => upstream),
        ),
      ).toBeLessThan(1);

      const each = random([samples], 2);
      const apart = await runGraph(
        inputs,
        (graph, [x, y]) => [
          graph.apply(crossEntropy, [x!, y!], { labelSmoothing }),
        ],
        { upstream: each },
      );
      const { gradient } = softmaxCrossEntropy(rows, labels, {
        labelSmoothing,
        divisor: 1,
      });
      expect(
        factor(
          apart.gradients[0],
          scaled(gradient, (row) => each.data[row]!),
        ),
      ).toBeLessThan(1);
    },
  );

  it("lets no damaged logit become a finite loss or gradient", async () => {
    const logits = ref(
      [4, 1, 1, 3],
      [...[1, NaN, 2], ...[1, 2, 3], ...[Infinity, 1, 2], ...[NaN, NaN, NaN]],
    );
    const run = await runGraph(
      [
        { values: logits, layout: "nhwc", gradient: true },
        wordsInput([0, 1, 1, 2]),
        stepOf(4),
      ],
      (graph, [x, y, step]) => {
        const losses = graph.apply(crossEntropy, [x!, y!], {
          labelSmoothing: 0,
        });
        return [graph.apply(batchMean, [losses, step!], {}), losses];
      },
      { upstream: ref([1], [1]) },
    );
    // WGSL leaves open whether NaN or Inf comes out of exp(NaN): SwiftShader gives Inf, lavapipe NaN.
    const finite = (values: Float64Array) => [...values].map(Number.isFinite);
    expect(finite(run.outputs[0]!.data)).toEqual([false]);
    expect(finite(run.outputs[1]!.data)).toEqual([false, true, false, false]);
    const rows = finite(run.gradients[0]!.data);
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
          ],
          (graph, tensors) => [
            graph.apply(crossEntropy, tensors, { labelSmoothing }),
          ],
        );
      await expect(building()).rejects.toThrow(ShapeError);
      await expect(building()).rejects.toThrow(message);
    },
  );
});

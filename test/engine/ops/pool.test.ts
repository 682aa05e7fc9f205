import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../src/engine/errors.js";
import {
  averagePool,
  globalAveragePool,
  maxPool,
} from "../../../src/engine/ops/pool.js";
import { relu } from "../../../src/engine/ops/relu.js";
import {
  avgPool,
  avgPoolBackward,
  globalAvgPool,
  globalAvgPoolBackward,
  maxPool as referenceMaxPool,
  maxPoolBackward,
} from "../../reference/pool.js";
import { map, ref } from "../../reference/tensor.js";
import { factor, random, runGraph } from "../harness.js";

/** Kernel/stride/padding with extents that leave a rest and channels that are no multiple of 4. */
const geometries = [
  { shape: [2, 7, 9, 5], kernel: 2, stride: 2, padding: 0 },
  { shape: [1, 8, 7, 3], kernel: 3, stride: 2, padding: 1 },
  { shape: [2, 5, 4, 6], kernel: 3, stride: 1, padding: 1 },
  { shape: [1, 3, 5, 4], kernel: 2, stride: 3, padding: 1 },
];

describe("maxPool", () => {
  it.each(geometries)(
    "$kernel/$stride/$padding on $shape gives ties to the first",
    async ({ shape, ...options }) => {
      // Three different values only: most windows have ties, many all along their first row.
      const x = map(random(shape, 1), (v) => Math.round(v * 1.4) + 0);
      const expected = referenceMaxPool(x, options);
      const dy = random(expected.value.shape, 2);
      const run = await runGraph(
        [{ values: x, layout: "nhwc", gradient: true }],
        (graph, inputs) => [graph.add(maxPool, inputs, options)[0]!],
        { upstream: dy },
      );
      expect(run.outputs[0]).toEqual(expected.value);
      const dx = maxPoolBackward(dy, expected.argmax, shape, options);
      expect(factor(run.gradients[0], dx)).toBeLessThan(1);
    },
  );

  it("passes NaN on, whatever follows it in the window, and the gradient to it", async () => {
    const values = [1, NaN, 7, 2, 5, 6, 3, 4];
    const run = await runGraph(
      [
        {
          values: ref([1, 2, 4, 1], values),
          layout: "nhwc",
          gradient: true,
        },
      ],
      (graph, inputs) => [
        graph.apply(
          relu,
          [
            graph.add(maxPool, inputs, {
              kernel: 2,
              stride: 2,
              padding: 0,
            })[0]!,
          ],
          {},
        ),
      ],
      { upstream: ref([1, 1, 2, 1], [8, 9]), fuse: true },
    );
    expect([...run.outputs[0]!.data]).toEqual([NaN, 7]);
    expect([...run.gradients[0]!.data]).toEqual([0, 8, 9, 0, 0, 0, 0, 0]);
  });

  it.each([geometries[0]!, geometries[1]!])(
    "$kernel/$stride/$padding takes over a ReLU on either side without a change",
    async ({ shape, ...options }) => {
      // All of the first image's windows are negative: ReLU then ties them at 0.
      const x = map(random(shape, 1), (v, i) => (i < 60 ? -Math.abs(v) : v));
      const dy = random(referenceMaxPool(x, options).value.shape, 2);
      const runs = await Promise.all(
        [
          { fuse: false, before: true },
          { fuse: true, before: true },
          { fuse: true, before: false },
        ].map(({ fuse, before }) =>
          runGraph(
            [{ values: x, layout: "nhwc", gradient: true }],
            (graph, [input]) => {
              const rectified = before
                ? graph.apply(relu, [input!], {})
                : input!;
              const y = graph.add(maxPool, [rectified], options)[0]!;
              return [before ? y : graph.apply(relu, [y], {})];
            },
            { upstream: dy, fuse },
          ),
        ),
      );
      const [apart, ...fused] = runs as [
        (typeof runs)[0],
        ...(typeof runs)[0][],
      ];
      expect(apart.dispatches[0]).toBe("relu");
      for (const run of fused) {
        expect(run.dispatches[0]).toBe("max pool");
        expect(run.dispatches).not.toContain("relu");
        expect(run.outputs).toEqual(apart.outputs);
        expect(run.gradients).toEqual(apart.gradients);
      }
    },
  );
});

describe("averagePool", () => {
  it.each(geometries.slice(1))(
    "$kernel/$stride/$padding on $shape counts the padding",
    async ({ shape, ...options }) => {
      const x = random(shape, 1);
      const expected = avgPool(x, options);
      const dy = random(expected.value.shape, 2);
      const run = await runGraph(
        [{ values: x, layout: "nhwc", gradient: true }],
        (graph, inputs) => [graph.apply(averagePool, inputs, options)],
        { upstream: dy },
      );
      expect(factor(run.outputs[0], expected)).toBeLessThan(1);
      const dx = avgPoolBackward(dy, shape, options);
      // A quotient is good to 2.5 units in the last place in WGSL, on top of the sum.
      expect(
        factor(run.gradients[0], { ...dx, terms: dx.terms + 5 }),
      ).toBeLessThan(1);
    },
  );
});

describe("globalAveragePool", () => {
  it.each([[[3, 7, 5, 6]], [[1, 1, 1, 5]], [[1, 4, 4, 1]]])(
    "on %j",
    async (shape) => {
      const x = random(shape, 1);
      const dy = random([shape[0]!, 1, 1, shape[3]!], 2);
      const run = await runGraph(
        [{ values: x, layout: "nhwc", gradient: true }],
        (graph, inputs) => [graph.apply(globalAveragePool, inputs, {})],
        { upstream: dy },
      );
      expect(factor(run.outputs[0], globalAvgPool(x))).toBeLessThan(1);
      const value = globalAvgPoolBackward(dy, shape);
      const magnitude = map(value, Math.abs);
      const dx = { value, magnitude, terms: 5 };
      expect(factor(run.gradients[0], dx)).toBeLessThan(1);
    },
  );
});

describe("the pooling shape rule", () => {
  const x = ref([1, 4, 4, 2]);
  it.each([
    { kernel: 3, stride: 1, padding: 2, message: /more than half the kernel/ },
    { kernel: 5, stride: 1, padding: 0, message: /does not fit/ },
    { kernel: 17, stride: 1, padding: 8, message: /larger than 16/ },
  ])("refuses $kernel/$stride/$padding", async ({ message, ...options }) => {
    for (const op of [maxPool, averagePool]) {
      const refused = expect(
        runGraph([{ values: x, layout: "nhwc" }], (graph, inputs) => [
          graph.apply(op, inputs, options),
        ]),
      ).rejects;
      await refused.toThrow(ShapeError);
      await expect(
        runGraph([{ values: x, layout: "nhwc" }], (graph, inputs) => [
          graph.apply(op, inputs, options),
        ]),
      ).rejects.toThrow(message);
    }
  });
});

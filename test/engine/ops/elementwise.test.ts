import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../src/engine/errors.js";
import { add } from "../../../src/engine/ops/add.js";
import { concat } from "../../../src/engine/ops/concat.js";
import { relu } from "../../../src/engine/ops/relu.js";
import { add as referenceAdd } from "../../reference/add.js";
import {
  concat as referenceConcat,
  concatBackward,
} from "../../reference/concat.js";
import { reluBackward, relu as referenceRelu } from "../../reference/relu.js";
import { map, ref } from "../../reference/tensor.js";
import { random, runGraph } from "../harness.js";

const vector = (values: number[]) => ref([1, 1, 1, values.length], values);
const f32 = (values: Float64Array) => Float64Array.from(values, Math.fround);

describe("relu", () => {
  it.each([[[2, 3, 5, 7]], [[1, 1, 1, 1]]])("is exact on %j", async (shape) => {
    // A third of the values are exactly 0, where the gradient is 0 too.
    const x = map(random(shape, 1), (v, i) => (i % 3 === 1 ? 0 : v));
    const dy = random(shape, 2);
    const run = await runGraph(
      [{ values: x, layout: "nhwc", gradient: true }],
      (graph, inputs) => [graph.apply(relu, inputs, {})],
      { upstream: dy },
    );
    const y = referenceRelu(x);
    expect(run.outputs[0]).toEqual(y);
    expect(run.gradients[0]).toEqual(reluBackward(dy, y));
  });

  it("leaves NaN as it is, and the gradient behind it", async () => {
    const run = await runGraph(
      [{ values: vector([NaN, -1, 2, 0]), layout: "nhwc", gradient: true }],
      (graph, inputs) => [graph.apply(relu, inputs, {})],
      { upstream: vector([3, 4, 5, 6]) },
    );
    expect([...run.outputs[0]!.data]).toEqual([NaN, 0, 2, 0]);
    expect([...run.gradients[0]!.data]).toEqual([3, 0, 5, 0]);
  });

  it("covers a tensor that needs two rows of workgroups", async () => {
    // 200 vec4s more than 65,535 workgroups of 64 hold; the odd channel count leaves padding in each.
    const x = random([1, 1, 65_535 * 64 + 200, 1], 1);
    const run = await runGraph(
      [{ values: x, layout: "nhwc" }],
      (graph, inputs) => [graph.apply(relu, inputs, {})],
    );
    const wrong = run.outputs[0]!.data.findIndex(
      (v, i) => v !== Math.max(x.data[i]!, 0),
    );
    expect(wrong).toBe(-1);
  });
});

describe("add", () => {
  it("is correctly rounded, and its gradient is dy for both sides", async () => {
    const shape = [3, 1, 5, 6];
    const [a, b, dy] = [random(shape, 1), random(shape, 2), random(shape, 3)];
    const run = await runGraph(
      [
        { values: a, layout: "nhwc", gradient: true },
        { values: b, layout: "nhwc", gradient: true },
      ],
      (graph, inputs) => [graph.apply(add, inputs, {})],
      { upstream: dy },
    );
    expect(run.outputs[0]!.data).toEqual(f32(referenceAdd(a, b).data));
    expect(run.gradients).toEqual([dy, dy]);
  });

  it("doubles x + x and accumulates the gradient of every use", async () => {
    const shape = [1, 2, 2, 3];
    const [x, dy] = [random(shape, 1), random(shape, 2)];
    const run = await runGraph(
      [{ values: x, layout: "nhwc", gradient: true }],
      (graph, [input]) => {
        const twice = graph.apply(add, [input!, input!], {});
        return [graph.apply(add, [twice, input!], {})];
      },
      { upstream: dy },
    );
    const three = (values: Float64Array) =>
      values.map((v) => Math.fround(2 * v + v));
    expect(run.outputs[0]!.data).toEqual(three(x.data));
    expect(run.gradients[0]!.data).toEqual(three(dy.data));
  });

  it("refuses different shapes", async () => {
    await expect(
      runGraph(
        [
          { values: ref([1, 2, 2, 3]), layout: "nhwc" },
          { values: ref([1, 2, 2, 4]), layout: "nhwc" },
        ],
        (graph, inputs) => [graph.apply(add, inputs, {})],
      ),
    ).rejects.toThrow(ShapeError);
  });
});

describe("concat", () => {
  it.each([
    { rows: [2, 3, 2], channels: [3, 5, 8] },
    { rows: [1, 3, 1], channels: [1, 1] },
    { rows: [1, 1, 3], channels: [4, 2, 1, 6] },
  ])("joins and splits channels $channels", async ({ rows, channels }) => {
    const parts = channels.map((c, i) => random([...rows, c], i + 1));
    const y = referenceConcat(parts);
    const dy = random(y.shape, 9);
    const run = await runGraph(
      parts.map((values) => ({ values, layout: "nhwc", gradient: true })),
      (graph, inputs) => [graph.apply(concat, inputs, {})],
      { upstream: dy },
    );
    expect(run.outputs[0]).toEqual(y);
    expect(run.gradients).toEqual(concatBackward(dy, channels));
  });

  it("takes one tensor twice", async () => {
    const x = random([1, 2, 1, 3], 1);
    const dy = random([1, 2, 1, 6], 2);
    const run = await runGraph(
      [{ values: x, layout: "nhwc", gradient: true }],
      (graph, [input]) => [graph.apply(concat, [input!, input!], {})],
      { upstream: dy },
    );
    expect(run.outputs[0]).toEqual(referenceConcat([x, x]));
    const [first, second] = concatBackward(dy, [3, 3]);
    expect(run.gradients[0]!.data).toEqual(
      f32(referenceAdd(first!, second!).data),
    );
  });

  it("refuses other extents than channels to differ", async () => {
    await expect(
      runGraph(
        [
          { values: ref([1, 2, 2, 3]), layout: "nhwc" },
          { values: ref([1, 2, 1, 3]), layout: "nhwc" },
        ],
        (graph, inputs) => [graph.apply(concat, inputs, {})],
      ),
    ).rejects.toThrow(ShapeError);
  });
});

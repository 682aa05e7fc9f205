import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../src/engine/errors.js";
import type { Graph } from "../../../src/engine/graph.js";
import { add } from "../../../src/engine/ops/add.js";
import { batchNorm } from "../../../src/engine/ops/batch-norm.js";
import { relu } from "../../../src/engine/ops/relu.js";
import type { Tensor } from "../../../src/engine/tensor.js";
import {
  BN_MOMENTUM,
  batchNormBackward,
  batchNormEval,
  batchNormTrain,
  givenStatistics,
  updateRunning,
  type BatchStatistics,
} from "../../reference/batch-norm.js";
import { map, ref, type Ref, type Sum } from "../../reference/tensor.js";
import { factor, random, runGraph, targets, type Input } from "../harness.js";

/** Batch norm has one form with and one without workgroup memory; subgroups make no difference to it. */
const families = (await targets()).filter(({ subgroup }) => subgroup === 0);

/** x, gamma, beta, running mean, running variance and, if any, the residual. */
function makeInputs(shape: readonly number[], residual: boolean) {
  const vector = [shape[3]!];
  return {
    x: random(shape, 1),
    gamma: map(random(vector, 2), (v) => Math.fround(v + 1.5)),
    beta: random(vector, 3),
    running: {
      mean: random(vector, 4),
      variance: map(random(vector, 5), (v) => Math.fround(v + 1.5)),
    },
    ...(residual && { residual: random(shape, 6) }),
  };
}

function asInputs(made: ReturnType<typeof makeInputs>): Input[] {
  const { x, gamma, beta, running, residual } = made;
  const inputs: Input[] = [
    { values: x, layout: "nhwc", gradient: true },
    { values: gamma, layout: "vector", gradient: true },
    { values: beta, layout: "vector", gradient: true },
    { values: running.mean, layout: "vector" },
    { values: running.variance, layout: "vector" },
  ];
  if (residual)
    inputs.push({ values: residual, layout: "nhwc", gradient: true });
  return inputs;
}

const training = { training: true };
const frozen = { training: true, frozen: true };
const evaluation = { training: false };

/** relu?(batchNorm(x) + residual?), as a model writes it. */
const chain =
  (mode: { training: boolean; frozen?: boolean }, withRelu: boolean) =>
  (graph: Graph, inputs: Tensor[]): Tensor[] => {
    const [residual] = inputs.slice(5);
    const parameters = inputs.slice(0, 5);
    let y = graph.add(batchNorm, parameters, mode)[0]!;
    // The residual comes first: fusion has to find batch norm on either side of the sum.
    if (residual) y = graph.apply(add, [residual, y], {});
    if (withRelu) y = graph.apply(relu, [y], {});
    return [y];
  };

/** The running statistics after a batch with the error bound that the batch's own sums give them. */
function runningSums(
  before: { mean: Ref; variance: Ref },
  statistics: BatchStatistics,
): { mean: Sum; variance: Sum } {
  const after = updateRunning(before, statistics);
  const bound = (old: Ref, batch: Sum, value: Ref, scale: number): Sum => ({
    value,
    magnitude: map(
      old,
      (r, c) => Math.abs(r) + BN_MOMENTUM * scale * batch.magnitude.data[c]!,
    ),
    terms: batch.terms,
  });
  const { count } = statistics;
  return {
    mean: bound(before.mean, statistics.mean, after.mean, 1),
    variance: bound(
      before.variance,
      statistics.variance,
      after.variance,
      count / (count - 1),
    ),
  };
}

describe.each(families)("batchNorm ($name)", (target) => {
  it.each([
    // Two values a channel; one chunk of rows; uneven chunks; more chunks than there are lanes to merge them.
    { shape: [2, 1, 1, 5], residual: false, withRelu: false },
    { shape: [1, 3, 3, 1], residual: false, withRelu: true },
    { shape: [2, 7, 5, 6], residual: true, withRelu: false },
    { shape: [3, 19, 19, 3], residual: true, withRelu: true },
  ])(
    "trains on $shape, residual $residual, ReLU $withRelu",
    async ({ shape, residual, withRelu }) => {
      const made = makeInputs(shape, residual);
      const options = { ...made, relu: withRelu };
      const { y, statistics } = batchNormTrain(made.x, options);
      const dy = random(shape, 7);
      const run = await runGraph(asInputs(made), chain(training, withRelu), {
        upstream: dy,
        target,
        fuse: true,
        keepInputs: true,
      });
      expect(run.dispatches).not.toContain("add");
      expect(run.dispatches).not.toContain("relu");
      expect(run.dispatches.filter((label) => /apply$/.test(label))).toEqual([
        "batch norm apply",
        "batch norm gradient apply",
      ]);
      expect(factor(run.outputs[0], y)).toBeLessThan(1);
      const running = runningSums(made.running, statistics);
      expect(factor(run.inputsAfter[3], running.mean)).toBeLessThan(1);
      expect(factor(run.inputsAfter[4], running.variance)).toBeLessThan(1);
      const expected = batchNormBackward(dy, made.x, statistics, {
        gamma: made.gamma,
        relu: withRelu,
        y: run.outputs[0]!,
      });
      expect(factor(run.gradients[0], expected.dx)).toBeLessThan(1);
      expect(factor(run.gradients[1], expected.dgamma)).toBeLessThan(1);
      expect(factor(run.gradients[2], expected.dbeta)).toBeLessThan(1);
      expect(run.gradients[5]?.data).toEqual(
        residual ? expected.dResidual.data : undefined,
      );
    },
  );

  it("keeps the digits of a variance of 1 under a mean of 100", async () => {
    const shape = [3, 19, 19, 3];
    const made = makeInputs(shape, false);
    // Uniform in ±√3 has variance 1. In one pass Σx²/n − mean² would be off by 1e4·2^-24 and more.
    const x = map(made.x, (v) => Math.fround(100 + Math.sqrt(3) * v));
    const { y, statistics } = batchNormTrain(x, made);
    const dy = random(shape, 7);
    const run = await runGraph(
      asInputs({ ...made, x }),
      chain(training, false),
      {
        upstream: dy,
        target,
        keepInputs: true,
      },
    );
    const worst = (actual: Ref | undefined, expected: Ref): number =>
      expected.data.reduce(
        (most, v, i) => Math.max(most, Math.abs(actual!.data[i]! - v)),
        0,
      );
    const after = updateRunning(made.running, statistics);
    expect(worst(run.inputsAfter[4], after.variance)).toBeLessThan(1e-6);
    // The mean itself is known to half a unit in the last place of 100, 3.8e-6; y and dx carry that on, times gamma.
    expect(worst(run.inputsAfter[3], after.mean)).toBeLessThan(4e-6);
    expect(worst(run.outputs[0], y.value)).toBeLessThan(5e-5);
    const { dx, dgamma } = batchNormBackward(dy, x, statistics, made);
    expect(worst(run.gradients[0], dx.value)).toBeLessThan(5e-5);
    const sum = dy.data.length / shape[3]!;
    expect(worst(run.gradients[1], dgamma.value) / sum).toBeLessThan(2e-5);
  });

  it.each([
    { shape: [1, 1, 1, 3], residual: false, withRelu: false },
    { shape: [3, 19, 19, 3], residual: false, withRelu: true },
    { shape: [2, 7, 5, 6], residual: true, withRelu: true },
  ])(
    "trains frozen on $shape, residual $residual, ReLU $withRelu",
    async ({ shape, residual, withRelu }) => {
      const made = makeInputs(shape, residual);
      const y = batchNormEval(made.x, made.running, {
        ...made,
        relu: withRelu,
      });
      const dy = random(shape, 7);
      const run = await runGraph(asInputs(made), chain(frozen, withRelu), {
        upstream: dy,
        target,
        fuse: true,
        keepInputs: true,
      });
      // As in evaluation below: six roundings where the reference counts one.
      expect(factor(run.outputs[0], { ...y, terms: 6 })).toBeLessThan(1);
      expect(run.inputsAfter[3]).toEqual(fourD(made.running.mean));
      expect(run.inputsAfter[4]).toEqual(fourD(made.running.variance));
      const expected = batchNormBackward(
        dy,
        made.x,
        givenStatistics(made.running),
        {
          gamma: made.gamma,
          relu: withRelu,
          y: run.outputs[0]!,
          frozen: true,
        },
      );
      const { dx, dgamma, dbeta, dResidual } = expected;
      expect(factor(run.gradients[0], { ...dx, terms: 6 })).toBeLessThan(1);
      expect(
        factor(run.gradients[1], { ...dgamma, terms: dgamma.terms + 6 }),
      ).toBeLessThan(1);
      expect(factor(run.gradients[2], dbeta)).toBeLessThan(1);
      expect(run.gradients[5]?.data).toEqual(
        residual ? dResidual.data : undefined,
      );
    },
  );

  it.each([false, true])(
    "evaluates with the running statistics, residual and ReLU %s",
    async (on) => {
      const made = makeInputs([1, 5, 3, 7], on);
      const expected = batchNormEval(made.x, made.running, {
        ...made,
        relu: on,
      });
      const run = await runGraph(asInputs(made), chain(evaluation, on), {
        target,
        fuse: true,
        keepInputs: true,
      });
      expect(run.dispatches).toEqual(["batch norm apply"]);
      // The reference counts one term; the kernel rounds six times (1/√ alone may be off by two units).
      expect(factor(run.outputs[0], { ...expected, terms: 6 })).toBeLessThan(1);
      expect(run.inputsAfter[3]).toEqual(fourD(made.running.mean));
      expect(run.inputsAfter[4]).toEqual(fourD(made.running.variance));
    },
  );
});

const fourD = ({ data }: Ref): Ref => ref([1, 1, 1, data.length], data);

describe("batchNorm's shape rule", () => {
  it("refuses a single value per channel in training, not in evaluation", async () => {
    const inputs = asInputs(makeInputs([1, 1, 1, 3], false));
    await expect(runGraph(inputs, chain(training, false))).rejects.toThrow(
      ShapeError,
    );
    for (const mode of [evaluation, frozen]) {
      const run = await runGraph(inputs, chain(mode, false));
      expect(run.outputs[0]!.shape).toEqual([1, 1, 1, 3]);
    }
  });

  it("refuses parameters of another channel count and a gradient in evaluation", async () => {
    const made = makeInputs([2, 2, 2, 3], false);
    const wrong = { ...made, gamma: random([4], 1) };
    await expect(
      runGraph(asInputs(wrong), chain(training, false)),
    ).rejects.toThrow(/3 channels, but gamma has 4/);
    await expect(
      runGraph(asInputs(made), chain(evaluation, false), { upstream: made.x }),
    ).rejects.toThrow(/needs batch statistics/);
  });
});

/** The CPU reference itself against PyTorch in f64 (values of tools/golden/reference.py), to 1e-12. */
import { describe, expect, it } from "vitest";
import {
  batchNormBackward,
  batchNormEval,
  batchNormTrain,
  givenStatistics,
  updateRunning,
} from "./batch-norm.js";
import {
  biasGrad,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
} from "./conv2d.js";
import { load, readGolden, type Stored } from "./golden.js";
import {
  avgPool,
  avgPoolBackward,
  globalAvgPool,
  globalAvgPoolBackward,
  maxPool,
  maxPoolBackward,
} from "./pool.js";
import { lrAt, sgdStep } from "./sgd.js";
import { softmaxCrossEntropy } from "./softmax-cross-entropy.js";
import { type Ref, type Sum } from "./tensor.js";

const golden = readGolden();
const TOLERANCE = 1e-12;

/** Same shape, and every value within 1e-12, relative where it is larger than 1. */
function expectEqual(actual: Ref, expected: Stored): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.data.length).toBe(expected.data.length);
  actual.data.forEach((value, i) => {
    const wanted = expected.data[i]!;
    const error = Math.abs(value - wanted) / Math.max(1, Math.abs(wanted));
    if (!(error <= TOLERANCE)) {
      expect.fail(`element ${i}: ${value} instead of ${wanted}`);
    }
  });
}

/** The value is as expected, and no larger than its magnitude. */
function expectSum(sum: Sum, expected: Stored): void {
  expectEqual(sum.value, expected);
  expect(sum.magnitude.shape).toEqual(expected.shape);
  sum.magnitude.data.forEach((magnitude, i) => {
    expect(magnitude * (1 + TOLERANCE)).toBeGreaterThanOrEqual(
      Math.abs(sum.value.data[i]!),
    );
  });
}

/** A case and its number, for `it.each` titles. */
const numbered = <T>(cases: T[]): [number, T][] => cases.map((c, i) => [i, c]);

describe("convolution", () => {
  it.each(numbered(golden.conv))("case %i is PyTorch's", (_, c) => {
    const [x, w, dy] = [load(c.x), load(c.w), load(c.dy)];
    const options = { stride: c.stride, padding: c.padding };
    const kernel: [number, number] = [w.shape[0]!, w.shape[1]!];
    expectSum(conv2d(x, w, c.bias && load(c.bias), options), c.y);
    expectSum(
      conv2dGradInput(dy, w, { ...options, inputShape: x.shape }),
      c.dx,
    );
    expectSum(conv2dGradWeight(x, dy, { ...options, kernel }), c.dw);
    if (c.dbias) expectSum(biasGrad(dy), c.dbias);
  });
});

describe("batch norm", () => {
  it.each(numbered(golden.batchNorm))("case %i is PyTorch's", (_, c) => {
    const [x, dy, gamma] = [load(c.x), load(c.dy), load(c.gamma)];
    const options = {
      gamma,
      beta: load(c.beta),
      relu: c.relu,
      ...(c.residual && { residual: load(c.residual) }),
    };
    const running = { mean: load(c.mean), variance: load(c.variance) };
    const evaluated = batchNormEval(x, running, options);
    expectSum(evaluated, c.evaluated);
    const frozen = batchNormBackward(dy, x, givenStatistics(running), {
      gamma,
      relu: c.relu,
      y: evaluated.value,
      frozen: true,
    });
    expectSum(frozen.dx, c.frozenDx);
    expectSum(frozen.dgamma, c.frozenDgamma);
    expectSum(frozen.dbeta, c.frozenDbeta);

    const { y, statistics } = batchNormTrain(x, options);
    expectSum(y, c.y);
    const updated = updateRunning(running, statistics);
    expectEqual(updated.mean, c.runningMean);
    expectEqual(updated.variance, c.runningVariance);

    const back = batchNormBackward(dy, x, statistics, {
      gamma,
      relu: c.relu,
      y: y.value,
    });
    expectSum(back.dx, c.dx);
    expectSum(back.dgamma, c.dgamma);
    expectSum(back.dbeta, c.dbeta);
    if (c.dresidual) expectEqual(back.dResidual, c.dresidual);
  });
});

describe("pooling", () => {
  it.each(numbered(golden.pool))("case %i is PyTorch's", (_, c) => {
    const [x, dy] = [load(c.x), load(c.dy)];
    if (c.kind === "max") {
      const { value, argmax } = maxPool(x, c);
      expectEqual(value, c.y);
      expectSum(maxPoolBackward(dy, argmax, x.shape, c), c.dx);
    } else if (c.kind === "avg") {
      expectSum(avgPool(x, c), c.y);
      expectSum(avgPoolBackward(dy, x.shape, c), c.dx);
    } else {
      expectSum(globalAvgPool(x), c.y);
      expectEqual(globalAvgPoolBackward(dy, x.shape), c.dx);
    }
  });

  it("has ties in its max-pooling cases", () => {
    for (const c of golden.pool.filter(({ kind }) => kind === "max")) {
      expect(new Set(c.x.data).size).toBeLessThan(c.x.data.length / 4);
    }
  });
});

describe("softmax cross-entropy", () => {
  it.each(numbered(golden.crossEntropy))("case %i is PyTorch's", (_, c) => {
    const { loss, mean, gradient } = softmaxCrossEntropy(
      load(c.logits),
      c.labels,
      { labelSmoothing: c.smoothing },
    );
    expectSum(loss, c.loss);
    expectSum(gradient, c.gradient);
    expect(Math.abs(mean - c.mean) / Math.max(1, c.mean)).toBeLessThan(
      TOLERANCE,
    );
  });
});

describe("SGD", () => {
  it.each(numbered(golden.sgd))("case %i is PyTorch's", (_, c) => {
    let state: { weights: Ref; buffer: Ref | null } = {
      weights: load(c.w),
      buffer: null,
    };
    c.grads.forEach((grad, step) => {
      state = sgdStep(state.weights, load(grad), state.buffer, c);
      expectEqual(state.weights, c.weights[step]!);
    });
  });

  it("anneals like CosineAnnealingLR, after a linear warm-up", () => {
    for (const { steps, lr, rates } of golden.cosine) {
      const warmup = 4;
      rates.forEach((rate, i) => {
        expect(lrAt(i + 1, steps, 0, lr)).toBeCloseTo(rate, 12);
        const later = lrAt(warmup + i + 1, warmup + steps, warmup, lr);
        expect(later).toBeCloseTo(rate, 12);
      });
      expect([1, 2, 4].map((t) => lrAt(t, 9, warmup, lr))).toEqual([
        lr / 4,
        lr / 2,
        lr,
      ]);
    }
  });
});

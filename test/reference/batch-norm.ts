/**
 * Batch normalisation over N, H and W for each channel c, with n = N·H·W values per channel:
 *
 *   mean = Σx / n,  variance = Σ(x − mean)² / n,  invStd = 1 / √(variance + eps),  xhat = (x − mean)·invStd
 *   y = act(gamma·xhat + beta [+ residual]),  act = ReLU or identity
 *   running ← (1 − momentum)·running + momentum·(mean | variance·n/(n−1))
 *
 *   dz = dy where y > 0, else 0 (with ReLU; else dy),  dResidual = dz,  dbeta = Σdz,  dgamma = Σ dz·xhat
 *   dx = gamma·invStd·(dz − dbeta/n − xhat·dgamma/n)
 *
 * In eval mode mean and variance are the running ones; they are constants, so dx = gamma·invStd·dz. Source: Ioffe and Szegedy, "Batch normalization", ICML 2015;
 * torch.nn.BatchNorm2d (eps 1e-5, momentum 0.1).
 *
 * Magnitudes follow an evaluation that may take the variance in one pass, Σx²/n − mean², so that of the variance is
 * Σx²/n; what the errors of mean and invStd do to xhat, y, dx and dgamma is in their magnitudes.
 */
import { map, ref, sameShape, type Ref, type Sum } from "./tensor.js";

export const BN_EPS = 1e-5;
export const BN_MOMENTUM = 0.1;

export interface BatchNormOptions {
  /** `[C]` */
  gamma: Ref;
  /** `[C]` */
  beta: Ref;
  /** Added before the ReLU; the shape of x. */
  residual?: Ref;
  relu?: boolean;
  eps?: number;
}

/** Statistics of a batch, each `[C]`. */
export interface BatchStatistics {
  mean: Sum;
  /** Biased: divided by n. */
  variance: Sum;
  invStd: Ref;
  /** n = N·H·W, the values per channel. */
  count: number;
}

/** Adds f(element, channel) over N, H and W; → `[C]`. */
function channelSum(x: Ref, f: (i: number, c: number) => number): Ref {
  const channels = x.shape.at(-1)!;
  const sum = ref([channels]);
  for (let i = 0; i < x.data.length; i++) {
    sum.data[i % channels]! += f(i, i % channels);
  }
  return sum;
}

/** x `[N,H,W,C]` → its statistics per channel. */
export function batchStatistics(x: Ref, eps = BN_EPS): BatchStatistics {
  const count = x.data.length / x.shape.at(-1)!;
  const mean = channelSum(x, (i) => x.data[i]! / count);
  const variance = channelSum(
    x,
    (i, c) => (x.data[i]! - mean.data[c]!) ** 2 / count,
  );
  return {
    mean: {
      value: mean,
      magnitude: channelSum(x, (i) => Math.abs(x.data[i]!) / count),
      terms: count,
    },
    variance: {
      value: variance,
      magnitude: channelSum(x, (i) => x.data[i]! ** 2 / count),
      terms: count,
    },
    invStd: map(variance, (v) => 1 / Math.sqrt(v + eps)),
    count,
  };
}

/** xhat and its magnitude, both the shape of x. */
function normalise(x: Ref, { mean, variance, invStd }: BatchStatistics) {
  const channels = x.shape.at(-1)!;
  const xhat = map(x, (v, i) => {
    const c = i % channels;
    return (v - mean.value.data[c]!) * invStd.data[c]!;
  });
  const magnitude = map(x, (v, i) => {
    const c = i % channels;
    const s = invStd.data[c]!;
    return (
      (Math.abs(v) + mean.magnitude.data[c]!) * s +
      Math.abs(xhat.data[i]!) * variance.magnitude.data[c]! * s * s
    );
  });
  return { xhat, magnitude };
}

/** y and its magnitude from statistics, whatever their origin. */
function apply(
  x: Ref,
  statistics: BatchStatistics,
  { gamma, beta, residual, relu }: BatchNormOptions,
): Sum {
  if (residual) sameShape(x, residual);
  const channels = x.shape.at(-1)!;
  const { xhat, magnitude } = normalise(x, statistics);
  return {
    value: map(xhat, (v, i) => {
      const c = i % channels;
      const z = gamma.data[c]! * v + beta.data[c]! + (residual?.data[i] ?? 0);
      return relu === true && !(z > 0) ? 0 : z;
    }),
    magnitude: map(magnitude, (m, i) => {
      const c = i % channels;
      return (
        Math.abs(gamma.data[c]!) * m +
        Math.abs(beta.data[c]!) +
        Math.abs(residual?.data[i] ?? 0)
      );
    }),
    terms: statistics.count,
  };
}

/** Training mode: x `[N,H,W,C]` → y and the batch's statistics. */
export function batchNormTrain(
  x: Ref,
  options: BatchNormOptions,
): { y: Sum; statistics: BatchStatistics } {
  const statistics = batchStatistics(x, options.eps);
  return { y: apply(x, statistics, options), statistics };
}

/** Running mean and (unbiased) variance `[C]` as statistics: of one value a channel, for they are no sums. */
export function givenStatistics(
  running: { mean: Ref; variance: Ref },
  eps = BN_EPS,
): BatchStatistics {
  const given = (value: Ref): Sum => ({
    value,
    magnitude: map(value, Math.abs),
    terms: 1,
  });
  return {
    mean: given(running.mean),
    variance: given(running.variance),
    invStd: map(running.variance, (v) => 1 / Math.sqrt(v + eps)),
    count: 1,
  };
}

/** Eval mode: x `[N,H,W,C]`, running mean and (unbiased) variance `[C]` → y. */
export function batchNormEval(
  x: Ref,
  running: { mean: Ref; variance: Ref },
  options: BatchNormOptions,
): Sum {
  return apply(x, givenStatistics(running, options.eps), options);
}

/** The running statistics after a batch. Like PyTorch, refuses one value per channel: it has no unbiased variance. */
export function updateRunning(
  running: { mean: Ref; variance: Ref },
  { mean, variance, count }: BatchStatistics,
  momentum = BN_MOMENTUM,
): { mean: Ref; variance: Ref } {
  if (count < 2) {
    throw new RangeError(
      "batch norm in training needs more than one value per channel",
    );
  }
  const unbiased = count / (count - 1);
  return {
    mean: map(
      running.mean,
      (r, c) => (1 - momentum) * r + momentum * mean.value.data[c]!,
    ),
    variance: map(
      running.variance,
      (r, c) =>
        (1 - momentum) * r + momentum * variance.value.data[c]! * unbiased,
    ),
  };
}

/**
 * Backward of training mode, or of eval mode (`frozen`, with the statistics given). `dy`, `x` and the forward output `y` are
 * `[N,H,W,C]`; `y` is needed with ReLU alone, and a test gives the y of the implementation under test, so that both mask the
 * same elements.
 */
export function batchNormBackward(
  dy: Ref,
  x: Ref,
  statistics: BatchStatistics,
  {
    gamma,
    relu,
    y,
    frozen = false,
  }: { gamma: Ref; relu?: boolean; y?: Ref; frozen?: boolean },
): { dx: Sum; dgamma: Sum; dbeta: Sum; dResidual: Ref } {
  sameShape(dy, x);
  if (relu === true && y === undefined) {
    throw new RangeError("the backward pass of ReLU needs the forward output");
  }
  const channels = x.shape.at(-1)!;
  const n = x.data.length / channels;
  /** The share of what dx takes from the sums over the channel. */
  const share = frozen ? 0 : 1 / n;
  const { xhat, magnitude } = normalise(x, statistics);
  const dz = map(dy, (d, i) => (relu === true && !(y!.data[i]! > 0) ? 0 : d));

  const dbeta: Sum = {
    value: channelSum(dz, (i) => dz.data[i]!),
    magnitude: channelSum(dz, (i) => Math.abs(dz.data[i]!)),
    terms: n,
  };
  const dgamma: Sum = {
    value: channelSum(dz, (i) => dz.data[i]! * xhat.data[i]!),
    magnitude: channelSum(
      dz,
      (i) => Math.abs(dz.data[i]!) * magnitude.data[i]!,
    ),
    terms: n,
  };
  const dx: Sum = {
    value: map(dz, (d, i) => {
      const c = i % channels;
      return (
        gamma.data[c]! *
        statistics.invStd.data[c]! *
        (d -
          dbeta.value.data[c]! * share -
          xhat.data[i]! * dgamma.value.data[c]! * share)
      );
    }),
    magnitude: map(dz, (d, i) => {
      const c = i % channels;
      const s = statistics.invStd.data[c]!;
      // The relative error of the factor invStd, over that of one rounding.
      const factor = 1 + statistics.variance.magnitude.data[c]! * s * s;
      return (
        Math.abs(gamma.data[c]!) *
        s *
        factor *
        (Math.abs(d) +
          dbeta.magnitude.data[c]! * share +
          magnitude.data[i]! * dgamma.magnitude.data[c]! * share)
      );
    }),
    terms: frozen ? 1 : n,
  };
  return { dx, dgamma, dbeta, dResidual: dz };
}

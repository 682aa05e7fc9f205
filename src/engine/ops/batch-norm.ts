/**
 * Batch normalisation over N·H·W of each channel, with the residual add and ReLU that usually follow it fused in:
 * y = relu?(γ·(x − mean)/σ + β + residual?).
 */
import { elementwiseGrid, streamGrid } from "../../../shaders/common.js";
import * as backwardShaders from "../../../shaders/batch-norm-grad.wgsl.js";
import * as shaders from "../../../shaders/batch-norm.wgsl.js";
import { chunkCount } from "../../../shaders/batch-norm.wgsl.js";
import { ShapeError } from "../errors.js";
import type { Dispatch, Lowering, OpDefinition } from "../graph.js";
import { pad4, type Tensor } from "../tensor.js";
import {
  partWords,
  rowChunks,
  statisticsDispatch,
} from "./batch-statistics.js";
import { bind, over, sameShapeOutput, vectorsOf } from "./elementwise.js";
import { reluGrad } from "./relu.js";

const epsilon = 1e-5;
const momentum = 0.1;

export interface BatchNormAttributes {
  /** Batch statistics (and a running update), or the running ones. */
  readonly training: boolean;
  /** In training: the running statistics are constants, used and left as they are (PyTorch's eval mode under autograd). */
  readonly frozen?: boolean;
  /** Set by fusion: input 5 is added before the ReLU. */
  readonly residual?: boolean;
  readonly relu?: boolean;
  /** Set by fusion: the last input holds the batch's statistics in parts, taken by the convolution that made x. */
  readonly parts?: boolean;
}

/** y from x and statistics. `moments`: (mean, 1/σ) of the batch, or running mean and running variance. */
function applyDispatch(
  [x, gamma, beta]: readonly [Tensor, Tensor, Tensor],
  moments: readonly Tensor[],
  residual: Tensor | undefined,
  y: Tensor,
  relu: boolean,
): Dispatch {
  const vectors = vectorsOf(x);
  const bindings = bind(
    [x, gamma, beta, ...moments, ...(residual ? [residual] : [])],
    [y],
  );
  return {
    label: "batch norm apply",
    wgsl: shaders.batchNormApply({
      vectors,
      columns4: pad4(x.shape[3]) / 4,
      residual: residual !== undefined,
      relu,
      source: moments.length === 1 ? "batch" : "running",
      epsilon,
    }),
    bindings,
    workgroups: streamGrid(vectors),
    inPlace: over(bindings, 0, ...(residual ? [bindings.length - 2] : [])),
  };
}

/** The batch's (mean, 1/σ), and the running statistics moved by them. `parts`: what they are merged from, if it is there. */
function emitStatistics(
  x: Tensor,
  parts: Tensor | undefined,
  statistics: Tensor,
  running: readonly Tensor[],
  { target, emit, scratch }: Lowering,
): void {
  const chunks = rowChunks(target, x);
  const partials = parts ?? scratch("batchNorm partials", partWords(x));
  if (!parts) emit(statisticsDispatch(target, x, partials));
  emit({
    label: "batch norm merge",
    wgsl: shaders.batchNormMerge({ chunks, epsilon, momentum }),
    bindings: bind([partials], [statistics, ...running]),
    workgroups: [chunks.columns4, 1, 1],
  });
}

/** (mean, 1/σ) of the running statistics. */
function frozenStatistics(
  running: readonly Tensor[],
  statistics: Tensor,
): Dispatch {
  const columns4 = statistics.shape[3] / 4;
  return {
    label: "batch norm frozen statistics",
    wgsl: shaders.batchNormFrozenStatistics(columns4, epsilon),
    bindings: bind(running, [statistics]),
    workgroups: elementwiseGrid(columns4),
  };
}

/** Inputs: x, gamma, beta, running mean, running variance, residual?, parts?. Outputs: y and, in training, (mean, 1/σ). */
export const batchNorm: OpDefinition<BatchNormAttributes> = {
  name: "batchNorm",
  infer(inputs, { training, frozen, residual: added }) {
    const [x, gamma, beta] = inputs;
    const residual = added ? inputs[5] : undefined;
    const [n, h, w, channels] = x!.shape;
    if (gamma!.shape[3] !== channels || beta!.shape[3] !== channels) {
      throw new ShapeError(
        `batchNorm: ${channels} channels, but gamma has ${gamma!.shape[3]}`,
      );
    }
    if (training && !frozen && n * h * w < 2) {
      throw new ShapeError(
        "batchNorm: needs more than one value per channel when training (PyTorch refuses this too)",
      );
    }
    const [y] = sameShapeOutput("batchNorm", residual ? [x!, residual] : [x!]);
    return training
      ? [
          y!,
          {
            label: "batchNorm statistics",
            shape: [1, 1, 2, pad4(channels)],
            layout: "words",
          },
        ]
      : [y!];
  },
  lower({ inputs, outputs, attributes }, lowering) {
    const [x, gamma, beta, runningMean, runningVariance] = inputs as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const residual = attributes.residual ? inputs[5] : undefined;
    const [y, statistics] = outputs as [Tensor, Tensor?];
    const running = [runningMean, runningVariance] as const;
    const parts = attributes.parts ? inputs.at(-1)! : undefined;
    if (statistics && attributes.frozen)
      lowering.emit(frozenStatistics(running, statistics));
    else if (statistics)
      emitStatistics(x, parts, statistics, running, lowering);
    lowering.emit(
      applyDispatch(
        [x, gamma, beta],
        statistics ? [statistics] : running,
        residual,
        y,
        attributes.relu ?? false,
      ),
    );
  },
  recompute: ({ inputs, outputs, attributes }) => ({
    op: batchNormAgain,
    inputs: [
      ...inputs.slice(0, 3),
      outputs[1]!,
      ...(attributes.residual ? [inputs[5]!] : []),
    ],
    attributes,
  }),
  backward(graph, { inputs, outputs, attributes }, [dy]) {
    const [x, gamma, beta] = inputs as [Tensor, Tensor, Tensor];
    const [y, statistics] = outputs as [Tensor, Tensor?];
    if (!statistics)
      throw new ShapeError(
        "batchNorm: the gradient needs batch statistics; build the graph for training",
      );
    const dz = attributes.relu ? graph.apply(reluGrad, [dy!, y], {}) : dy!;
    const [dx, dgamma, dbeta] = graph.add(
      batchNormGrad,
      [dz, x, gamma, statistics, beta],
      { frozen: attributes.frozen ?? false },
    );
    return [
      dx,
      dgamma,
      dbeta,
      undefined,
      undefined,
      attributes.residual ? dz : undefined,
    ];
  },
};

/** y once more, for the backward pass. Inputs: x, gamma, beta, statistics, residual?. */
const batchNormAgain: OpDefinition<BatchNormAttributes> = {
  name: "batchNormAgain",
  infer: ([x]) => sameShapeOutput("batchNorm again", [x!]),
  lower({ inputs, outputs, attributes }, { emit }) {
    const [x, gamma, beta, statistics, residual] = inputs as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor?,
    ];
    emit(
      applyDispatch(
        [x, gamma, beta],
        [statistics],
        residual,
        outputs[0]!,
        attributes.relu ?? false,
      ),
    );
  },
};

/** Inputs: dy, x, gamma, statistics, beta (for its shape). Outputs: dx, dgamma, dbeta. */
const batchNormGrad: OpDefinition<{ readonly frozen: boolean }> = {
  name: "batchNormGrad",
  infer: ([dy, , gamma, , beta]) => [
    { label: "batchNorm dx", shape: dy!.shape, layout: "nhwc" },
    { label: "dgamma", shape: gamma!.shape, layout: "vector" },
    { label: "dbeta", shape: beta!.shape, layout: "vector" },
  ],
  lower({ inputs, outputs, attributes }, { target, emit, scratch }) {
    const [dy, x, gamma, statistics] = inputs as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [dx, dgamma, dbeta] = outputs as [Tensor, Tensor, Tensor];
    const chunks = rowChunks(target, x);
    const partials = scratch("batchNorm partials", partWords(x));
    emit({
      label: "batch norm gradient sums",
      wgsl: backwardShaders.batchNormGradSums(chunks),
      bindings: bind([dy, x, statistics], [partials]),
      workgroups: elementwiseGrid(chunkCount(chunks) * chunks.columns4),
    });
    emit({
      label: "batch norm gradient merge",
      wgsl: backwardShaders.batchNormGradMerge(chunks),
      bindings: bind([partials], [dbeta, dgamma]),
      workgroups: [chunks.columns4, 1, 1],
    });
    const { frozen } = attributes;
    const bindings = frozen
      ? bind([dy, gamma, statistics], [dx])
      : bind([dy, x, gamma, statistics, dbeta, dgamma], [dx]);
    emit({
      label: "batch norm gradient apply",
      wgsl: frozen
        ? backwardShaders.batchNormFrozenGradApply(chunks)
        : backwardShaders.batchNormGradApply(chunks),
      bindings,
      inPlace: over(bindings, ...(frozen ? [0] : [0, 1])),
      workgroups: streamGrid(vectorsOf(dx)),
    });
  },
};

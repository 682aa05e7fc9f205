/** Statistics of each channel over N·H·W in parts, by a kernel over the rows: what batch norm merges. */
import { elementwiseGrid } from "../../../shaders/common.js";
import {
  batchNormStatistics,
  chunkCount,
  type RowChunks,
} from "../../../shaders/batch-norm.wgsl.js";
import { rowsPerPart } from "../../../shaders/moments.js";
import type { Dispatch, KernelTarget, OutputSpec } from "../graph.js";
import { pad4, type Tensor } from "../tensor.js";
import { bind } from "./elementwise.js";

/**
 * How an adapter cuts a tensor's rows. Parts are short because rounding grows with them: at 4096 rows the statistics lose a
 * decimal digit, enough to flip ReLUs that PyTorch (which accumulates in f64 here) does not flip.
 */
export function rowChunks(
  { family, limits }: KernelTarget,
  { shape: [n, h, w, c] }: Pick<Tensor, "shape">,
): RowChunks {
  const lanes = limits.invocations >= 256 ? 256 : 64;
  return {
    rows: n * h * w,
    columns4: pad4(c) / 4,
    rowsPerChunk: rowsPerPart,
    mergeLanes: family === "tiled" ? lanes : 1,
  };
}

/** Words of the parts of a tensor: `[part][mean, M2][C]`. */
export function partWords({ shape: [n, h, w, c] }: Pick<Tensor, "shape">) {
  return Math.ceil((n * h * w) / rowsPerPart) * 2 * pad4(c);
}

/** The parts as an output of the op that makes the tensor. */
export function partsOutput(of: Pick<Tensor, "shape">): OutputSpec {
  const words = partWords(of);
  return { label: "statistics", shape: [1, 1, 1, words], layout: "words" };
}

/** The kernel that reads the rows. */
export function statisticsDispatch(
  target: KernelTarget,
  x: Tensor,
  parts: Tensor,
): Dispatch {
  const chunks = rowChunks(target, x);
  return {
    label: "batch norm statistics",
    wgsl: batchNormStatistics(chunks),
    bindings: bind([x], [parts]),
    workgroups: elementwiseGrid(chunkCount(chunks) * chunks.columns4),
  };
}

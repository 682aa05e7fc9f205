/**
 * Batch normalisation over the rows (N·H·W) of a channel: statistics, their merge, and the application.
 *
 * Statistics are (mean, M2) of row chunks, taken relative to the chunk's first row so that large means cost no digits,
 * and merged (moments.ts) in a fixed tree.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { elementwiseMain, rectified, storage, streamMain } from "./common.js";
import { moments } from "./moments.js";

/** How `rows` rows of `columns4` vec4 channels are cut for a reduction. */
export interface RowChunks {
  readonly rows: number;
  readonly columns4: number;
  readonly rowsPerChunk: number;
  /** Invocations that share the merge of one channel vec4: 1 needs no barrier, GPUs take more. */
  readonly mergeLanes: number;
}

export function chunkCount({ rows, rowsPerChunk }: RowChunks): number {
  return Math.ceil(rows / rowsPerChunk);
}

/** The loop over the rows of chunk `i / columns4` for channel vec4 `c`, with `at` the element's index. */
export function chunkLoop(
  { rows, columns4, rowsPerChunk }: RowChunks,
  body: string,
): string {
  return `let c = i % ${columns4}u;
  let begin = (i / ${columns4}u) * ${rowsPerChunk}u;
  let end = min(begin + ${rowsPerChunk}u, ${rows}u);
  for (var row = begin; row < end; row++) {
    let at = row * ${columns4}u + c;
    ${body}
  }`;
}

/** Partials that a lane merges among themselves before they join the rest. */
const mergeGroup = 32;

/**
 * A lane's loop over the partials `chunk`: in groups, so that the rounding error grows with the root of the group and of
 * the number of groups rather than with the number of partials.
 */
export function mergeLoop(
  chunks: RowChunks,
  open: string,
  body: string,
  close: string,
): string {
  const { mergeLanes: lanes } = chunks;
  return `for (var first = local.x; first < ${chunkCount(chunks)}u; first += ${lanes * mergeGroup}u) {
    ${open}
    for (var chunk = first; chunk < min(first + ${lanes * mergeGroup}u, ${chunkCount(chunks)}u); chunk += ${lanes}u) {
      ${body}
    }
    ${close}
  }`;
}

/** Bindings: 0 x, 1 partials `[chunks][mean, M2][C]`. Dispatch: elementwiseGrid(chunks·C/4). Reads x once. */
export function batchNormStatistics(chunks: RowChunks): string {
  const { columns4 } = chunks;
  return `${storage(0, "read", "x")}
${storage(1, "read_write", "partials")}
${elementwiseMain(chunkCount(chunks) * columns4)}
  let shift = x[(i / ${columns4}u) * ${chunks.rowsPerChunk * columns4}u + i % ${columns4}u];
  var sum = vec4<f32>();
  var squares = vec4<f32>();
  ${chunkLoop(chunks, "let d = x[at] - shift; sum += d; squares = fma(d, d, squares);")}
  let n = f32(end - begin);
  let mean = sum / n;
  let out = (i / ${columns4}u) * ${2 * columns4}u + c;
  partials[out] = shift + mean;
  partials[out + ${columns4}u] = max(squares - sum * mean, vec4<f32>());
}`;
}

export interface BatchNormMergeOptions {
  readonly chunks: RowChunks;
  readonly epsilon: number;
  readonly momentum: number;
}

/**
 * Merges the partials, writes the batch's mean and 1/σ (biased variance), and updates the running statistics
 * (PyTorch's rule: running ← (1−momentum)·running + momentum·new, with the unbiased variance).
 *
 * Bindings: 0 partials, 1 statistics `[mean, invstd][C]`, 2 running mean, 3 running variance. Dispatch: [C/4, 1, 1].
 */
export function batchNormMerge({
  chunks,
  epsilon,
  momentum,
}: BatchNormMergeOptions): string {
  const { rows, columns4, rowsPerChunk, mergeLanes } = chunks;
  return wgsl`${storage(0, "read", "partials")}
${storage(1, "read_write", "statistics")}
${storage(2, "read_write", "running_mean")}
${storage(3, "read_write", "running_variance")}
${moments}
#if ${mergeLanes > 1}
var<workgroup> lanes: array<Moments, ${mergeLanes}>;
#endif

@compute @workgroup_size(${mergeLanes})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let c = group.x;
  var all = Moments();
  ${mergeLoop(
    chunks,
    "var part = Moments();",
    `let n = f32(min(${rowsPerChunk}u, ${rows}u - chunk * ${rowsPerChunk}u));
      let at = chunk * ${2 * columns4}u + c;
      part = merge(part, Moments(n, partials[at], partials[at + ${columns4}u]));`,
    "all = merge(all, part);",
  )}
#if ${mergeLanes > 1}
  lanes[local.x] = all;
  workgroupBarrier();
  for (var half = ${mergeLanes / 2}u; half > 0u; half /= 2u) {
    if (local.x < half) { lanes[local.x] = merge(lanes[local.x], lanes[local.x + half]); }
    workgroupBarrier();
  }
  if (local.x > 0u) { return; }
  all = lanes[0];
#endif
  statistics[c] = all.mean;
  statistics[c + ${columns4}u] = 1.0 / sqrt(all.m2 / ${rows}.0 + ${epsilon});
  running_mean[c] = mix(running_mean[c], all.mean, ${momentum});
  running_variance[c] = mix(running_variance[c], all.m2 / ${rows - 1}.0, ${momentum});
}`;
}

/**
 * The running statistics in the form of a batch's, (mean, 1/σ). Bindings: 0 running mean, 1 running variance,
 * 2 statistics. Dispatch: elementwiseGrid(C/4).
 */
export function batchNormFrozenStatistics(
  columns4: number,
  epsilon: number,
): string {
  return `${storage(0, "read", "running_mean")}
${storage(1, "read", "running_variance")}
${storage(2, "read_write", "statistics")}
${elementwiseMain(columns4)}
  statistics[i] = running_mean[i];
  statistics[i + ${columns4}u] = 1.0 / sqrt(running_variance[i] + ${epsilon});
}`;
}

export interface BatchNormApplyOptions {
  /** vec4s in x, and in one row of channels. */
  readonly vectors: number;
  readonly columns4: number;
  readonly residual: boolean;
  readonly relu: boolean;
  /** `batch`: statistics hold (mean, 1/σ). `running`: two bindings, running mean and running variance. */
  readonly source: "batch" | "running";
  readonly epsilon: number;
}

/**
 * y = relu?((x − mean)·γ/σ + β + residual?).
 *
 * Bindings: 0 x, 1 gamma, 2 beta, 3 statistics (or 3 running mean, 4 running variance), then residual if any, last y.
 * Dispatch: streamGrid(vectors). Reads x (and residual) once, writes y once.
 */
export function batchNormApply(options: BatchNormApplyOptions): string {
  const { vectors, columns4, residual, relu, source, epsilon } = options;
  const names = [
    "x",
    "gamma",
    "beta",
    ...(source === "batch"
      ? ["statistics"]
      : ["running_mean", "running_variance"]),
  ];
  if (residual) names.push("residual");
  const [mean, invstd] =
    source === "batch"
      ? ["statistics[c]", `statistics[c + ${columns4}u]`]
      : ["running_mean[c]", `1.0 / sqrt(running_variance[c] + ${epsilon})`];
  const sum = `(x_value - mean) * scale + shift${residual ? " + residual_value" : ""}`;
  return `${names.map((name, binding) => storage(binding, "read", name)).join("\n")}
${storage(names.length, "read_write", "y")}
${streamMain({
  vectors,
  inputs: residual ? ["x", "residual"] : ["x"],
  output: "y",
  columns4,
  prologue: `let mean = ${mean}; let scale = ${invstd} * gamma[c]; let shift = beta[c];`,
  value: relu ? rectified(`(${sum})`) : sum,
})}`;
}

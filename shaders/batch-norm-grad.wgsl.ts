/**
 * Batch normalisation backward, in two passes over dy and x: channel sums of dy and dy·x̂, then
 * dx = γ/σ · (dy − Σdy/m − x̂·Σ(dy·x̂)/m), with x̂ = (x − mean)/σ and m rows (Ioffe & Szegedy 2015, in PyTorch's form).
 * Where mean and σ are constants (frozen), dx = γ/σ · dy.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import {
  chunkCount,
  chunkLoop,
  mergeLoop,
  type RowChunks,
} from "./batch-norm.wgsl.js";
import { elementwiseMain, storage, streamMain } from "./common.js";

/** Bindings: 0 dy, 1 x, 2 statistics, 3 partials `[chunks][Σdy, Σdy·x̂][C]`. Dispatch: elementwiseGrid(chunks·C/4). */
export function batchNormGradSums(chunks: RowChunks): string {
  const { columns4 } = chunks;
  return `${storage(0, "read", "dy")}
${storage(1, "read", "x")}
${storage(2, "read", "statistics")}
${storage(3, "read_write", "partials")}
${elementwiseMain(chunkCount(chunks) * columns4)}
  let mean = statistics[i % ${columns4}u];
  let invstd = statistics[i % ${columns4}u + ${columns4}u];
  var sum = vec4<f32>();
  var product = vec4<f32>();
  ${chunkLoop(chunks, "let d = dy[at]; sum += d; product = fma(d, (x[at] - mean) * invstd, product);")}
  let out = (i / ${columns4}u) * ${2 * columns4}u + c;
  partials[out] = sum;
  partials[out + ${columns4}u] = product;
}`;
}

/** Bindings: 0 partials, 1 dbeta, 2 dgamma. Dispatch: [C/4, 1, 1]. Sums in a fixed tree. */
export function batchNormGradMerge(chunks: RowChunks): string {
  const { columns4, mergeLanes } = chunks;
  return wgsl`${storage(0, "read", "partials")}
${storage(1, "read_write", "dbeta")}
${storage(2, "read_write", "dgamma")}
#if ${mergeLanes > 1}
var<workgroup> lanes: array<array<vec4<f32>, 2>, ${mergeLanes}>;
#endif

@compute @workgroup_size(${mergeLanes})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let c = group.x;
  var sum = vec4<f32>();
  var product = vec4<f32>();
  ${mergeLoop(
    chunks,
    "var part = array<vec4<f32>, 2>();",
    `let at = chunk * ${2 * columns4}u + c;
      part[0] += partials[at];
      part[1] += partials[at + ${columns4}u];`,
    "sum += part[0]; product += part[1];",
  )}
#if ${mergeLanes > 1}
  lanes[local.x][0] = sum;
  lanes[local.x][1] = product;
  workgroupBarrier();
  for (var half = ${mergeLanes / 2}u; half > 0u; half /= 2u) {
    if (local.x < half) {
      lanes[local.x][0] += lanes[local.x + half][0];
      lanes[local.x][1] += lanes[local.x + half][1];
    }
    workgroupBarrier();
  }
  if (local.x > 0u) { return; }
  sum = lanes[0][0];
  product = lanes[0][1];
#endif
  dbeta[c] = sum;
  dgamma[c] = product;
}`;
}

/** Bindings: 0 dy, 1 x, 2 gamma, 3 statistics, 4 dbeta, 5 dgamma, 6 dx. Dispatch: streamGrid(vectors). */
export function batchNormGradApply({ rows, columns4 }: RowChunks): string {
  return `${["dy", "x", "gamma", "statistics", "dbeta", "dgamma"].map((name, i) => storage(i, "read", name)).join("\n")}
${storage(6, "read_write", "dx")}
${streamMain({
  vectors: rows * columns4,
  inputs: ["dy", "x"],
  output: "dx",
  columns4,
  prologue: `let mean = statistics[c]; let invstd = statistics[c + ${columns4}u]; let factor = gamma[c] * invstd;
  let sum = dbeta[c]; let product = dgamma[c];`,
  value: `factor * (dy_value - (sum + (x_value - mean) * invstd * product) / ${rows}.0)`,
})}`;
}

/** Bindings: 0 dy, 1 gamma, 2 statistics, 3 dx. Dispatch: streamGrid(vectors). */
export function batchNormFrozenGradApply({
  rows,
  columns4,
}: RowChunks): string {
  return `${["dy", "gamma", "statistics"].map((name, i) => storage(i, "read", name)).join("\n")}
${storage(3, "read_write", "dx")}
${streamMain({
  vectors: rows * columns4,
  inputs: ["dy"],
  output: "dx",
  columns4,
  prologue: `let factor = gamma[c] * statistics[c + ${columns4}u];`,
  value: "factor * dy_value",
})}`;
}

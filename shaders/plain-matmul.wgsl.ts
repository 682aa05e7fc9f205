/**
 * A plain matrix product c = a·b without any edge handling, in the shapes that run well: what the engine's convolutions
 * are measured against. a `[m][k]`, b `[k][n]`, c `[m][n]`, row-major; m, n and k are multiples of the blocks and tiles.
 *
 * Bindings: 0 a, 1 b, 2 c. Dispatch: grid(workgroups). FLOPs: 2·m·n·k.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { grid, repeat, storage, workgroupIndex } from "./common.js";
import {
  declareAccumulators,
  multiplyAccumulate,
  sharedFragments,
  type Block,
} from "./gemm.js";

/**
 * `tile` rows and columns go through workgroup memory, 16 of k at a time; without it fragments come from memory, with
 * `broadcast` (the subgroup's size, and then the workgroup's) those of b once for all lanes.
 */
export interface PlainMatmulOptions {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly block: Block;
  /** Invocations in a workgroup without a tile. */
  readonly workgroup?: number;
  readonly tile?: number;
  readonly broadcast?: number;
}

/** k in a tile. */
const depth = 16;

export function plainMatmulGrid({
  m,
  n,
  block,
  workgroup = 1,
  tile,
}: PlainMatmulOptions): [number, number, number] {
  return tile
    ? grid((m / tile) * (n / tile))
    : grid((m / (block.rows * workgroup)) * (n / (4 * block.vectors)));
}

export function plainMatmul(options: PlainMatmulOptions): string {
  const header = [
    options.broadcast ? "enable subgroups;" : "",
    storage(0, "read", "a"),
    storage(1, "read", "b"),
    storage(2, "read_write", "c"),
  ].join("\n");
  return (
    header +
    (options.tile
      ? tiledKernel({ ...options, tile: options.tile })
      : registerKernel(options))
  );
}

function registerKernel(options: PlainMatmulOptions): string {
  const { n, k, block, workgroup = 1, broadcast = 0 } = options;
  const columnBlocks = n / (4 * block.vectors);
  const [groups] = plainMatmulGrid(options);
  const { loads, fragment, take } = sharedFragments(
    4 * block.vectors,
    broadcast || 1,
  );
  return wgsl`
@compute @workgroup_size(${workgroup})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>
#if ${broadcast > 0}
  , @builtin(subgroup_invocation_id) lane: u32
#endif
) {
  ${workgroupIndex(groups)}
  let column0 = (index % ${columnBlocks}u) * ${block.vectors}u;
  let row0 = ((index / ${columnBlocks}u) * ${workgroup}u + local.x) * ${block.rows}u;
  ${declareAccumulators(block)}
  for (var k4 = 0u; k4 < ${k / 4}u; k4++) {
    ${repeat(block.rows, (r) => `let a${r} = a[(row0 + ${r}u) * ${k / 4}u + k4];`)}
#if ${broadcast > 0}
    ${repeat(
      loads,
      (l) => `let fragment${l} = ${fragment(l)};
    let shared${l} = b[(k4 * 4u + fragment${l} / ${block.vectors}u) * ${n / 4}u + column0 + fragment${l} % ${block.vectors}u];`,
    )}
    ${repeat(4 * block.vectors, (i) => `let b${i} = ${take("shared", i)};`)}
#else
    ${repeat(4, (j) =>
      repeat(
        block.vectors,
        (v) =>
          `let b${j * block.vectors + v} = b[(k4 * 4u + ${j}u) * ${n / 4}u + column0 + ${v}u];`,
      ),
    )}
#endif
    ${multiplyAccumulate("kn", block)}
  }
  ${repeat(block.rows, (r) =>
    repeat(
      block.vectors,
      (v) => `c[(row0 + ${r}u) * ${n / 4}u + column0 + ${v}u] = c${r}_${v};`,
    ),
  )}
}`;
}

function tiledKernel({
  m,
  n,
  k,
  block,
  tile,
}: PlainMatmulOptions & { readonly tile: number }): string {
  const threadColumns = tile / (4 * block.vectors);
  const threads = (tile / block.rows) * threadColumns;
  const depth4 = depth / 4;
  // One vec4 of padding a row: neighbouring rows then start in different banks.
  const strideA = depth4 + 1;
  const loads = (count: number, body: string) =>
    repeat(
      count / threads,
      (i) => `{ let slot = thread + ${i * threads}u; ${body} }`,
    );
  return wgsl`
var<workgroup> tile_a: array<vec4<f32>, ${tile * strideA}>;
var<workgroup> tile_b: array<vec4<f32>, ${(depth * tile) / 4}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  ${workgroupIndex((m / tile) * (n / tile))}
  let column0 = (index % ${n / tile}u) * ${tile / 4}u;
  let row0 = (index / ${n / tile}u) * ${tile}u;
  let thread = local.x;
  let thread_column = thread % ${threadColumns}u;
  let thread_row = (thread / ${threadColumns}u) * ${block.rows}u;
  ${declareAccumulators(block)}
  for (var start = 0u; start < ${k / 4}u; start += ${depth4}u) {
    ${loads(
      tile * depth4,
      `tile_a[(slot / ${depth4}u) * ${strideA}u + slot % ${depth4}u] = a[(row0 + slot / ${depth4}u) * ${k / 4}u + start + slot % ${depth4}u];`,
    )}
    ${loads(
      (depth * tile) / 4,
      `tile_b[slot] = b[(start * 4u + slot / ${tile / 4}u) * ${n / 4}u + column0 + slot % ${tile / 4}u];`,
    )}
    workgroupBarrier();
    for (var k4 = 0u; k4 < ${depth4}u; k4++) {
      ${repeat(block.rows, (r) => `let a${r} = tile_a[(thread_row + ${r}u) * ${strideA}u + k4];`)}
      ${repeat(4, (j) =>
        repeat(
          block.vectors,
          (v) =>
            `let b${j * block.vectors + v} = tile_b[(k4 * 4u + ${j}u) * ${tile / 4}u + thread_column + ${v * threadColumns}u];`,
        ),
      )}
      ${multiplyAccumulate("kn", block)}
    }
    workgroupBarrier();
  }
  ${repeat(block.rows, (r) =>
    repeat(
      block.vectors,
      (v) =>
        `c[(row0 + thread_row + ${r}u) * ${n / 4}u + column0 + thread_column + ${v * threadColumns}u] = c${r}_${v};`,
    ),
  )}
}`;
}

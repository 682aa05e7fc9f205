/**
 * Convolution weight gradient as an implicit GEMM: dw[tap, cin][cout] = Σ over output pixels of x[pixel under tap][cin] ·
 * dy[pixel][cout]. K is the number of output pixels, so it is split into `splits` ranges; each writes a partial matrix
 * that sum-partials.wgsl.ts adds up in fixed order. The bias gradient is one more row: Σ dy. A single range writes the
 * gradients themselves.
 *
 * Bindings: 0 x, 1 dy, 2 partials `[splits][kh·kw·Cin + 1 (bias)][Cout]` (padded channels; the bias row only if asked);
 * with one split 2 dw `[kh·kw·Cin][Cout]` and, if asked, 3 the bias gradient `[Cout]`.
 * Dispatch: grid(workgroups). FLOPs: 2·pixels·kh·kw·Cin·Cout.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { grid, repeat, storage, workgroupIndex } from "./common.js";
import type {
  MatrixVariant,
  RegisterVariant,
  TiledVariant,
} from "./conv2d-gather.wgsl.js";
import { matrixGradWeight } from "./conv2d-grad-weight-matrix.js";
import { gradWeightWorkgroups } from "./conv2d-grad-weight-tiles.js";
import {
  tiledGradWeight,
  type TiledGradWeightOptions,
} from "./conv2d-grad-weight-tiled.js";
import { vec4Channels, type ConvGeometry } from "./convolution.js";
import { matrixEnables } from "./gemm-matrix.js";
import type { Tile } from "./gemm-tiled.js";
import { declareAccumulators, multiplyAccumulate, type Block } from "./gemm.js";

/** Any family, with the number of `splits` of K. `matrix` has no bias. */
export type GradWeightVariant = { readonly splits: number } & (
  RegisterVariant | TiledVariant | MatrixVariant
);

export interface GradWeightOptions {
  readonly geometry: ConvGeometry;
  readonly bias: boolean;
  readonly variant: GradWeightVariant;
}

interface Problem {
  /** Rows in vec4s (kh·kw·Cin/4) and columns in vec4s. */
  readonly rows4: number;
  readonly columns4: number;
  /** vec4s in one partial matrix. */
  readonly partial4: number;
}

function problem({ geometry: g, bias }: GradWeightOptions): Problem {
  const { cin4, cout4 } = vec4Channels(g);
  const rows4 = g.kh * g.kw * cin4;
  return {
    rows4,
    columns4: cout4,
    partial4: rows4 * 4 * cout4 + (bias ? cout4 : 0),
  };
}

/** Whether the kernel writes the gradients themselves. Otherwise they are sums of what it writes. */
export function writesGradients({ variant }: GradWeightOptions): boolean {
  return variant.splits === 1;
}

/** Words of the partials buffer. */
export function partialWords(options: GradWeightOptions): number {
  return problem(options).partial4 * 4 * options.variant.splits;
}

function blockCounts(
  options: GradWeightOptions,
  { block }: RegisterVariant,
): { rowBlocks: number; columnBlocks: number } {
  const { rows4, columns4 } = problem(options);
  return {
    rowBlocks: Math.ceil(rows4 / (block.rows / 4)),
    columnBlocks: Math.ceil(columns4 / block.vectors),
  };
}

function registerWorkgroups(
  options: GradWeightOptions,
  variant: RegisterVariant,
): number {
  const { rowBlocks, columnBlocks } = blockCounts(options, variant);
  const { workgroup } = variant;
  return (
    Math.ceil(rowBlocks / workgroup) * options.variant.splits * columnBlocks
  );
}

function matrixOptions(
  { geometry }: GradWeightOptions,
  tile: MatrixVariant & { readonly splits: number },
) {
  return { geometry, tile, ...tile };
}

function tiledOptions(
  options: GradWeightOptions,
  tile: Tile,
): TiledGradWeightOptions {
  const { geometry, bias, variant } = options;
  return {
    geometry,
    bias,
    tile,
    splits: variant.splits,
    store: (row4, column) =>
      store(options, tile.block, problem(options), row4, column),
  };
}

export function conv2dGradWeightGrid(
  options: GradWeightOptions,
): [number, number, number] {
  const { variant } = options;
  switch (variant.family) {
    case "register":
      return grid(registerWorkgroups(options, variant));
    case "tiled":
    case "matrix":
      return grid(
        gradWeightWorkgroups({
          geometry: options.geometry,
          tile: variant,
          splits: variant.splits,
        }),
      );
  }
}

export function conv2dGradWeight(options: GradWeightOptions): string {
  const { variant } = options;
  const type = variant.family === "matrix" ? "array<vec4<u32>>" : undefined;
  const bindings = [
    storage(0, "read", "x", type),
    storage(1, "read", "dy", type),
    storage(2, "read_write", "partials"),
    ...(options.bias && writesGradients(options)
      ? [storage(3, "read_write", "bias_gradient")]
      : []),
  ].join("\n");
  if (variant.family === "matrix")
    return (
      matrixEnables(variant.matrices) +
      bindings +
      matrixGradWeight(matrixOptions(options, variant))
    );
  if (variant.family === "tiled")
    return bindings + tiledGradWeight(tiledOptions(options, variant));
  const enable = variant.broadcast > 0 ? "enable subgroups;" : "";
  return `${enable}\n${bindings}${registerKernel(options, variant)}`;
}

/** Stores rows 4·(row4)+0…3 of each fragment, columns `column(v)`, and the bias row. */
function store(
  options: GradWeightOptions,
  { rows, vectors }: Block,
  p: Problem,
  row4: (q: number) => string,
  column: (v: number) => string,
): string {
  const matrix = repeat(rows, (r) =>
    repeat(
      vectors,
      (
        v,
      ) => `if (${row4(r >> 2)} < ${p.rows4}u && ${column(v)} < ${p.columns4}u) {
    partials[base + (${row4(r >> 2)} * 4u + ${r & 3}u) * ${p.columns4}u + ${column(v)}] = c${r}_${v};
  }`,
    ),
  );
  const biasAt = (v: number) =>
    writesGradients(options)
      ? `bias_gradient[${column(v)}]`
      : `partials[base + ${p.rows4 * 4 * p.columns4}u + ${column(v)}]`;
  const biasRow = repeat(
    vectors,
    (v) => `if (${column(v)} < ${p.columns4}u) { ${biasAt(v)} = bias${v}; }`,
  );
  return wgsl`let base = split * ${p.partial4}u;
  ${matrix}
#if ${options.bias}
  if (first_rows) { ${biasRow} }
#endif`;
}

/** Output columns that the register kernel takes in one stretch; rows longer than this are cut. */
const longestSegment = 64;

/** K cut into segments of one output row each, and a segment into steps of `together` pixels. */
function segmentsOf(
  { geometry: { n, oh, ow } }: GradWeightOptions,
  { block, broadcast }: RegisterVariant,
) {
  const together = broadcast > 0 ? Math.floor(broadcast / block.vectors) : 1;
  const steps = Math.ceil(Math.min(ow, longestSegment) / together);
  const perRow = Math.ceil(ow / (steps * together));
  return {
    together,
    steps,
    length: steps * together,
    perRow,
    total: n * oh * perRow,
  };
}

function registerKernel(
  options: GradWeightOptions,
  variant: RegisterVariant,
): string {
  const { block, workgroup, broadcast } = variant;
  const { splits } = options.variant;
  const p = problem(options);
  const g = options.geometry;
  const { cin4 } = vec4Channels(g);
  const { rowBlocks, columnBlocks } = blockCounts(options, variant);
  const segments = segmentsOf(options, variant);
  const perSplit = Math.ceil(segments.total / splits);
  const quads = block.rows / 4;
  const column = (v: number | string) => `(column0 + ${v}u)`;
  /** x under the tap of quad q at output column `ow`, 0 in the padding. */
  const loadX = (q: number) => {
    const value = `x[u32(max(base${q} + ow * ${g.stride * cin4}, 0))]`;
    const inside = `y${q} >= 0 && y${q} < ${g.h} && left${q} + ow * ${g.stride} >= 0 && left${q} + ow * ${g.stride} < ${g.w}`;
    return g.padding === 0 ? value : `select(vec4<f32>(), ${value}, ${inside})`;
  };
  return wgsl`
@compute @workgroup_size(${workgroup})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>
#if ${broadcast > 0}
  , @builtin(subgroup_invocation_id) lane: u32
#endif
) {
  // A workgroup's lanes share the columns and the split, so that they read the same dy; they differ in rows.
  ${workgroupIndex(registerWorkgroups(options, variant))}
  let column0 = (index % ${columnBlocks}u) * ${block.vectors}u;
  let task = index / ${columnBlocks}u;
  let split = task / ${Math.ceil(rowBlocks / workgroup)}u;
  let row0 = ((task % ${Math.ceil(rowBlocks / workgroup)}u) * ${workgroup}u + local.x) * ${quads}u;
  let first_rows = row0 == 0u;
  ${repeat(
    quads,
    (q) => `let q${q} = min(row0 + ${q}u, ${p.rows4 - 1}u);
  let kh${q} = i32(q${q} / ${cin4 * g.kw}u);
  let left${q} = i32((q${q} / ${cin4}u) % ${g.kw}u) - ${g.padding};
  let ci${q} = i32(q${q} % ${cin4}u);`,
  )}
  ${declareAccumulators(block)}
  ${repeat(block.vectors, (v) => `var bias${v} = vec4<f32>();`)}
  let end = min((split + 1u) * ${perSplit}u, ${segments.total}u);
  for (var segment = split * ${perSplit}u; segment < end; segment++) {
    let row = segment / ${segments.perRow}u;
    let start = (segment % ${segments.perRow}u) * ${segments.length}u;
    let image = i32(row / ${g.oh}u);
    let top = i32(row % ${g.oh}u) * ${g.stride} - ${g.padding};
    ${repeat(
      quads,
      (q) => `let y${q} = top + kh${q};
    let base${q} = ((image * ${g.h} + y${q}) * ${g.w} + left${q}) * ${cin4} + ci${q};`,
    )}
    for (var step = 0u; step < ${segments.steps}u; step++) {
      let first = start + step * ${segments.together}u;
#if ${broadcast > 0}
      let own = first + lane / ${block.vectors}u;
      let at = (row * ${g.ow}u + min(own, ${g.ow - 1}u)) * ${p.columns4}u + column0 + lane % ${block.vectors}u;
      let shared_dy = select(vec4<f32>(), dy[at], own < ${g.ow}u);
#endif
      ${repeat(
        segments.together,
        (j) => wgsl`{
        let ow = i32(min(first + ${j}u, ${g.ow - 1}u));
        ${repeat(quads, (q) => `let a${q} = ${loadX(q)};`)}
#if ${broadcast > 0}
        ${repeat(block.vectors, (v) => `let b${v} = subgroupBroadcast(shared_dy, ${j * block.vectors + v}u);`)}
#else
        ${repeat(block.vectors, (v) => `let b${v} = select(vec4<f32>(), dy[(row * ${g.ow}u + u32(ow)) * ${p.columns4}u + ${column(v)}], first < ${g.ow}u);`)}
#endif
        ${multiplyAccumulate("mn", block)}
#if ${options.bias}
        ${repeat(block.vectors, (v) => `bias${v} += b${v};`)}
#endif
      }`,
      )}
    }
  }
  ${store(options, block, p, (q) => `(row0 + ${q}u)`, column)}
}`;
}

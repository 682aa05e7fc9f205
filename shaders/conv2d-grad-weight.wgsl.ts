/**
 * Convolution weight gradient as an implicit GEMM: dw[tap, cin][cout] = Σ over output pixels of x[pixel under tap][cin] ·
 * dy[pixel][cout]. K is the number of output pixels, so it is split into `splits` ranges; each writes a partial matrix
 * that sum-partials.wgsl.ts adds up in fixed order. The bias gradient is one more row: Σ dy.
 *
 * Bindings: 0 x, 1 dy, 2 partials `[splits][kh·kw·Cin + 1 (bias)][Cout]` (padded channels; the bias row only if asked).
 * Dispatch: grid(workgroups). FLOPs: 2·pixels·kh·kw·Cin·Cout.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { grid, linearWorkgroup, repeat, storage } from "./common.js";
import {
  forwardIndex,
  vec4Channels,
  type ConvGeometry,
} from "./convolution.js";
import { declareAccumulators, multiplyAccumulate, type Block } from "./gemm.js";

export type GradWeightVariant =
  | {
      readonly family: "register";
      readonly block: Block;
      readonly workgroup: number;
      readonly splits: number;
      /** Subgroup size (equal to the workgroup) over which dy is loaded once and broadcast; 0 loads it in every lane. */
      readonly broadcast: number;
    }
  | {
      readonly family: "tiled";
      readonly block: Block;
      readonly tileRows: number;
      readonly tileColumns: number;
      /** Pixels per step through workgroup memory. */
      readonly depth: number;
      readonly splits: number;
    };

export interface GradWeightOptions {
  readonly geometry: ConvGeometry;
  readonly bias: boolean;
  readonly variant: GradWeightVariant;
}

interface Problem {
  readonly pixels: number;
  /** Rows in vec4s (kh·kw·Cin/4) and columns in vec4s. */
  readonly rows4: number;
  readonly columns4: number;
  /** vec4s in one partial matrix. */
  readonly partial4: number;
  readonly pixelsPerSplit: number;
}

function problem({ geometry: g, bias, variant }: GradWeightOptions): Problem {
  const { cin4, cout4 } = vec4Channels(g);
  const pixels = g.n * g.oh * g.ow;
  const rows4 = g.kh * g.kw * cin4;
  return {
    pixels,
    rows4,
    columns4: cout4,
    partial4: rows4 * 4 * cout4 + (bias ? cout4 : 0),
    pixelsPerSplit: Math.ceil(pixels / variant.splits),
  };
}

/** Words of the partials buffer. */
export function partialWords(options: GradWeightOptions): number {
  return problem(options).partial4 * 4 * options.variant.splits;
}

function blockCounts(options: GradWeightOptions): {
  rowBlocks: number;
  columnBlocks: number;
} {
  const { rows4, columns4 } = problem(options);
  const { variant } = options;
  const [rows, columns] =
    variant.family === "register"
      ? [variant.block.rows / 4, variant.block.vectors]
      : [variant.tileRows / 4, variant.tileColumns / 4];
  return {
    rowBlocks: Math.ceil(rows4 / rows),
    columnBlocks: Math.ceil(columns4 / columns),
  };
}

function workgroupsOf(options: GradWeightOptions): number {
  const { rowBlocks, columnBlocks } = blockCounts(options);
  const { variant } = options;
  return variant.family === "register"
    ? Math.ceil(rowBlocks / variant.workgroup) * variant.splits * columnBlocks
    : rowBlocks * columnBlocks * variant.splits;
}

export function conv2dGradWeightGrid(
  options: GradWeightOptions,
): [number, number, number] {
  return grid(workgroupsOf(options));
}

export function conv2dGradWeight(options: GradWeightOptions): string {
  const { variant } = options;
  const header = [
    variant.family === "register" && variant.broadcast > 0
      ? "enable subgroups;"
      : "",
    storage(0, "read", "x"),
    storage(1, "read", "dy"),
    storage(2, "read_write", "partials"),
  ].join("\n");
  return variant.family === "register"
    ? header + registerKernel(options, variant)
    : header + forwardIndex(options.geometry) + tiledKernel(options, variant);
}

/** Stores rows 4·(row4)+0…3 of each fragment, columns `column(v)`, and the bias row. */
function store(
  options: GradWeightOptions,
  p: Problem,
  row4: (q: number) => string,
  column: (v: number) => string,
): string {
  const { rows, vectors } = options.variant.block;
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
  const biasRow = repeat(
    vectors,
    (v) =>
      `if (${column(v)} < ${p.columns4}u) { partials[base + ${p.rows4 * 4 * p.columns4}u + ${column(v)}] = bias${v}; }`,
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
  { block, broadcast }: Extract<GradWeightVariant, { family: "register" }>,
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
  variant: Extract<GradWeightVariant, { family: "register" }>,
): string {
  const { block, workgroup, splits, broadcast } = variant;
  const p = problem(options);
  const g = options.geometry;
  const { cin4 } = vec4Channels(g);
  const { rowBlocks, columnBlocks } = blockCounts(options);
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
  let index = ${linearWorkgroup(workgroupsOf(options))};
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
  ${store(options, p, (q) => `(row0 + ${q}u)`, column)}
}`;
}

function tiledKernel(
  options: GradWeightOptions,
  {
    block,
    tileRows,
    tileColumns,
    depth,
  }: Extract<GradWeightVariant, { family: "tiled" }>,
): string {
  const p = problem(options);
  const { cin4 } = vec4Channels(options.geometry);
  const { kw } = options.geometry;
  const { rowBlocks, columnBlocks } = blockCounts(options);
  const quads = block.rows / 4;
  const threadColumns = tileColumns / (4 * block.vectors);
  const threadRows = tileRows / block.rows;
  const threads = threadRows * threadColumns;
  const [rows4, columns4] = [tileRows / 4, tileColumns / 4];
  const column = (v: number) =>
    `(tile_column0 + thread_column + ${v * threadColumns}u)`;
  const row4 = (q: number) => `(tile_row0 + thread_row + ${q * threadRows}u)`;
  const load = (count: number, body: (slot: string) => string) =>
    repeat(Math.ceil(count / threads), (i) => {
      const guard =
        (i + 1) * threads > count
          ? `if (thread + ${i * threads}u < ${count}u)`
          : "";
      return `${guard} { let slot = thread + ${i * threads}u; ${body("slot")} }`;
    });
  return wgsl`
var<workgroup> tile_a: array<vec4<f32>, ${depth * rows4}>;
var<workgroup> tile_b: array<vec4<f32>, ${depth * columns4}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let index = ${linearWorkgroup(workgroupsOf(options))};
  let tile_column0 = (index % ${columnBlocks}u) * ${columns4}u;
  let tile_row0 = ((index / ${columnBlocks}u) % ${rowBlocks}u) * ${rows4}u;
  let split = index / ${columnBlocks * rowBlocks}u;
  let thread = local.x;
  let thread_column = thread % ${threadColumns}u;
  let thread_row = thread / ${threadColumns}u;
  let first_rows = tile_row0 == 0u && thread_row == 0u;
  ${declareAccumulators(block)}
  ${repeat(block.vectors, (v) => `var bias${v} = vec4<f32>();`)}
  let begin = split * ${p.pixelsPerSplit}u;
  let end = min(begin + ${p.pixelsPerSplit}u, ${p.pixels}u);
  // The trip count is the same for every workgroup, so that the barriers stay in uniform control flow.
  for (var step = 0u; step < ${Math.ceil(p.pixelsPerSplit / depth)}u; step++) {
    let start = begin + step * ${depth}u;
    ${load(
      depth * rows4,
      () => `let m = start + slot / ${rows4}u;
      let q = min(tile_row0 + slot % ${rows4}u, ${p.rows4 - 1}u);
      let t = tap(pixel(min(m, ${p.pixels - 1}u)), i32(q / ${cin4 * kw}u), i32((q / ${cin4}u) % ${kw}u));
      tile_a[slot] = select(vec4<f32>(), x[u32(max(t, 0)) + q % ${cin4}u], t >= 0 && m < end);`,
    )}
    ${load(
      depth * columns4,
      () => `let m = start + slot / ${columns4}u;
      let c4 = tile_column0 + slot % ${columns4}u;
      tile_b[slot] = select(vec4<f32>(), dy[min(m, ${p.pixels - 1}u) * ${p.columns4}u + min(c4, ${p.columns4 - 1}u)], m < end && c4 < ${p.columns4}u);`,
    )}
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      ${repeat(quads, (q) => `let a${q} = tile_a[k * ${rows4}u + thread_row + ${q * threadRows}u];`)}
      ${repeat(block.vectors, (v) => `let b${v} = tile_b[k * ${columns4}u + thread_column + ${v * threadColumns}u];`)}
      ${multiplyAccumulate("mn", block)}
#if ${options.bias}
      ${repeat(block.vectors, (v) => `bias${v} += b${v};`)}
#endif
    }
    workgroupBarrier();
  }
  ${store(options, p, row4, column)}
}`;
}

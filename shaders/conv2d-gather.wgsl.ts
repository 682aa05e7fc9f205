/**
 * Convolution forward and input gradient as an implicit GEMM: rows are pixels, columns are channels, K runs over
 * (tap, channel). Both gather a row's vec4s through `pixel`/`tap` (convolution.ts) and differ in the weights' direction:
 * forward reads w[k][n] (style `kn`), the input gradient reads the same memory as w[n][k] (style `nk`).
 *
 * Bindings: 0 source (x or dy), 1 weights, then one each of the epilogue's tensors in this order if present: bias
 * `[columns]`, addend `[rows][columns]`, mask `[rows][columns]`; last the destination (y or dx).
 * Dispatch: grid(workgroups). FLOPs: 2·rows·columns·K. Reads: each source vec4 once per tap and column block.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { grid, linearWorkgroup, repeat, storage } from "./common.js";
import {
  backwardIndex,
  forwardIndex,
  vec4Channels,
  type ConvGeometry,
} from "./convolution.js";
import {
  declareAccumulators,
  fragmentCounts,
  multiplyAccumulate,
  type Block,
} from "./gemm.js";

/** What happens to a result before it is stored, in this order: + bias, + addend, ReLU, zero where mask ≤ 0. */
export interface Epilogue {
  readonly bias?: boolean;
  readonly addend?: boolean;
  readonly relu?: boolean;
  readonly mask?: boolean;
}

/**
 * - `register`: fragments straight from memory, no barriers. With `broadcast` (the subgroup size, equal to the workgroup)
 *   the weights, the same for all lanes, are loaded once by the subgroup and broadcast: 2 to 3 times faster where a
 *   load costs as much as on CPUs. 0 loads them in every lane.
 * - `tiled`: through workgroup memory, `depth` vec4s of K at a time.
 */
export type GatherVariant =
  | {
      readonly family: "register";
      readonly block: Block;
      readonly workgroup: number;
      readonly broadcast: number;
    }
  | {
      readonly family: "tiled";
      readonly block: Block;
      readonly tileRows: number;
      readonly tileColumns: number;
      readonly depth: number;
    };

export interface GatherOptions {
  readonly geometry: ConvGeometry;
  readonly pass: "forward" | "gradInput";
  readonly epilogue: Epilogue;
  readonly variant: GatherVariant;
}

interface Problem {
  /** Rows, columns in vec4s. */
  readonly rows: number;
  readonly columns4: number;
  /** K as taps (kh·kw) of `depth4` contiguous vec4s. */
  readonly kh: number;
  readonly kw: number;
  readonly depth4: number;
  readonly style: "kn" | "nk";
  readonly index: string;
  /** vec4s of weights in one tap. */
  readonly tapStride: number;
  /** vec4 index, within a tap, of the weights' fragment (j, v) at column `n4` for k4 = 0, and its stride in k4. */
  readonly weightOffset: (n4: string, j: string, v: string) => string;
  readonly weightStride: number;
}

function problem({ geometry: g, pass }: GatherOptions): Problem {
  const { cin4, cout4 } = vec4Channels(g);
  if (pass === "forward") {
    // Without padding the taps of a kernel row are contiguous in x: they count as one tap of kw·cin channels.
    const merged = g.padding === 0 ? g.kw : 1;
    return {
      rows: g.n * g.oh * g.ow,
      columns4: cout4,
      kh: g.kh,
      kw: g.kw / merged,
      depth4: cin4 * merged,
      style: "kn",
      index: forwardIndex(g),
      tapStride: cin4 * 4 * cout4 * merged,
      weightOffset: (n4, j, v) => `${j} * ${cout4}u + ${n4} + ${v}`,
      weightStride: 4 * cout4,
    };
  }
  return {
    rows: g.n * g.h * g.w,
    columns4: cin4,
    kh: g.kh,
    kw: g.kw,
    depth4: cout4,
    style: "nk",
    index: backwardIndex(g),
    tapStride: cin4 * 4 * cout4,
    weightOffset: (n4, j, v) => `((${n4} + ${v}) * 4u + ${j}) * ${cout4}u`,
    weightStride: 1,
  };
}

/** Workgroups to dispatch. */
export function conv2dGatherGrid(
  options: GatherOptions,
): [number, number, number] {
  return grid(workgroupsOf(options));
}

function workgroupsOf(options: GatherOptions): number {
  const { rows, columns4 } = problem(options);
  const { variant } = options;
  return variant.family === "register"
    ? Math.ceil(rows / (variant.block.rows * variant.workgroup)) *
        Math.ceil(columns4 / variant.block.vectors)
    : Math.ceil(rows / variant.tileRows) *
        Math.ceil((columns4 * 4) / variant.tileColumns);
}

function declareBindings({ epilogue }: GatherOptions): string {
  const names = ["source", "weights"];
  if (epilogue.bias) names.push("bias");
  if (epilogue.addend) names.push("addend");
  if (epilogue.mask) names.push("mask");
  return [
    ...names.map((name, i) => storage(i, "read", name)),
    storage(names.length, "read_write", "destination"),
  ].join("\n");
}

/** Applies the epilogue to the accumulators and stores what lies inside the matrix. */
function storeBlock(
  options: GatherOptions,
  { rows, columns4 }: Problem,
): string {
  const { epilogue, variant } = options;
  const guardColumns =
    columns4 % variant.block.vectors !== 0 || variant.family === "tiled";
  return repeat(variant.block.rows, (r) =>
    repeat(
      variant.block.vectors,
      (v) => wgsl`
  if (row0 + ${r}u < ${rows}u #if ${guardColumns}&& column0 + ${v}u < ${columns4}u#endif ) {
    let at = (row0 + ${r}u) * ${columns4}u + column0 + ${v}u;
    var value = c${r}_${v};
#if ${epilogue.bias}
    value += bias[column0 + ${v}u];
#endif
#if ${epilogue.addend}
    value += addend[at];
#endif
#if ${epilogue.relu}
    value = max(value, vec4<f32>());
#endif
#if ${epilogue.mask}
    value = select(vec4<f32>(), value, mask[at] > vec4<f32>());
#endif
    destination[at] = value;
  }`,
    ),
  );
}

export function conv2dGather(options: GatherOptions): string {
  const p = problem(options);
  const { variant } = options;
  const enable =
    variant.family === "register" && variant.broadcast > 0
      ? "enable subgroups;\n"
      : "";
  const header = `${enable}${declareBindings(options)}\n${p.index}`;
  return variant.family === "register"
    ? header + registerKernel(options, variant, p)
    : header + tiledKernel(options, variant, p);
}

function registerKernel(
  options: GatherOptions,
  {
    block,
    workgroup,
    broadcast,
  }: Extract<GatherVariant, { family: "register" }>,
  p: Problem,
): string {
  const columnBlocks = Math.ceil(p.columns4 / block.vectors);
  const { a, b } = fragmentCounts(p.style, block);
  const loads = broadcast > 0 ? Math.ceil(b / broadcast) : b;
  // Load l of a lane is fragment l, or with broadcasts fragment l·size + lane.
  const fragment = (l: number) =>
    broadcast > 0 ? `min(lane + ${l * broadcast}u, ${b - 1}u)` : `${l}u`;
  const offset = (l: number) =>
    p.weightOffset(
      "column0",
      `(${fragment(l)} / ${block.vectors}u)`,
      `(${fragment(l)} % ${block.vectors}u)`,
    );
  return wgsl`
@compute @workgroup_size(${workgroup})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>
#if ${broadcast > 0}
  , @builtin(subgroup_invocation_id) lane: u32
#endif
) {
  let index = ${linearWorkgroup(workgroupsOf(options))};
  let column0 = (index % ${columnBlocks}u) * ${block.vectors}u;
  let row0 = ((index / ${columnBlocks}u) * ${workgroup}u + local.x) * ${block.rows}u;
#if ${broadcast === 0}
  if (row0 >= ${p.rows}u) { return; }
#endif
  ${repeat(block.rows, (r) => `let p${r} = pixel(min(row0 + ${r}u, ${p.rows - 1}u));`)}
  ${repeat(loads, (l) => `let weight${l} = ${offset(l)};`)}
  ${declareAccumulators(block)}
  for (var kh = 0; kh < ${p.kh}; kh++) {
    for (var kw = 0; kw < ${p.kw}; kw++) {
      ${repeat(block.rows, (r) => `let t${r} = tap(p${r}, kh, kw); let o${r} = u32(max(t${r}, 0));`)}
      let w_tap = u32(kh * ${p.kw} + kw) * ${p.tapStride}u;
      for (var k4 = 0u; k4 < ${p.depth4}u; k4++) {
        let w = w_tap + k4 * ${p.weightStride}u;
        ${repeat(a, (r) => `let a${r} = select(vec4<f32>(), source[o${r} + k4], t${r} >= 0);`)}
#if ${broadcast > 0}
        ${repeat(loads, (l) => `let shared${l} = weights[w + weight${l}];`)}
        ${repeat(b, (i) => `let b${i} = subgroupBroadcast(shared${Math.floor(i / broadcast)}, ${i % broadcast}u);`)}
#else
        ${repeat(b, (i) => `let b${i} = weights[w + weight${i}];`)}
#endif
        ${multiplyAccumulate(p.style, block)}
      }
    }
  }
  ${storeBlock(options, p)}
}`;
}

function tiledKernel(
  options: GatherOptions,
  {
    block,
    tileRows,
    tileColumns,
    depth,
  }: Extract<GatherVariant, { family: "tiled" }>,
  p: Problem,
): string {
  const threadColumns = tileColumns / (4 * block.vectors);
  const threads = (tileRows / block.rows) * threadColumns;
  const columnTiles = Math.ceil((p.columns4 * 4) / tileColumns);
  const tileColumns4 = tileColumns / 4;
  const total = p.kh * p.kw * p.depth4;
  // One vec4 of padding a row: neighbouring rows then start in different banks.
  const strideA = depth + 1;
  // `kn` keeps B as [k][columns4]; `nk` as [column][depth].
  const kn = p.style === "kn";
  const strideB = kn ? tileColumns4 : depth + 1;
  const sizeB = kn ? depth * 4 * strideB : tileColumns * strideB;
  const loadsA = Math.ceil((tileRows * depth) / threads);
  const loadsB = Math.ceil((tileColumns * depth) / threads);
  const fragmentB = (j: number, v: number) =>
    kn
      ? `tile_b[(k4 * 4u + ${j}u) * ${strideB}u + thread_column + ${v * threadColumns}u]`
      : `tile_b[((thread_column + ${v * threadColumns}u) * 4u + ${j}u) * ${strideB}u + k4]`;
  return wgsl`
var<workgroup> tile_a: array<vec4<f32>, ${tileRows * strideA}>;
var<workgroup> tile_b: array<vec4<f32>, ${sizeB}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let index = ${linearWorkgroup(workgroupsOf(options))};
  let tile_column0 = (index % ${columnTiles}u) * ${tileColumns4}u;
  let tile_row0 = (index / ${columnTiles}u) * ${tileRows}u;
  let thread = local.x;
  let thread_column = thread % ${threadColumns}u;
  let thread_row = (thread / ${threadColumns}u) * ${block.rows}u;
  ${repeat(loadsA, (i) => `let p${i} = pixel(min(tile_row0 + (thread + ${i * threads}u) / ${depth}u, ${p.rows - 1}u));`)}
  ${declareAccumulators(block)}
  for (var start = 0u; start < ${total}u; start += ${depth}u) {
    ${repeat(
      loadsA,
      (i) => wgsl`{
      let slot = thread + ${i * threads}u;
      let k = start + slot % ${depth}u;
      let tap_index = k / ${p.depth4}u;
      let t = tap(p${i}, i32(tap_index / ${p.kw}u), i32(tap_index % ${p.kw}u));
      let value = select(vec4<f32>(), source[u32(max(t, 0)) + k % ${p.depth4}u], t >= 0 && k < ${total}u);
      #if ${(tileRows * depth) % threads !== 0}if (slot < ${tileRows * depth}u)#endif  { tile_a[(slot / ${depth}u) * ${strideA}u + slot % ${depth}u] = value; }
    }`,
    )}
    ${repeat(
      loadsB,
      (i) => wgsl`{
      let slot = thread + ${i * threads}u;
#if ${kn}
      let c4 = slot % ${tileColumns4}u;
      let row = slot / ${tileColumns4}u;
      let j = row % 4u;
      let k = start + row / 4u;
      let at = row * ${strideB}u + c4;
#else
      let column = slot / ${depth}u;
      let c4 = column / 4u;
      let j = column % 4u;
      let k = start + slot % ${depth}u;
      let at = column * ${strideB}u + slot % ${depth}u;
#endif
      let n4 = tile_column0 + c4;
      let inside = k < ${total}u && n4 < ${p.columns4}u;
      let w = (k / ${p.depth4}u) * ${p.tapStride}u + (k % ${p.depth4}u) * ${p.weightStride}u + ${p.weightOffset("n4", "j", "0u")};
      let value = select(vec4<f32>(), weights[select(0u, w, inside)], inside);
      #if ${(tileColumns * depth) % threads !== 0}if (slot < ${tileColumns * depth}u)#endif  { tile_b[at] = value; }
    }`,
    )}
    workgroupBarrier();
    for (var k4 = 0u; k4 < ${depth}u; k4++) {
      ${repeat(block.rows, (r) => `let a${r} = tile_a[(thread_row + ${r}u) * ${strideA}u + k4];`)}
      ${repeat(4, (j) => repeat(block.vectors, (v) => `let b${j * block.vectors + v} = ${fragmentB(j, v)};`))}
      ${multiplyAccumulate(p.style, block)}
    }
    workgroupBarrier();
  }
  let row0 = tile_row0 + thread_row;
  ${storeTiled(options, p, threadColumns)}
}`;
}

/** Fragment v of a tiled block holds columns thread_column + v·threadColumns: store each at its own place. */
function storeTiled(
  options: GatherOptions,
  p: Problem,
  threadColumns: number,
): string {
  const { block } = options.variant;
  return repeat(block.vectors, (v) => {
    const one = {
      ...options,
      variant: { ...options.variant, block: { rows: block.rows, vectors: 1 } },
    };
    const text = storeBlock(one, p).replaceAll(/c(\d+)_0/g, `c$1_${v}`);
    return `{ let column0 = tile_column0 + thread_column + ${v * threadColumns}u; ${text} }`;
  });
}

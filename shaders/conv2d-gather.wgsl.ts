/**
 * Convolution forward and input gradient as an implicit GEMM: rows are pixels, columns are channels, K runs over
 * (tap, channel). Both gather a row's vec4s through `pixel`/`tap` (convolution.ts) and differ in the weights' direction:
 * forward reads w[k][n] (style `kn`), the input gradient reads the same memory as w[n][k] (style `nk`).
 *
 * Bindings: 0 source (x or dy), 1 weights, then one each of the epilogue's tensors in this order if present: bias
 * `[columns]`, addend `[rows][columns]`, mask `[rows][columns]`; then the destination (y or dx), last `parts` where statistics are taken.
 * Dispatch: grid(workgroups). FLOPs: 2·rows·columns·K. Reads: each source vec4 once per tap and column block.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import {
  grid,
  masked,
  rectified,
  repeat,
  storage,
  workgroupIndex,
} from "./common.js";
import {
  backwardIndex,
  forwardIndex,
  vec4Channels,
  type ConvGeometry,
} from "./convolution.js";
import {
  matrixGather,
  type MatrixGatherOptions,
} from "./conv2d-gather-matrix.js";
import {
  gatherOf,
  gatherRows,
  gatherWorkgroups,
  pixelOfRow,
  rowOrigin,
  workgroupClass,
} from "./conv2d-gather-rows.js";
import { tiledGather } from "./conv2d-gather-tiled.js";
import {
  matrixEnables,
  takesStatistics as matrixTakesStatistics,
  type Matrices,
  type MatrixTile,
} from "./gemm-matrix.js";
import { takesStatistics as tileTakesStatistics } from "./tile-statistics.js";
import type { Tile } from "./gemm-tiled.js";
import {
  declareAccumulators,
  fragmentCounts,
  multiplyAccumulate,
  sharedFragments,
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
 * - `tiled`: through workgroup memory (conv2d-gather-tiled.ts).
 * - `matrix`: on matrix units, between tensors of f16 (conv2d-gather-matrix.ts).
 */
export type GatherVariant = RegisterVariant | TiledVariant | MatrixVariant;

export type TiledVariant = { readonly family: "tiled" } & Tile;

export type MatrixVariant = {
  readonly family: "matrix";
  readonly matrices: Matrices;
} & MatrixTile;

export interface RegisterVariant {
  readonly family: "register";
  readonly block: Block;
  readonly workgroup: number;
  readonly broadcast: number;
}

export type ConvPass = "forward" | "gradInput";

export interface GatherOptions {
  readonly geometry: ConvGeometry;
  readonly pass: ConvPass;
  readonly epilogue: Epilogue;
  readonly variant: GatherVariant;
  /** Forward, without anything in the epilogue: takes batch norm's statistics of the results. */
  readonly statistics?: boolean;
}

/** Whether a kernel can take statistics on the way: its tiles are full, and hold whole parts. */
export function gatherTakesStatistics(options: GatherOptions): boolean {
  const { variant, epilogue, pass } = options;
  if (variant.family === "register" || pass !== "forward") return false;
  return (
    Object.values(epilogue).every((used) => !used) &&
    problem(options).rows % variant.tileRows === 0 &&
    (variant.family === "tiled"
      ? tileTakesStatistics(variant)
      : matrixTakesStatistics(variant))
  );
}

interface Problem {
  /** Rows (of one class of them), columns in vec4s. */
  readonly rows: number;
  readonly columns4: number;
  /** K as taps (i32 expressions: how many along each side) of `depth4` contiguous vec4s. */
  readonly taps: readonly [y: string, x: string];
  readonly depth4: number;
  readonly style: "kn" | "nk";
  readonly index: string;
  /** `pixel` of row `m`. */
  readonly pixel: (m: string) => string;
  /** vec4 index of the weights of tap (kh, kw). */
  readonly weightTap: string;
  /** vec4 index, within a tap, of the weights' fragment (j, v) at column `n4` for k4 = 0, and its stride in k4. */
  readonly weightOffset: (n4: string, j: string, v: string) => string;
  readonly weightStride: number;
}

function problem(options: GatherOptions): Problem {
  const { geometry: g, pass } = options;
  const { cin4, cout4 } = vec4Channels(g);
  const gather = gatherOf(options);
  const { columns4, depth4, classes } = gather;
  const common = { rows: gatherRows(gather), columns4, depth4 };
  if (pass === "forward") {
    // Taps that are contiguous in x count as one.
    const merged = depth4 / cin4;
    const across = g.kw / merged;
    return {
      ...common,
      taps: [`${g.kh}`, `${across}`],
      style: "kn",
      index: forwardIndex(g),
      pixel: (m) => `pixel(${m})`,
      weightTap: `u32(kh * ${across} + kw) * ${cin4 * 4 * cout4 * merged}u`,
      weightOffset: (n4, j, v) => `${j} * ${cout4}u + ${n4} + ${v}`,
      weightStride: 4 * cout4,
    };
  }
  const strided = classes > 1;
  const weightTap = strided
    ? `(kh0 + u32(kh) * ${g.stride}u) * ${g.kw}u + kw0 + u32(kw) * ${g.stride}u`
    : `u32(kh * ${g.kw} + kw)`;
  return {
    ...common,
    taps: strided ? ["i32(taps_y)", "i32(taps_x)"] : [`${g.kh}`, `${g.kw}`],
    style: "nk",
    index: backwardIndex(g, gather.h, gather.w),
    pixel: (m) => `pixel(${m}, ${rowOrigin(options, gather)})`,
    weightTap: `(${weightTap}) * ${cin4 * 4 * cout4}u`,
    weightOffset: (n4, j, v) => `((${n4} + ${v}) * 4u + ${j}) * ${cout4}u`,
    weightStride: 1,
  };
}

/** Workgroups to dispatch. */
export function conv2dGatherGrid(
  options: GatherOptions,
): [number, number, number] {
  const { variant } = options;
  return grid(workgroups(options, variant));
}

function workgroups(options: GatherOptions, variant: GatherVariant): number {
  switch (variant.family) {
    case "register":
      return registerWorkgroups(options, variant);
    case "tiled":
    case "matrix":
      return gatherWorkgroups(options, variant);
  }
}

function registerWorkgroups(
  options: GatherOptions,
  variant: RegisterVariant,
): number {
  return gatherOf(options).classes ** 2 * workgroupsPerClass(options, variant);
}

function workgroupsPerClass(
  options: GatherOptions,
  { block, workgroup }: RegisterVariant,
): number {
  const { rows, columns4 } = problem(options);
  return (
    Math.ceil(rows / (block.rows * workgroup)) *
    Math.ceil(columns4 / block.vectors)
  );
}

function tiledOptions<T>(options: GatherOptions, tile: T) {
  const { geometry, pass, epilogue, statistics = false } = options;
  const columns4 = problem(options).columns4;
  return {
    geometry,
    pass,
    tile,
    statistics,
    store: (value: string, pixel: string, column: string) =>
      finish(epilogue, columns4, value, pixel, column),
  };
}

function matrixOptions(
  options: GatherOptions,
  variant: MatrixVariant,
): MatrixGatherOptions {
  const { matrices } = variant;
  return { ...tiledOptions(options, variant), tile: variant, matrices };
}

function declareBindings({
  epilogue,
  variant,
  statistics,
}: GatherOptions): string {
  const names = ["source", "weights"];
  if (epilogue.bias) names.push("bias");
  if (epilogue.addend) names.push("addend");
  if (epilogue.mask) names.push("mask");
  // Matrix kernels move 8 values of f16 at a time without looking at them.
  const type = (i: number) =>
    variant.family === "matrix" && i < 2 ? "array<vec4<u32>>" : undefined;
  return [
    ...names.map((name, i) => storage(i, "read", name, type(i))),
    storage(names.length, "read_write", "destination"),
    ...(statistics ? [storage(names.length + 1, "read_write", "parts")] : []),
  ].join("\n");
}

/** Applies the epilogue to `value` and stores it as vec4 `column` of row `row`. */
function finish(
  epilogue: Epilogue,
  columns4: number,
  value: string,
  row: string,
  column: string,
): string {
  return wgsl`
    let at = ${row} * ${columns4}u + ${column};
    var value = ${value};
#if ${epilogue.bias}
    value += bias[${column}];
#endif
#if ${epilogue.addend}
    value += addend[at];
#endif
#if ${epilogue.relu}
    value = ${rectified("value")};
#endif
#if ${epilogue.mask}
    value = ${masked("value", "mask[at]")};
#endif
    destination[at] = value;`;
}

export function conv2dGather(options: GatherOptions): string {
  const { variant } = options;
  const bindings = declareBindings(options);
  if (variant.family === "tiled")
    return bindings + tiledGather(tiledOptions(options, variant));
  if (variant.family === "matrix")
    return (
      matrixEnables(variant.matrices) +
      bindings +
      matrixGather(matrixOptions(options, variant))
    );
  const enable = variant.broadcast > 0 ? "enable subgroups;\n" : "";
  const p = problem(options);
  return `${enable}${bindings}\n${p.index}${registerKernel(options, variant, p)}`;
}

/** Finishes what lies inside the matrix. */
function storeBlock(
  options: GatherOptions,
  { block }: RegisterVariant,
  { rows, columns4 }: Problem,
): string {
  const { declare, conditions } = pixelOfRow(options, gatherOf(options), "m");
  const inside =
    conditions.length > 0 ? `if (${conditions.join(" && ")}) ` : "";
  const guard =
    columns4 % block.vectors === 0
      ? () => ""
      : (v: number) => `if (column0 + ${v}u < ${columns4}u) `;
  const store = (r: number) =>
    repeat(
      block.vectors,
      (v) => `
      ${guard(v)}{${finish(options.epilogue, columns4, `c${r}_${v}`, "pixel", `(column0 + ${v}u)`)}
      }`,
    );
  return repeat(
    block.rows,
    (r) => `
  if (row0 + ${r}u < ${rows}u) {
    let m = row0 + ${r}u;
    ${declare}
    ${inside}{${store(r)}
    }
  }`,
  );
}

function registerKernel(
  options: GatherOptions,
  variant: RegisterVariant,
  p: Problem,
): string {
  const { block, workgroup, broadcast } = variant;
  const columnBlocks = Math.ceil(p.columns4 / block.vectors);
  const { a, b } = fragmentCounts(p.style, block);
  const shared = broadcast > 0 ? sharedFragments(b, broadcast) : undefined;
  const loads = shared?.loads ?? b;
  const fragment = shared?.fragment ?? ((l: number) => `${l}u`);
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
  ${workgroupIndex(registerWorkgroups(options, variant))}
  ${workgroupClass(options, gatherOf(options), workgroupsPerClass(options, variant))}
  let column0 = (in_class % ${columnBlocks}u) * ${block.vectors}u;
  let row0 = ((in_class / ${columnBlocks}u) * ${workgroup}u + local.x) * ${block.rows}u;
#if ${broadcast === 0}
  if (row0 >= ${p.rows}u) { return; }
#endif
  ${repeat(block.rows, (r) => `let p${r} = ${p.pixel(`min(row0 + ${r}u, ${p.rows - 1}u)`)};`)}
  ${repeat(loads, (l) => `let weight${l} = ${offset(l)};`)}
  ${declareAccumulators(block)}
  for (var kh = 0; kh < ${p.taps[0]}; kh++) {
    for (var kw = 0; kw < ${p.taps[1]}; kw++) {
      ${repeat(block.rows, (r) => `let t${r} = tap(p${r}, kh, kw); let o${r} = u32(max(t${r}, 0));`)}
      let w_tap = ${p.weightTap};
      for (var k4 = 0u; k4 < ${p.depth4}u; k4++) {
        let w = w_tap + k4 * ${p.weightStride}u;
        ${repeat(a, (r) => `let a${r} = select(vec4<f32>(), source[o${r} + k4], t${r} >= 0);`)}
#if ${broadcast > 0}
        ${repeat(loads, (l) => `let shared${l} = weights[w + weight${l}];`)}
#endif
        ${repeat(b, (i) => `let b${i} = ${shared ? shared.take("shared", i) : `weights[w + weight${i}]`};`)}
        ${multiplyAccumulate(p.style, block)}
      }
    }
  }
  ${storeBlock(options, variant, p)}
}`;
}

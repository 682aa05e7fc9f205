/**
 * The GEMM core on matrix units (tensor cores): products of 16×16×16 f16 matrices with f32 results, each computed by a
 * subgroup of 32 lanes together (WGSL's `chromium_experimental_subgroup_matrix`). A workgroup computes a tile of C, K taken
 * `depth` at a time; both tiles lie in workgroup memory as rows of f16, and each subgroup multiplies a block of it. The order
 * of a step, and why it is free of races, is gemm-tiled.ts's.
 *
 * Tiles lie as they are loaded: with K along the rows, or a row per k. The products take either (row- and column-major
 * loads), so nothing is transposed. Rows are 16 bytes longer than their data, which spreads them over the banks.
 *
 * Results leave through workgroup memory, 16 rows of every subgroup at a time, since only matrix loads and stores know which
 * lane holds which element.
 *
 * `emulated` computes the same products from the same tiles without matrix units: for adapters that have none, in tests of
 * everything around the products.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { repeat, workgroupIndex } from "./common.js";
import { moments, rowsPerPart } from "./moments.js";

export interface MatrixTile {
  readonly tileRows: number;
  readonly tileColumns: number;
  /** K per step, a multiple of 16. */
  readonly depth: number;
  /** How many subgroups share the tile's rows and columns; each has whole 16×16 blocks. */
  readonly subgroupRows: number;
  readonly subgroupColumns: number;
  /** Two buffers of workgroup memory: half the barriers for twice the memory. */
  readonly doubleBuffer: boolean;
}

/** How the products are computed. */
export type Matrices = "native" | "emulated";

const side = 16;
const lanes = 32;

/** Loads one of the tiles, 16 bytes (8 values of f16) a task. */
export interface MatrixLoader {
  /** What runs along a row of the tile in workgroup memory. */
  readonly along: "tile" | "k";
  /** Declares what a task needs in every step; names end in `s`. `row` and `at8` are its row in the tile and the 8 in it. */
  setup(s: string, row: string, at8: string): string;
  /** Assigns the task's vec4<u32> for step `load_step`. */
  load(s: string, register: string): string;
}

export interface MatrixGemm {
  readonly tile: MatrixTile;
  readonly matrices: Matrices;
  readonly workgroups: number;
  readonly a: MatrixLoader;
  readonly b: MatrixLoader;
  /** From `index`, the workgroup's: `tile_row0` and `tile_column0` (elements), `steps`, and whatever the loaders use. */
  readonly prologue: string;
  /** Stores `result`, four columns of a row of C; `result_row` and `result_column4` (in vec4s) say which. */
  readonly store: string;
  /** Whether `steps` may be 0. */
  readonly mayBeEmpty?: boolean;
  /** Takes (mean, M2) of each 64 rows of the results on their way out; the tile must be full and blocks 64 rows high. */
  readonly statistics?: { readonly columns4: number } | undefined;
}

/** Whether a subgroup's block is what one part of the statistics covers. */
export function takesStatistics(tile: MatrixTile): boolean {
  return blocksOf(tile).down * side === rowsPerPart;
}

/** All that a tile's place in memory depends on. */
type Direction = Pick<MatrixLoader, "along">;

interface Part<Loader extends Direction = MatrixLoader> {
  readonly name: "a" | "b";
  readonly loader: Loader;
  readonly rows: number;
  /** vec4<u32>s of data in a row, and from one row to the next. */
  readonly row8: number;
  readonly stride: number;
  /** Where it begins in workgroup memory. */
  readonly base: number;
}

export function matrixThreads(tile: MatrixTile): number {
  return tile.subgroupRows * tile.subgroupColumns * lanes;
}

function parts<Loader extends Direction>(
  tile: MatrixTile,
  a: Loader,
  b: Loader,
) {
  let base = 0;
  const part = (name: "a" | "b", loader: Loader, across: number) => {
    const [rows, length] =
      loader.along === "k" ? [across, tile.depth] : [tile.depth, across];
    const made: Part<Loader> = {
      name, loader, rows, row8: length / 8, stride: length / 8 + 1, base,
    }; // prettier-ignore
    base += rows * made.stride;
    return made;
  };
  const [partA, partB] = [
    part("a", a, tile.tileRows),
    part("b", b, tile.tileColumns),
  ];
  return { partA, partB, size: base };
}

/** Blocks of 16×16 that a subgroup holds, down and across. */
function blocksOf(tile: MatrixTile) {
  return {
    down: tile.tileRows / tile.subgroupRows / side,
    across: tile.tileColumns / tile.subgroupColumns / side,
  };
}

/** vec4s of one row of the results on their way out. */
function scratchStride(tile: MatrixTile): number {
  return (blocksOf(tile).across * side) / 4 + 1;
}

function memoryVectors(tile: MatrixTile, a: Direction, b: Direction) {
  const { size } = parts(tile, a, b);
  const subgroups = tile.subgroupRows * tile.subgroupColumns;
  return Math.max(
    size * (tile.doubleBuffer ? 2 : 1),
    subgroups * side * scratchStride(tile),
  );
}

/** Bytes of workgroup memory. */
export function matrixBytes(
  tile: MatrixTile,
  a: Direction,
  b: Direction,
): number {
  return 16 * memoryVectors(tile, a, b);
}

/** Text about the matrices themselves. */
interface MatrixText {
  readonly declarations: string;
  declare(block: string): string;
  /** Loads a fragment from `at` (in vec4<u32>s) of the tiles. */
  load(which: "a" | "b", name: string, at: string, part: Part): string;
  multiply(block: string, a: string, b: string): string;
  /** Stores a block at `at` of the tiles as f32 rows. */
  store(block: string, at: string, stride: number): string;
}

const nativeMatrices: MatrixText = {
  declarations: `alias Left = subgroup_matrix_left<f16, ${side}, ${side}>;
alias Right = subgroup_matrix_right<f16, ${side}, ${side}>;
alias Result = subgroup_matrix_result<f32, ${side}, ${side}>;`,
  declare: (block) => `var ${block}: Result;`,
  load: (which, name, at, { loader, stride }) => {
    const rowMajor = (which === "a") === (loader.along === "k");
    return `let ${name} = subgroupMatrixLoad<${which === "a" ? "Left" : "Right"}, ${rowMajor ? "row_major" : "col_major"}>(&tiles, ${at}, ${stride}u);`;
  },
  multiply: (block, a, b) =>
    `${block} = subgroupMatrixMultiplyAccumulate(${a}, ${b}, ${block});`,
  store: (block, at, stride) =>
    `subgroupMatrixStore<row_major>(&tiles, ${at}, ${block}, ${stride}u);`,
};

/** A lane holds half a row of every result: row lane / 2, columns from 8 · (lane % 2). Fragments stay where they are. */
const emulatedMatrices: MatrixText = {
  declarations: `
fn element(at: u32, i: u32) -> f32 {
  let word = tiles[at + i / 8u][i % 8u / 2u];
  return unpack2x16float(word)[i % 2u];
}
/** Value (i, k) of a fragment at \`at\`: i the row of A or column of B. */
fn value(at: u32, stride: u32, k_along: bool, i: u32, k: u32) -> f32 {
  if (k_along) { return element(at + i * stride, k); }
  return element(at + k * stride, i);
}
struct Fragment { at: u32, stride: u32, k_along: bool }
fn multiply(a: Fragment, b: Fragment, c: array<f32, 8>, lane: u32) -> array<f32, 8> {
  var sum = c;
  for (var k = 0u; k < ${side}u; k++) {
    let left = value(a.at, a.stride, a.k_along, lane / 2u, k);
    for (var j = 0u; j < 8u; j++) {
      sum[j] += left * value(b.at, b.stride, b.k_along, lane % 2u * 8u + j, k);
    }
  }
  return sum;
}`,
  declare: (block) => `var ${block} = array<f32, 8>();`,
  load: (_, name, at, { loader, stride }) =>
    `let ${name} = Fragment(${at}, ${stride}u, ${loader.along === "k"});`,
  multiply: (block, a, b) => `${block} = multiply(${a}, ${b}, ${block}, lane);`,
  store: (block, at, stride) =>
    repeat(
      2,
      (half) =>
        `tiles[${at} + lane / 2u * ${stride}u + lane % 2u * 2u + ${half}u] = bitcast<vec4<u32>>(vec4<f32>(${repeat(4, (i) => `${block}[${4 * half + i}]`, ", ")}));`,
      " ",
    ),
};

/** The `enable` directives that a kernel needs at its very beginning. */
export function matrixEnables(matrices: Matrices): string {
  return matrices === "native"
    ? "enable f16;\nenable subgroups;\nenable chromium_experimental_subgroup_matrix;\nenable subgroup_size_control;\n"
    : "";
}

/** The whole entry point. */
export function matrixGemm(gemm: MatrixGemm): string {
  const { tile, a, b, workgroups, matrices, statistics } = gemm;
  const { depth, doubleBuffer, subgroupColumns } = tile;
  const text = matrices === "native" ? nativeMatrices : emulatedMatrices;
  const threads = matrixThreads(tile);
  const { partA, partB, size } = parts(tile, a, b);
  const { down, across } = blocksOf(tile);
  const tasks = [partA, partB].flatMap((part) =>
    Array.from({ length: Math.ceil((part.rows * part.row8) / threads) }, (_, i) => ({
      part,
      s: `${part.name}${i}`,
      first: i * threads,
      partial: (i + 1) * threads > part.rows * part.row8,
    })),
  ); // prettier-ignore
  type Task = (typeof tasks)[number];
  const guarded = (task: Task, body: string) =>
    task.partial
      ? `if (thread < ${task.part.rows * task.part.row8 - task.first}u) { ${body} }`
      : `{ ${body} }`;
  const all = (body: (task: Task) => string) => tasks.map(body).join("\n    ");
  const setup = ({
    part,
    s,
    first,
  }: Task) => `let task_${s} = thread + ${first}u;
  let row_of_${s} = task_${s} / ${part.row8}u % ${part.rows}u;
  let at8_${s} = task_${s} % ${part.row8}u;
  ${part.loader.setup(s, `row_of_${s}`, `at8_${s}`)}
  let write_${s} = ${part.base}u + row_of_${s} * ${part.stride}u + at8_${s};
  var next_${s} = vec4<u32>();`;
  const load = all((task) =>
    guarded(task, task.part.loader.load(task.s, `next_${task.s}`)),
  );
  const write = (buffer: string) =>
    all((task) =>
      guarded(task, `tiles[${buffer}write_${task.s}] = next_${task.s};`),
    );
  const buffer = (step: string) =>
    doubleBuffer ? `(${step}) % 2u * ${size}u + ` : "";
  /** vec4<u32>s from a part's base to the fragment of 16 along the tile (`first`, in elements) and 16 along K. */
  const fragment = (part: Part, first: string, k: number) =>
    part.loader.along === "k"
      ? `${part.base}u + (${first}) * ${part.stride}u + ${k / 8}u`
      : `${part.base}u + ${k * part.stride}u + (${first}) / 8u`;
  const blocks = (body: (m: number, n: number) => string) =>
    repeat(down, (m) => repeat(across, (n) => body(m, n), " "));
  const scratch = scratchStride(tile);
  const perRow = across * (side / 4);
  const outgoing = (i: string) =>
    `bitcast<vec4<f32>>(tiles[scratch + ${i} / ${perRow}u * ${scratch}u + ${i} % ${perRow}u])`;
  return wgsl`
${text.declarations}
${statistics ? moments : ""}
var<workgroup> tiles: array<vec4<u32>, ${memoryVectors(tile, a, b)}>;

@compute @workgroup_size(${threads})${matrices === "native" ? ` @subgroup_size(${lanes})` : ""}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>
#if ${matrices === "native"}
  , @builtin(subgroup_id) subgroup: u32, @builtin(subgroup_invocation_id) lane: u32
#endif
) {
  ${workgroupIndex(workgroups)}
  ${gemm.prologue}
  let thread = local.x;
#if ${matrices === "emulated"}
  let subgroup = thread / ${lanes}u;
  let lane = thread % ${lanes}u;
#endif
  let block_row = subgroup / ${subgroupColumns}u * ${down * side}u;
  let block_column = subgroup % ${subgroupColumns}u * ${across * side}u;
  ${all(setup)}
  ${blocks((m, n) => text.declare(`c${m}_${n}`))}
#if ${gemm.mayBeEmpty ?? false}
  if (steps > 0u)
#endif
  {
    let load_step = 0u;
    ${load}
    ${write("")}
  }
  workgroupBarrier();
  for (var step = 0u; step < steps; step++) {
    let more = step + 1u < steps;
    if (more) {
      let load_step = step + 1u;
      ${load}
    }
    let buffer = ${buffer("step")}0u;
    ${repeat(depth / side, (k) => `{
      ${repeat(down, (m) => text.load("a", `a${m}`, `buffer + ${fragment(partA, `block_row + ${m * side}u`, k * side)}`, partA))}
      ${repeat(across, (n) => text.load("b", `b${n}`, `buffer + ${fragment(partB, `block_column + ${n * side}u`, k * side)}`, partB))}
      ${blocks((m, n) => text.multiply(`c${m}_${n}`, `a${m}`, `b${n}`))}
    }`)}
#if ${!doubleBuffer}
    workgroupBarrier();
#endif
    if (more) {
      ${write(buffer("step + 1u"))}
    }
    workgroupBarrier();
  }
  let scratch = subgroup * ${side * scratch}u;
#if ${statistics !== undefined}
  // A lane's results are all of one column: its vec4 lane % perRow.
  var shift = vec4<f32>();
  var sum = vec4<f32>();
  var squares = vec4<f32>();
#endif
  ${repeat(down, (m) => `{
    ${repeat(across, (n) => text.store(`c${m}_${n}`, `scratch + ${(n * side) / 4}u`, scratch))}
    workgroupBarrier();
    ${statistics && m === 0 ? `shift = ${outgoing("lane")};` : ""}
    for (var i = lane; i < ${side * perRow}u; i += ${lanes}u) {
      let result = ${outgoing("i")};
      let result_row = tile_row0 + block_row + ${m * side}u + i / ${perRow}u;
      let result_column4 = (tile_column0 + block_column) / 4u + i % ${perRow}u;
      ${gemm.store}
      ${statistics ? `let d = result - shift; sum += d; squares = fma(d, d, squares);` : ""}
    }
    workgroupBarrier();
  }`)}
#if ${statistics !== undefined}
  let n = ${(rowsPerPart * perRow) / lanes}.0;
  tiles[scratch + 2u * lane] = bitcast<vec4<u32>>(shift + sum / n);
  tiles[scratch + 2u * lane + 1u] = bitcast<vec4<u32>>(max(squares - sum * (sum / n), vec4<f32>()));
  workgroupBarrier();
  let statistics_column4 = (tile_column0 + block_column) / 4u + lane;
  if (lane < ${perRow}u && statistics_column4 < ${statistics?.columns4 ?? 0}u) {
    var all = Moments();
    for (var other = lane; other < ${lanes}u; other += ${perRow}u) {
      all = merge(all, Moments(n, bitcast<vec4<f32>>(tiles[scratch + 2u * other]), bitcast<vec4<f32>>(tiles[scratch + 2u * other + 1u])));
    }
    let at = (tile_row0 + block_row) / ${rowsPerPart}u * ${2 * (statistics?.columns4 ?? 0)}u + statistics_column4;
    parts[at] = all.mean;
    parts[at + ${statistics?.columns4 ?? 0}u] = all.m2;
  }
#endif
}`; // prettier-ignore
}

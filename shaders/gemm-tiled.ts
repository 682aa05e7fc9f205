/**
 * The GEMM core through workgroup memory: a workgroup computes a tile of C (`tileRows` × `tileColumns`), K taken `depth`
 * at a time. Both tiles lie in workgroup memory as [k][row] and [k][column], vec4s along the tile, so that one step of
 * the inner loop is an outer product of whole vec4s (style `mn` of gemm.ts). What differs between the passes of a
 * convolution is how the tiles are loaded: a `TileLoader` each for A and B.
 *
 * A *task* is four vec4s of one tile: 4 along the tile × 4 along K. A loader whose memory runs along K reads 4 rows and
 * the core transposes them in registers, which costs nothing; one whose memory runs along the tile stores what it read.
 *
 * Order of a step: load the next step's tasks from memory into registers; multiply the current tiles; write the registers
 * to workgroup memory. One rule keeps it free of races: between a write to a tile and a read of it by another invocation,
 * in either order, there is a barrier. With one buffer that takes two barriers a step (everybody has read; everybody has
 * written). With two buffers, writes go to the one that nobody reads in this step, and it was last read before the
 * previous step's barrier, so one barrier a step is enough.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { repeat, workgroupIndex } from "./common.js";
import { declareAccumulators, multiplyAccumulate, type Block } from "./gemm.js";

/** A tiled kernel's parameters. */
export interface Tile {
  readonly tileRows: number;
  readonly tileColumns: number;
  /** K per step, a multiple of 4. */
  readonly depth: number;
  /** What one invocation computes; rows a multiple of 4. */
  readonly block: Block;
  /** Two buffers of workgroup memory: half the barriers for twice the memory. */
  readonly doubleBuffer: boolean;
  /** How many k's of the inner loop are unrolled in the text; divides `depth`. */
  readonly unroll: number;
}

/** Loads one of the two tiles. Text may use `load_step`, the step to load, and what `TiledGemm.prologue` declares. */
export interface TileLoader {
  /** Direction of a task's vec4s in memory. */
  readonly along: "tile" | "k";
  /** Declares what a task needs in every step. Names end in `s`; `q` is the task's vec4 in the tile, `kq` its 4 k's. */
  setup(s: string, q: string, kq: string): string;
  /** Assigns the task's four vec4s for step `load_step`. */
  load(s: string, register: (j: number) => string): string;
}

export interface TiledGemm {
  readonly tile: Tile;
  readonly workgroups: number;
  readonly a: TileLoader;
  readonly b: TileLoader;
  /**
   * From `index`, the workgroup's: declares `tile_row0` and `tile_column0` in vec4s, `steps`, and whatever the loaders
   * use. All of it must be the same for the whole workgroup, or the barriers would not be in uniform control flow.
   */
  readonly prologue: string;
  /** Runs after the products of each k, with the fragments b{v} at hand. */
  readonly eachK?: string;
  /** Stores the accumulators c{row}_{v} of row quads and columns as `rowQuad` and `column` name them. */
  readonly finish: string;
  /** Whether `steps` may be 0. */
  readonly mayBeEmpty?: boolean;
}

/** How invocations and memory are laid out. */
export function tileLayout({ tileRows, tileColumns, depth, block }: Tile) {
  const threadRows = tileRows / block.rows;
  const threadColumns = tileColumns / (4 * block.vectors);
  return {
    threadRows,
    threadColumns,
    threads: threadRows * threadColumns,
    rows4: tileRows / 4,
    columns4: tileColumns / 4,
    depth4: depth / 4,
  };
}

/** vec4s from one k to the next. Transposed writes go to several k's at once: an odd stride spreads them over the banks. */
function strideOf(vectors: number, { along }: Pick<TileLoader, "along">) {
  return along === "k" ? vectors + 1 : vectors;
}

/** Bytes of workgroup memory. */
export function tileBytes(
  tile: Tile,
  a: Pick<TileLoader, "along">,
  b: Pick<TileLoader, "along">,
): number {
  const { rows4, columns4 } = tileLayout(tile);
  const vectors = tile.depth * (strideOf(rows4, a) + strideOf(columns4, b));
  return 16 * vectors * (tile.doubleBuffer ? 2 : 1);
}

/** Row quad q of an invocation's block, and its column vec4 v, within the whole matrix, in vec4s. */
export function rowQuad(tile: Tile, q: number): string {
  return `(tile_row0 + thread_row + ${q * tileLayout(tile).threadRows}u)`;
}
export function column(tile: Tile, v: number): string {
  return `(tile_column0 + thread_column + ${v * tileLayout(tile).threadColumns}u)`;
}

/**
 * Where an invocation stands in the tile: 32 neighbours form 4 rows by 8 columns, so that together they read few
 * different vec4s of either tile (reads of one address by many lanes are one read).
 */
function threadPosition({
  threadRows,
  threadColumns,
}: {
  threadRows: number;
  threadColumns: number;
}): string {
  if (threadRows % 4 !== 0 || threadColumns % 8 !== 0)
    return `let thread_row = thread / ${threadColumns}u;
  let thread_column = thread % ${threadColumns}u;`;
  const across = threadColumns / 8;
  return `let thread_row = thread / ${32 * across}u * 4u + thread % 32u / 8u;
  let thread_column = thread / 32u % ${across}u * 8u + thread % 8u;`;
}

interface Part {
  readonly name: "a" | "b";
  readonly loader: TileLoader;
  /** vec4s across the tile and from one k to the next. */
  readonly across: number;
  readonly stride: number;
  /** Numbers of its tasks: [first, end). All tasks of A come before those of B. */
  readonly first: number;
  readonly end: number;
}

/** Text of one round of tasks, one task per invocation: for each part that the round touches. */
class Round {
  readonly #parts: readonly Part[];

  constructor(
    private readonly number: number,
    private readonly threads: number,
    private readonly depth4: number,
    parts: readonly Part[],
  ) {
    const first = number * threads;
    this.#parts = parts.filter(
      (part) => part.first < first + threads && part.end > first,
    );
  }

  #suffix({ name }: Part): string {
    return `${name}${this.number}`;
  }

  register = (j: number): string => `next${this.number}_${j}`;

  /** Runs `text` for the part that each invocation's task belongs to; neighbouring invocations share it. */
  #choose(text: (part: Part) => string): string {
    const first = this.number * this.threads;
    return this.#parts
      .map((part) => {
        const guard =
          part.end < first + this.threads
            ? `if (thread < ${part.end - first}u) `
            : "";
        return `${guard}{ ${text(part)} }`;
      })
      .join(" else ");
  }

  setup(): string {
    const first = this.number * this.threads;
    return this.#parts
      .map((part) => {
        const s = this.#suffix(part);
        const { across } = part;
        const task =
          first >= part.first
            ? `thread + ${first - part.first}u`
            : `thread - ${part.first - first}u`;
        // Two neighbours along K where it runs there (a 32-byte sector each), the rest across the tile. The remainders
        // keep the indices of invocations without a task here within bounds, and let the compiler prove it.
        const along =
          part.loader.along === "k" && this.depth4 % 2 === 0 ? 2 : 1;
        return `let task_${s} = ${task};
  let q_${s} = task_${s} / ${along}u % ${across}u;
  let kq_${s} = task_${s} / ${along * across}u % ${this.depth4 / along}u * ${along}u + task_${s} % ${along}u;
  ${part.loader.setup(s, `q_${s}`, `kq_${s}`)}
  let write_${s} = kq_${s} * ${4 * part.stride}u + q_${s};`;
      })
      .join("\n  ");
  }

  declare(): string {
    return repeat(4, (j) => `var ${this.register(j)} = vec4<f32>();`, " ");
  }

  load(): string {
    return this.#choose((part) =>
      part.loader.load(this.#suffix(part), this.register),
    );
  }

  store(offset: (part: Part) => string): string {
    const lanes = ["x", "y", "z", "w"];
    return this.#choose((part) =>
      repeat(
        4,
        (j) => {
          const value =
            part.loader.along === "tile"
              ? this.register(j)
              : `vec4<f32>(${repeat(4, (i) => `${this.register(i)}.${lanes[j]!}`, ", ")})`;
          return `tile_${part.name}[${offset(part)}write_${this.#suffix(part)} + ${j * part.stride}u] = ${value};`;
        },
        " ",
      ),
    );
  }
}

/** The whole entry point. */
export function tiledGemm(gemm: TiledGemm): string {
  const { tile, a, b, workgroups } = gemm;
  const { depth, block, doubleBuffer, unroll } = tile;
  const layout = tileLayout(tile);
  const { threads, rows4, columns4, depth4 } = layout;
  const tasksA = rows4 * depth4;
  const parts: Part[] = [
    { name: "a", loader: a, across: rows4, stride: strideOf(rows4, a), first: 0, end: tasksA },
    { name: "b", loader: b, across: columns4, stride: strideOf(columns4, b), first: tasksA, end: tasksA + columns4 * depth4 },
  ]; // prettier-ignore
  const [partA, partB] = parts as [Part, Part];
  const rounds = Array.from(
    { length: Math.ceil(partB.end / threads) },
    (_, i) => new Round(i, threads, depth4, parts),
  );
  const size = ({ stride }: Part) => depth * stride;
  const buffers = doubleBuffer ? 2 : 1;
  const all = (text: (round: Round) => string) =>
    rounds.map(text).join("\n    ");
  const offset = (step: string) => (part: Part) =>
    doubleBuffer ? `(${step}) % 2u * ${size(part)}u + ` : "";
  const reads = (name: string, count: number, part: Part, across: number, k: number) =>
    repeat(
      count,
      (i) =>
        `let ${name}${i} = tile_${name}[read_${name} + ${k * part.stride + i * across}u];`,
      " ",
    ); // prettier-ignore
  return wgsl`
var<workgroup> tile_a: array<vec4<f32>, ${buffers * size(partA)}>;
var<workgroup> tile_b: array<vec4<f32>, ${buffers * size(partB)}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  ${workgroupIndex(workgroups)}
  ${gemm.prologue}
  let thread = local.x;
  ${threadPosition(layout)}
  ${all((round) => round.setup())}
  ${all((round) => round.declare())}
  ${declareAccumulators(block)}
#if ${gemm.mayBeEmpty ?? false}
  if (steps > 0u)
#endif
  {
    let load_step = 0u;
    ${all((round) => round.load())}
    ${all((round) => round.store(() => ""))}
  }
  workgroupBarrier();
  for (var step = 0u; step < steps; step++) {
    let more = step + 1u < steps;
    if (more) {
      let load_step = step + 1u;
      ${all((round) => round.load())}
    }
    let first_a = ${offset("step")(partA)}thread_row;
    let first_b = ${offset("step")(partB)}thread_column;
    for (var k = 0u; k < ${depth / unroll}u; k++) {
      let read_a = first_a + k * ${unroll * partA.stride}u;
      let read_b = first_b + k * ${unroll * partB.stride}u;
      ${repeat(
        unroll,
        (k) => `{
        ${reads("a", block.rows / 4, partA, layout.threadRows, k)}
        ${reads("b", block.vectors, partB, layout.threadColumns, k)}
        ${multiplyAccumulate("mn", block)}
        ${gemm.eachK ?? ""}
      }`,
      )}
    }
#if ${!doubleBuffer}
    workgroupBarrier();
#endif
    if (more) {
      ${all((round) => round.store(offset("step + 1u")))}
    }
    workgroupBarrier();
  }
  ${gemm.finish}
}`;
}

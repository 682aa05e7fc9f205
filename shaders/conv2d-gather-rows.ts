/**
 * What the kernels of convolution forward and input gradient share: rows, taps and classes (the register kernel the classes alone).
 *
 * A row of A is a pixel. Under tap (ty, tx) it reads the source at a constant distance from where it reads under tap
 * (0, 0), so each row is decoded once, into that place and one bit for each ty and tx that falls inside the source; a
 * step of the K loop costs an addition and a test per row.
 *
 * The input gradient of a strided convolution falls into stride² classes of input pixels (y mod s, x mod s): only the
 * taps with (y + padding − kh) mod s = 0 reach a pixel, the same for the whole class. Each class is a dense gather of its
 * own taps, and a workgroup works on one class.
 */
import { vec4Channels, type ConvGeometry } from "./convolution.js";

/** Most taps along a side: a row's tap bits share a word. */
export const maxTaps = 16;

/** A convolution and which of its passes gathers. */
export interface GatherProblem {
  readonly geometry: ConvGeometry;
  readonly pass: "forward" | "gradInput";
}

/** The gather as numbers, whichever the pass. Sizes named 4 are in vec4s. */
export interface Gather {
  /** Distance between pixels of one class, 1 but for strided input gradients. */
  readonly classes: number;
  /** Pixels of a class: images × height × width. */
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly columns4: number;
  /** The source's image. */
  readonly sourceH: number;
  readonly sourceW: number;
  readonly source4: number;
  /** Contiguous vec4s under one tap. */
  readonly depth4: number;
  /** Rows from one pixel to the next, and the direction in which taps move: +1 or −1. */
  readonly step: number;
  readonly direction: 1 | -1;
  /** Whether a tap can fall outside. */
  readonly bounded: boolean;
}

export function gatherOf({ geometry: g, pass }: GatherProblem): Gather {
  const { cin4, cout4 } = vec4Channels(g);
  if (pass === "forward")
    return {
      classes: 1,
      n: g.n,
      h: g.oh,
      w: g.ow,
      columns4: cout4,
      sourceH: g.h,
      sourceW: g.w,
      source4: cin4,
      depth4: cin4 * mergedTaps(g),
      step: g.stride,
      direction: 1,
      bounded: g.padding > 0,
    };
  return {
    classes: g.stride,
    n: g.n,
    h: Math.ceil(g.h / g.stride),
    w: Math.ceil(g.w / g.stride),
    columns4: cin4,
    sourceH: g.oh,
    sourceW: g.ow,
    source4: cout4,
    depth4: cout4,
    step: 1,
    direction: -1,
    bounded: !(g.kh === 1 && g.kw === 1 && g.padding === 0 && g.stride === 1),
  };
}

/** Pixels of a class: the rows of its GEMM. */
export function gatherRows({ n, h, w }: Gather): number {
  return n * h * w;
}

/** Without padding the taps of a kernel row are contiguous in x: they count as one tap of kw·cin channels. */
function mergedTaps(g: ConvGeometry): number {
  return g.padding === 0 ? g.kw : 1;
}

/** Taps along a side in each class: kh0 + s·t < kernel. Two counts at most, `least` and `least` + 1. */
function tapsPerClass(kernel: number, stride: number) {
  return { least: Math.floor(kernel / stride), rest: kernel % stride };
}

/** The part of a tile that says how a gather is cut, of whichever family. */
interface TileSize {
  readonly tileRows: number;
  readonly tileColumns: number;
  /** K per step. */
  readonly depth: number;
}

function columnTiles({ columns4 }: Gather, { tileColumns }: TileSize): number {
  return Math.ceil((columns4 * 4) / tileColumns);
}

function tilesPerClass(gather: Gather, tile: TileSize): number {
  return (
    Math.ceil(gatherRows(gather) / tile.tileRows) * columnTiles(gather, tile)
  );
}

/** Workgroups of a gather in tiles. */
export function gatherWorkgroups(
  problem: GatherProblem,
  tile: TileSize,
): number {
  const gather = gatherOf(problem);
  return gather.classes * gather.classes * tilesPerClass(gather, tile);
}

/** Text that declares, from a workgroup's `index`, its number `in_class` and what distinguishes its class. */
export function workgroupClass(
  { geometry }: GatherProblem,
  { classes }: Gather,
  tilesPerClass: number,
): string {
  return classes > 1
    ? classText(geometry, tilesPerClass)
    : "let in_class = index;";
}

/**
 * Text that a workgroup begins with, from its `index`: what distinguishes its class, `total4` (all of K, in vec4s), `steps`, and
 * where its tile begins, `tile_column0` and `tile_row0`, in groups of `unit`.
 */
export function gatherPrologue(
  problem: GatherProblem,
  gather: Gather,
  tile: TileSize,
  unit: 1 | 4,
): string {
  const { depth4, classes } = gather;
  const { depth } = tile;
  const steps =
    classes > 1
      ? `let total4 = taps_y * taps_x * ${depth4}u;
  let steps = (total4 + ${depth / 4 - 1}u) / ${depth / 4}u;`
      : `let total4 = ${totalDepth4(problem, gather)}u;
  let steps = ${Math.ceil((totalDepth4(problem, gather) * 4) / depth)}u;`;
  const across = columnTiles(gather, tile);
  return `${workgroupClass(problem, gather, tilesPerClass(gather, tile))}
  ${steps}
  let tile_column0 = in_class % ${across}u * ${tile.tileColumns / unit}u;
  let tile_row0 = in_class / ${across}u * ${tile.tileRows / unit}u;`;
}

/**
 * Which class a workgroup has: `class_y`, `class_x`, the first tap `kh0`, `kw0` and the number of taps `taps_y`,
 * `taps_x` along each side, and `y0`, `x0`, where the class's pixel (0, 0) reads under its tap (0, 0). The classes with
 * most taps come first, so that the short ones fill the end.
 */
function classText(g: ConvGeometry, tiles: number): string {
  const s = g.stride;
  const side = (axis: "y" | "x", k: "kh" | "kw", value: string) => {
    const { least, rest } = tapsPerClass(g[k], s);
    return `let ${k}0 = ${value};
  let class_${axis} = (${k}0 + ${(s - (g.padding % s)) % s}u) % ${s}u;
  let taps_${axis} = select(${least}u, ${least + 1}u, ${k}0 < ${rest}u);
  let ${axis}0 = i32((class_${axis} + ${g.padding}u - ${k}0) / ${s}u);`;
  };
  return `let in_class = index % ${tiles}u;
  let class_index = index / ${tiles}u;
  ${side("y", "kh", `class_index / ${s}u`)}
  ${side("x", "kw", `class_index % ${s}u`)}`;
}

/**
 * Declares `k4`, the first vec4 of K of step `load_step`, as tap `ty`, `tx` and channel vec4 `c4`.
 *
 * @param within what a task adds to `k4` where steps reach over several taps; empty where every step lies within one, and the
 *   position is the same for all tasks
 */
export function positionText(
  { geometry: g, pass }: GatherProblem,
  gather: Gather,
  depth: number,
  within: string,
): string {
  const kw = pass === "forward" ? g.kw / mergedTaps(g) : g.kw;
  const across = () => {
    if (gather.classes === 1) return `tap / ${kw}u`;
    const { least, rest } = tapsPerClass(g.kw, g.stride);
    const by = (count: number) => (count > 0 ? `tap / ${count}u` : "0u");
    return rest === 0
      ? by(least)
      : `select(${by(least)}, ${by(least + 1)}, taps_x == ${least + 1}u)`;
  };
  return `let k4 = load_step * ${depth / 4}u${within};
      let tap = k4 / ${gather.depth4}u;
      let c4 = k4 % ${gather.depth4}u;
      let ty = ${across()};
      let tx = tap - ty * ${gather.classes > 1 ? "taps_x" : `${kw}u`};`;
}

/**
 * `row(m, y0, x0)`: where pixel m reads under tap (0, 0), as a vec4 index that may lie outside, and which ty (low half)
 * and tx (high half) stay inside.
 */
export function rowFunctions(gather: Gather): string {
  const { h, w, sourceH, sourceW, source4, step, direction, bounded } = gather;
  const inside = (at: string, size: number) =>
    direction > 0
      ? `tap_bits(-${at}, ${size} - ${at})`
      : `tap_bits(${at} - ${size - 1}, ${at} + 1)`;
  return `
/** Bits first…end−1 of ${maxTaps}. */
fn tap_bits(first: i32, end: i32) -> u32 {
  let below = (1u << u32(clamp(end, 0, ${maxTaps}))) - 1u;
  return below & ~((1u << u32(clamp(first, 0, ${maxTaps}))) - 1u);
}

struct Row { at: i32, taps: u32 }

fn row(m: u32, y0: i32, x0: i32) -> Row {
  let in_image = m % ${h * w}u;
  let y = i32(in_image / ${w}u) * ${step} + y0;
  let x = i32(in_image % ${w}u) * ${step} + x0;
  let at = ((i32(m / ${h * w}u) * ${sourceH} + y) * ${sourceW} + x) * ${source4};
  return Row(at, ${bounded ? `${inside("y", sourceH)} | (${inside("x", sourceW)} << 16u)` : "0u"});
}
`;
}

/** The last two arguments of `row`: where pixel (0, 0) of a class reads under tap (0, 0). */
export function rowOrigin(
  { geometry: { padding }, pass }: GatherProblem,
  { classes }: Gather,
): string {
  if (pass === "forward") return `${-padding}, ${-padding}`;
  return classes > 1 ? "y0, x0" : `${padding}, ${padding}`;
}

/** All of K, in vec4s, of a gather without classes. */
export function totalDepth4(
  { geometry: g, pass }: GatherProblem,
  gather: Gather,
) {
  const merged = pass === "forward" ? mergedTaps(g) : 1;
  return ((g.kh * g.kw) / merged) * gather.depth4;
}

/** Text that declares `pixel`, the destination's pixel of row `m` of a class, and when there is one. */
export function pixelOfRow(
  { geometry: g }: GatherProblem,
  { classes, h, w }: Gather,
  m: string,
): { readonly declare: string; readonly conditions: readonly string[] } {
  if (classes === 1) return { declare: `let pixel = ${m};`, conditions: [] };
  const s = g.stride;
  return {
    declare: `let in_image = ${m} % ${h * w}u;
    let y = in_image / ${w}u * ${s}u + class_y;
    let x = in_image % ${w}u * ${s}u + class_x;
    let pixel = (${m} / ${h * w}u * ${g.h}u + y) * ${g.w}u + x;`,
    conditions: [
      ...(g.h % s !== 0 ? [`y < ${g.h}u`] : []),
      ...(g.w % s !== 0 ? [`x < ${g.w}u`] : []),
    ],
  };
}

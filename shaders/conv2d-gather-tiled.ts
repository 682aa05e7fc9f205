/**
 * The tiled kernel of convolution forward and input gradient: how a tile of pixels and a tile of weights get into
 * workgroup memory (gemm-tiled.ts does the rest).
 *
 * A row of A is a pixel. Under tap (ty, tx) it reads the source at a constant distance from where it reads under tap
 * (0, 0), so each row is decoded once, into that place and one bit for each ty and tx that falls inside the source; a
 * step of the K loop costs an addition and a test per row.
 *
 * The input gradient of a strided convolution falls into stride² classes of input pixels (y mod s, x mod s): only the
 * taps with (y + padding − kh) mod s = 0 reach a pixel, the same for the whole class. Each class is a dense gather of its
 * own taps, and a workgroup works on one class.
 */
import { repeat } from "./common.js";
import { vec4Channels, type ConvGeometry } from "./convolution.js";
import {
  column,
  rowQuad,
  tiledGemm,
  tileLayout,
  type Tile,
  type TileLoader,
} from "./gemm-tiled.js";

/** Most taps along a side: a row's tap bits share a word. */
export const maxTaps = 16;

export interface TiledGatherOptions {
  readonly geometry: ConvGeometry;
  readonly pass: "forward" | "gradInput";
  readonly tile: Tile;
  /** Text that finishes and stores one vec4: `value` of destination vec4 `column` of pixel `pixel`. */
  readonly store: (value: string, pixel: string, column: string) => string;
}

/** The gather as numbers, whichever the pass. Sizes named 4 are in vec4s. */
interface Gather {
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

function gatherOf({ geometry: g, pass }: TiledGatherOptions): Gather {
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

/** Without padding the taps of a kernel row are contiguous in x: they count as one tap of kw·cin channels. */
function mergedTaps(g: ConvGeometry): number {
  return g.padding === 0 ? g.kw : 1;
}

/** Taps along a side in each class: kh0 + s·t < kernel. Two counts at most, `least` and `least` + 1. */
function tapsPerClass(kernel: number, stride: number) {
  return { least: Math.floor(kernel / stride), rest: kernel % stride };
}

/** Workgroups of a tiled gather. */
export function tiledGatherWorkgroups(options: TiledGatherOptions): number {
  const { classes } = gatherOf(options);
  return classes * classes * tilesPerClass(options);
}

function tilesPerClass(options: TiledGatherOptions): number {
  const { n, h, w, columns4 } = gatherOf(options);
  const { tileRows, tileColumns } = options.tile;
  return (
    Math.ceil((n * h * w) / tileRows) * Math.ceil((columns4 * 4) / tileColumns)
  );
}

export function tiledGather(options: TiledGatherOptions): string {
  const { tile, geometry } = options;
  const gather = gatherOf(options);
  const { rows4, columns4 } = tileLayout(tile);
  const columnTiles = Math.ceil(gather.columns4 / columns4);
  const strided = gather.classes > 1;
  const steps = stepsText(options, gather);
  const prologue = `${strided ? classText(geometry, tilesPerClass(options)) : "let in_class = index;"}
  let tile_column0 = in_class % ${columnTiles}u * ${columns4}u;
  let tile_row0 = in_class / ${columnTiles}u * ${rows4}u;
  ${steps}`;
  return (
    rowFunctions(gather) +
    tiledGemm({
      tile,
      workgroups: tiledGatherWorkgroups(options),
      a: sourceLoader(options, gather),
      b:
        options.pass === "forward"
          ? forwardWeights(options, gather)
          : gradInputWeights(options, gather),
      prologue,
      finish: finishText(options, gather),
      mayBeEmpty: strided,
    })
  );
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

/** Whether every step lies within one tap. */
function aligned({ tile }: TiledGatherOptions, { depth4 }: Gather): boolean {
  return (depth4 * 4) % tile.depth === 0;
}

function stepsText(options: TiledGatherOptions, gather: Gather): string {
  const { geometry: g, tile } = options;
  const tileDepth4 = tile.depth / 4;
  if (gather.classes > 1)
    return `let total4 = taps_y * taps_x * ${gather.depth4}u;
  let steps = (total4 + ${tileDepth4 - 1}u) / ${tileDepth4}u;`;
  const taps =
    options.pass === "forward" ? (g.kh * g.kw) / mergedTaps(g) : g.kh * g.kw;
  const total4 = taps * gather.depth4;
  return `let total4 = ${total4}u;
  let steps = ${Math.ceil(total4 / tileDepth4)}u;`;
}

/**
 * Declares `k4`, the first vec4 of K that a task loads, as tap `ty`, `tx` and channel vec4 `c4`. Where every step lies
 * within one tap, that is the step's own position, the same for all tasks, and the tasks add their place within it to
 * hoisted indices.
 */
function positionText(
  options: TiledGatherOptions,
  gather: Gather,
  s: string,
): string {
  const { geometry: g, tile } = options;
  const own = aligned(options, gather) ? "" : ` + kq_${s}`;
  const across = () => {
    if (gather.classes > 1) {
      const { least, rest } = tapsPerClass(g.kw, g.stride);
      const by = (count: number) => (count > 0 ? `tap / ${count}u` : "0u");
      return rest === 0
        ? by(least)
        : `select(${by(least)}, ${by(least + 1)}, taps_x == ${least + 1}u)`;
    }
    const kw = options.pass === "forward" ? g.kw / mergedTaps(g) : g.kw;
    return `tap / ${kw}u`;
  };
  const width =
    gather.classes > 1
      ? "taps_x"
      : `${options.pass === "forward" ? g.kw / mergedTaps(g) : g.kw}u`;
  return `let k4 = load_step * ${tile.depth / 4}u${own};
      let tap = k4 / ${gather.depth4}u;
      let c4 = k4 % ${gather.depth4}u;
      let ty = ${across()};
      let tx = tap - ty * ${width};`;
}

/**
 * `row(m, y0, x0)`: where pixel m reads under tap (0, 0), as a vec4 index that may lie outside, and which ty (low half)
 * and tx (high half) stay inside.
 */
function rowFunctions(gather: Gather): string {
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

function sourceLoader(options: TiledGatherOptions, gather: Gather): TileLoader {
  const { geometry: g, tile } = options;
  const { n, h, w, bounded } = gather;
  const rows = n * h * w;
  const origin =
    options.pass === "forward"
      ? `${-g.padding}, ${-g.padding}`
      : gather.classes > 1
        ? "y0, x0"
        : `${g.padding}, ${g.padding}`;
  // Four pixels of a quad lie in one image row if rows hold whole quads: then one place serves all four.
  const whole = w % 4 === 0;
  const place = whole
    ? (s: string, j: number) =>
        `at_${s}_0 + ${j * gather.step * gather.source4}`
    : (s: string, j: number) => `at_${s}_${j}`;
  const tail =
    gather.classes > 1
      ? !aligned(options, gather)
      : !aligned(options, gather) &&
        (totalDepth4(options, gather) * 4) % tile.depth !== 0;
  return {
    along: "k",
    setup: (s, q, kq) =>
      repeat(
        4,
        (j) => `let row_${s}_${j} = row(${
          whole
            ? `min(tile_row0 + ${q}, ${rows / 4 - 1}u) * 4u + ${j}u`
            : `min((tile_row0 + ${q}) * 4u + ${j}u, ${rows - 1}u)`
        }, ${origin});
  let at_${s}_${j} = row_${s}_${j}.at${aligned(options, gather) ? ` + i32(${kq})` : ""};`,
      ),
    load(s, register) {
      const distance = `(i32(ty) * ${gather.sourceW} + i32(tx)) * ${gather.source4}`;
      const moved = `i32(c4) ${gather.direction > 0 ? "+" : "-"} ${distance}`;
      return `${positionText(options, gather, s)}
      let move_${s} = ${moved};
      ${bounded ? "let bits = (1u << ty) | (65536u << tx);" : ""}
      ${repeat(4, (j) => {
        const conditions = [
          ...(bounded ? [`(row_${s}_${j}.taps & bits) == bits`] : []),
          ...(tail ? ["k4 < total4"] : []),
        ];
        const at = `u32(${place(s, j)} + move_${s})`;
        return conditions.length === 0
          ? `${register(j)} = source[${at}];`
          : `${register(j)} = vec4<f32>(); if (${conditions.join(" && ")}) { ${register(j)} = source[${at}]; }`;
      })}`;
    },
  };
}

/** All of K, in vec4s, of a gather without classes. */
function totalDepth4(
  { geometry: g, pass }: TiledGatherOptions,
  gather: Gather,
) {
  const merged = pass === "forward" ? mergedTaps(g) : 1;
  return ((g.kh * g.kw) / merged) * gather.depth4;
}

/** w[k][n]: rows of K, contiguous along the tile. K's tail and columns past the last may read anything: A is 0 there, or nobody stores them. */
function forwardWeights(
  options: TiledGatherOptions,
  gather: Gather,
): TileLoader {
  const { columns4 } = gather;
  const { depth } = options.tile;
  const rows = 4 * totalDepth4(options, gather);
  const tail = rows % depth !== 0;
  return {
    along: "tile",
    setup: (s, q, kq) =>
      `let weight_${s} = ${kq} * ${4 * columns4}u + min(tile_column0 + ${q}, ${columns4 - 1}u);`,
    load: (s, register) =>
      repeat(4, (j) => {
        const at = `weight_${s} + load_step * ${depth * columns4}u + ${j * columns4}u`;
        return `${register(j)} = weights[${tail ? `min(${at}, ${rows * columns4 - 1}u)` : at}];`;
      }),
  };
}

/** w[tap][n][k]: a column's K runs contiguously. */
function gradInputWeights(
  options: TiledGatherOptions,
  gather: Gather,
): TileLoader {
  const { geometry: g } = options;
  const { columns4, depth4 } = gather;
  const strided = gather.classes > 1;
  const last = g.kh * g.kw * columns4 * 4 * depth4 - 1;
  return {
    along: "k",
    setup: (s, q, kq) =>
      `let weight_${s} = min(tile_column0 + ${q}, ${columns4 - 1}u) * ${4 * depth4}u${aligned(options, gather) ? ` + ${kq}` : ""};`,
    load(s, register) {
      const tap = strided
        ? `(kh0 + ty * ${g.stride}u) * ${g.kw}u + kw0 + tx * ${g.stride}u`
        : "tap";
      return `${positionText(options, gather, s)}
      let from_${s} = weight_${s} + (${tap}) * ${columns4 * 4 * depth4}u + c4;
      ${repeat(4, (j) => {
        const at = `from_${s} + ${j * depth4}u`;
        return `${register(j)} = weights[${aligned(options, gather) ? at : `min(${at}, ${last}u)`}];`;
      })}`;
    },
  };
}

/** Stores every row of the block that is a pixel, every column that exists. */
function finishText(options: TiledGatherOptions, gather: Gather): string {
  const { geometry: g, tile, store } = options;
  const { n, h, w } = gather;
  const { rows, vectors } = tile.block;
  const s = g.stride;
  const { columns4 } = tileLayout(tile);
  const guardRows = (n * h * w) % tile.tileRows !== 0;
  const guardColumns = gather.columns4 % columns4 !== 0;
  return repeat(rows, (r) => {
    const m = `${rowQuad(tile, r >> 2)} * 4u + ${r & 3}u`;
    const pixel =
      gather.classes === 1
        ? `let pixel = m;`
        : `let in_image = m % ${h * w}u;
    let y = in_image / ${w}u * ${s}u + class_y;
    let x = in_image % ${w}u * ${s}u + class_x;
    let pixel = (m / ${h * w}u * ${g.h}u + y) * ${g.w}u + x;`;
    const conditions = [
      ...(guardRows ? [`m < ${n * h * w}u`] : []),
      ...(gather.classes > 1 && g.h % s !== 0 ? [`y < ${g.h}u`] : []),
      ...(gather.classes > 1 && g.w % s !== 0 ? [`x < ${g.w}u`] : []),
    ];
    const stores = repeat(vectors, (v) => {
      const at = column(tile, v);
      const text = store(`c${r}_${v}`, "pixel", at);
      return guardColumns
        ? `if (${at} < ${gather.columns4}u) { ${text} }`
        : `{ ${text} }`;
    });
    return `{ let m = ${m};
    ${pixel}
    ${conditions.length > 0 ? `if (${conditions.join(" && ")}) ` : ""}{ ${stores} } }`;
  });
}

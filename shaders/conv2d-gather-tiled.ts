/**
 * The tiled kernel of convolution forward and input gradient: how a tile of pixels and a tile of weights get into
 * workgroup memory (gemm-tiled.ts does the rest; rows, taps and classes are conv2d-gather-rows.ts's).
 */
import { repeat } from "./common.js";
import { moments } from "./moments.js";
import { statisticsText } from "./tile-statistics.js";
import {
  gatherOf,
  gatherPrologue,
  gatherRows,
  gatherWorkgroups,
  pixelOfRow,
  positionText,
  rowFunctions,
  rowOrigin,
  totalDepth4,
  type Gather,
  type GatherProblem,
} from "./conv2d-gather-rows.js";
import {
  column,
  rowQuad,
  tiledGemm,
  tileLayout,
  type Tile,
  type TileLoader,
} from "./gemm-tiled.js";

export interface TiledGatherOptions extends GatherProblem {
  readonly tile: Tile;
  /** Text that finishes and stores one vec4: `value` of destination vec4 `column` of pixel `pixel`. */
  readonly store: (value: string, pixel: string, column: string) => string;
  /** Also (mean, M2) of each 64 results of a channel, in `parts`. */
  readonly statistics?: boolean | undefined;
}

export function tiledGather(options: TiledGatherOptions): string {
  const { tile } = options;
  const gather = gatherOf(options);
  return (
    (options.statistics ? moments : "") +
    rowFunctions(gather) +
    tiledGemm({
      tile,
      workgroups: gatherWorkgroups(options, tile),
      a: sourceLoader(options, gather),
      b:
        options.pass === "forward"
          ? forwardWeights(options, gather)
          : gradInputWeights(options, gather),
      prologue: gatherPrologue(options, gather, tile, 4),
      finish:
        finishText(options, gather) +
        (options.statistics ? statisticsText(tile, gather.columns4) : ""),
      mayBeEmpty: gather.classes > 1,
    })
  );
}

/** Whether every step lies within one tap. */
function aligned({ tile }: TiledGatherOptions, { depth4 }: Gather): boolean {
  return (depth4 * 4) % tile.depth === 0;
}

/** The position of a step, or of a task in it where steps reach over several taps. */
function position(options: TiledGatherOptions, gather: Gather, s: string) {
  const within = aligned(options, gather) ? "" : ` + kq_${s}`;
  return positionText(options, gather, options.tile.depth, within);
}

function sourceLoader(options: TiledGatherOptions, gather: Gather): TileLoader {
  const { tile } = options;
  const { w, bounded } = gather;
  const rows = gatherRows(gather);
  const origin = rowOrigin(options, gather);
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
      return `${position(options, gather, s)}
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
      return `${position(options, gather, s)}
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
  const { tile, store } = options;
  const { rows, vectors } = tile.block;
  const { columns4 } = tileLayout(tile);
  const guardRows = gatherRows(gather) % tile.tileRows !== 0;
  const guardColumns = gather.columns4 % columns4 !== 0;
  const { declare, conditions: inside } = pixelOfRow(options, gather, "m");
  const conditions = [
    ...(guardRows ? [`m < ${gatherRows(gather)}u`] : []),
    ...inside,
  ];
  return repeat(rows, (r) => {
    const m = `${rowQuad(tile, r >> 2)} * 4u + ${r & 3}u`;
    const stores = repeat(vectors, (v) => {
      const at = column(tile, v);
      const text = store(`c${r}_${v}`, "pixel", at);
      return guardColumns
        ? `if (${at} < ${gather.columns4}u) { ${text} }`
        : `{ ${text} }`;
    });
    return `{ let m = ${m};
    ${declare}
    ${conditions.length > 0 ? `if (${conditions.join(" && ")}) ` : ""}{ ${stores} } }`;
  });
}

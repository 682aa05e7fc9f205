/**
 * Convolution forward and input gradient on matrix units: how a tile of pixels and a tile of weights get into workgroup memory
 * as f16 (gemm-matrix.ts does the rest). Rows, taps and the classes of strided input gradients are those of the tiled kernel
 * (conv2d-gather-tiled.ts). Source and weights are read 8 values at a time.
 *
 * Needs 8 | columns, and a source whose channels are a multiple of the tile's depth: every step then lies within one tap.
 */
import {
  gatherOf,
  gatherPrologue,
  gatherRows,
  gatherWorkgroups,
  pixelOfRow,
  positionText,
  rowFunctions,
  rowOrigin,
  type Gather,
  type GatherProblem,
} from "./conv2d-gather-rows.js";
import {
  matrixGemm,
  type Matrices,
  type MatrixLoader,
  type MatrixTile,
} from "./gemm-matrix.js";

export interface MatrixGatherOptions extends GatherProblem {
  readonly tile: MatrixTile;
  readonly matrices: Matrices;
  /** Text that finishes and stores one vec4: `value` of destination vec4 `column` of pixel `pixel`. */
  readonly store: (value: string, pixel: string, column: string) => string;
  /** Also (mean, M2) of each 64 results of a channel, in `parts`. */
  readonly statistics?: boolean | undefined;
}

export function matrixGather(options: MatrixGatherOptions): string {
  const { tile, matrices } = options;
  const gather = gatherOf(options);
  return (
    rowFunctions(gather) +
    matrixGemm({
      tile,
      matrices,
      workgroups: gatherWorkgroups(options, tile),
      a: sourceLoader(options, gather),
      b:
        options.pass === "forward"
          ? forwardWeights(options, gather)
          : gradInputWeights(options, gather),
      prologue: gatherPrologue(options, gather, tile, 1),
      store: storeText(options, gather),
      mayBeEmpty: gather.classes > 1,
      statistics: options.statistics
        ? { columns4: gather.columns4 }
        : undefined,
    })
  );
}

function sourceLoader(
  options: MatrixGatherOptions,
  gather: Gather,
): MatrixLoader {
  const rows = gatherRows(gather);
  const { bounded, source4, sourceW, direction } = gather;
  return {
    along: "k",
    setup: (s, row, at8) =>
      `let row_${s} = row(min(tile_row0 + ${row}, ${rows - 1}u), ${rowOrigin(options, gather)});
  let at_${s} = row_${s}.at + i32(${at8} * 2u);`,
    load(s, register) {
      const move = `(i32(ty) * ${sourceW} + i32(tx)) * ${source4}`;
      const at = `source[u32(at_${s} + i32(c4) ${direction > 0 ? "+" : "-"} ${move}) / 2u]`;
      return `${positionText(options, gather, options.tile.depth, "")}
      ${
        bounded
          ? `let bits = (1u << ty) | (65536u << tx);
      ${register} = vec4<u32>(); if ((row_${s}.taps & bits) == bits) { ${register} = ${at}; }`
          : `${register} = ${at};`
      }`;
    },
  };
}

/** w[k][n]: a row per k. */
function forwardWeights(
  { tile }: MatrixGatherOptions,
  { columns4 }: Gather,
): MatrixLoader {
  const columns8 = columns4 / 2;
  return {
    along: "tile",
    setup: (s, row, at8) =>
      `let weight_${s} = ${row} * ${columns8}u + min(tile_column0 / 8u + ${at8}, ${columns8 - 1}u);`,
    load: (s, register) =>
      `${register} = weights[weight_${s} + load_step * ${tile.depth * columns8}u];`,
  };
}

/** w[tap][n][k]: a row per column, K along it. */
function gradInputWeights(
  options: MatrixGatherOptions,
  gather: Gather,
): MatrixLoader {
  const { geometry: g, tile } = options;
  const columns = gather.columns4 * 4;
  const depth8 = gather.depth4 / 2;
  const tap =
    gather.classes > 1
      ? `((kh0 + ty * ${g.stride}u) * ${g.kw}u + kw0 + tx * ${g.stride}u)`
      : "tap";
  return {
    along: "k",
    setup: (s, row, at8) =>
      `let weight_${s} = min(tile_column0 + ${row}, ${columns - 1}u) * ${depth8}u + ${at8};`,
    load: (s, register) => `${positionText(options, gather, tile.depth, "")}
      ${register} = weights[weight_${s} + ${tap} * ${columns * depth8}u + c4 / 2u];`,
  };
}

/** Stores what is a pixel and a column. */
function storeText(options: MatrixGatherOptions, gather: Gather): string {
  const { tile } = options;
  const rows = gatherRows(gather);
  const { declare, conditions } = pixelOfRow(options, gather, "result_row");
  const inside = [
    ...(rows % tile.tileRows !== 0 ? [`result_row < ${rows}u`] : []),
    ...((gather.columns4 * 4) % tile.tileColumns !== 0
      ? [`result_column4 < ${gather.columns4}u`]
      : []),
    ...conditions,
  ];
  return `${declare}
      ${inside.length > 0 ? `if (${inside.join(" && ")}) ` : ""}{ ${options.store("result", "pixel", "result_column4")} }`;
}

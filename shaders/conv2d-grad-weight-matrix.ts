/**
 * The convolution weight gradient on matrix units: rows are (tap, input channel), columns output channels, K the output pixels
 * of one split. Both matrices lie in memory along their tiles, and in workgroup memory as a row per pixel.
 *
 * Needs 8 | Cin and 8 | Cout, and no bias.
 */
import { vec4Channels, type ConvGeometry } from "./convolution.js";
import {
  matrixGemm,
  type Matrices,
  type MatrixLoader,
  type MatrixTile,
} from "./gemm-matrix.js";

export interface MatrixGradWeightOptions {
  readonly geometry: ConvGeometry;
  readonly tile: MatrixTile;
  readonly matrices: Matrices;
  readonly splits: number;
}

function sizes({ geometry: g, tile, splits }: MatrixGradWeightOptions) {
  const { cin4, cout4 } = vec4Channels(g);
  const pixels = g.n * g.oh * g.ow;
  const rows = g.kh * g.kw * cin4 * 4;
  const steps = Math.ceil(pixels / tile.depth);
  return {
    cin8: cin4 / 2,
    cout8: cout4 / 2,
    pixels,
    rows,
    rowTiles: Math.ceil(rows / tile.tileRows),
    columnTiles: Math.ceil((cout4 * 4) / tile.tileColumns),
    /** Steps of the K loop in all, and in each split but the last. */
    steps,
    perSplit: Math.ceil(steps / splits),
  };
}

export function matrixGradWeightWorkgroups(
  options: MatrixGradWeightOptions,
): number {
  const { rowTiles, columnTiles } = sizes(options);
  return rowTiles * columnTiles * options.splits;
}

/** Bindings as those of conv2d-grad-weight.wgsl.ts. */
export function matrixGradWeight(options: MatrixGradWeightOptions): string {
  const { tile, matrices, splits } = options;
  const { rowTiles, columnTiles, rows, cout8, steps, perSplit } =
    sizes(options);
  const whole =
    rows % tile.tileRows === 0 && (cout8 * 8) % tile.tileColumns === 0;
  return matrixGemm({
    tile,
    matrices,
    workgroups: matrixGradWeightWorkgroups(options),
    a: inputLoader(options),
    b: gradientLoader(options),
    prologue: `let tile_column0 = index % ${columnTiles}u * ${tile.tileColumns}u;
  let tile_row0 = index / ${columnTiles}u % ${rowTiles}u * ${tile.tileRows}u;
  let split = index / ${columnTiles * rowTiles}u;
  let first_step = split * ${perSplit}u;
  let steps = min(first_step + ${perSplit}u, ${steps}u) - min(first_step, ${steps}u);`,
    mayBeEmpty: perSplit * (splits - 1) >= steps,
    store: `${whole ? "" : `if (result_row < ${rows}u && result_column4 < ${2 * cout8}u) `}{
        partials[(split * ${rows}u + result_row) * ${2 * cout8}u + result_column4] = result;
      }`,
  });
}

/** x under the row's tap: 8 channels of one pixel. The padding and pixels past the last are 0. */
function inputLoader(options: MatrixGradWeightOptions): MatrixLoader {
  const { geometry: g, tile } = options;
  const { cin8, pixels, rows } = sizes(options);
  const conditions = [
    ...(g.padding > 0 ? [`u32(y) < ${g.h}u`, `u32(x_at) < ${g.w}u`] : []),
    ...(pixels % tile.depth !== 0 ? [`m < ${pixels}u`] : []),
  ];
  return {
    along: "tile",
    setup: (
      s,
      _,
      at8,
    ) => `let in_row_${s} = min(tile_row0 / 8u + ${at8}, ${rows / 8 - 1}u);
  let top_${s} = i32(in_row_${s} / ${cin8 * g.kw}u) - ${g.padding};
  let left_${s} = i32(in_row_${s} / ${cin8}u % ${g.kw}u) - ${g.padding};
  let channel_${s} = i32(in_row_${s} % ${cin8}u);`,
    load: (
      s,
      register,
    ) => `let m = (first_step + load_step) * ${tile.depth}u + row_of_${s};
      let y = i32(m / ${g.ow}u % ${g.oh}u) * ${g.stride} + top_${s};
      let x_at = i32(m % ${g.ow}u) * ${g.stride} + left_${s};
      let at = u32(((i32(m / ${g.oh * g.ow}u) * ${g.h} + y) * ${g.w} + x_at) * ${cin8} + channel_${s});
      ${
        conditions.length === 0
          ? `${register} = x[at];`
          : `${register} = vec4<u32>(); if (${conditions.join(" && ")}) { ${register} = x[at]; }`
      }`,
  };
}

/** dy; pixels past the last meet zeros of x, and so must be finite: the last pixel's again. */
function gradientLoader(options: MatrixGradWeightOptions): MatrixLoader {
  const { tile } = options;
  const { cout8, pixels } = sizes(options);
  return {
    along: "tile",
    setup: (s, _, at8) =>
      `let column_${s} = min(tile_column0 / 8u + ${at8}, ${cout8 - 1}u);`,
    load: (
      s,
      register,
    ) => `let m = (first_step + load_step) * ${tile.depth}u + row_of_${s};
      ${register} = dy[${pixels % tile.depth === 0 ? "m" : `min(m, ${pixels - 1}u)`} * ${cout8}u + column_${s}];`,
  };
}

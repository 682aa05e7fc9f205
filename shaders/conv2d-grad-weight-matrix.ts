/**
 * The convolution weight gradient on matrix units: rows are (tap, input channel), columns output channels, K the output pixels
 * of one split. Both matrices lie in memory along their tiles, and in workgroup memory as a row per pixel.
 *
 * Needs 8 | Cin and 8 | Cout, and no bias.
 */
import {
  gradWeightPrologue,
  gradWeightSizes,
  gradWeightWorkgroups,
  type GradWeightCut,
} from "./conv2d-grad-weight-tiles.js";
import {
  matrixGemm,
  type Matrices,
  type MatrixLoader,
  type MatrixTile,
} from "./gemm-matrix.js";

export interface MatrixGradWeightOptions extends GradWeightCut {
  readonly tile: MatrixTile;
  readonly matrices: Matrices;
}

/** The cut in groups of 8, as everything is loaded here. */
function sizes(options: MatrixGradWeightOptions) {
  const { cin4, cout4, rows4, ...rest } = gradWeightSizes(options);
  return { ...rest, cin8: cin4 / 2, cout8: cout4 / 2, rows: 4 * rows4 };
}

/** Bindings as those of conv2d-grad-weight.wgsl.ts. */
export function matrixGradWeight(options: MatrixGradWeightOptions): string {
  const { tile, matrices } = options;
  const { rows, cout8, mayBeEmpty } = sizes(options);
  const whole =
    rows % tile.tileRows === 0 && (cout8 * 8) % tile.tileColumns === 0;
  return matrixGemm({
    tile,
    matrices,
    workgroups: gradWeightWorkgroups(options),
    a: inputLoader(options),
    b: gradientLoader(options),
    prologue: gradWeightPrologue(options, 1),
    mayBeEmpty,
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

/**
 * The tiled kernel of the convolution weight gradient: rows are (tap, input channel), columns output channels, K the
 * output pixels of one split. Both matrices lie in memory along their tiles. A task's four pixels are decoded once where
 * image rows hold whole quads of them.
 */
import { repeat } from "./common.js";
import {
  gradWeightPrologue,
  gradWeightSizes,
  gradWeightWorkgroups,
  type GradWeightCut,
} from "./conv2d-grad-weight-tiles.js";
import {
  column,
  rowQuad,
  tiledGemm,
  type Tile,
  type TileLoader,
} from "./gemm-tiled.js";

export interface TiledGradWeightOptions extends GradWeightCut {
  /** Whether the sum of dy's rows is wanted too. */
  readonly bias: boolean;
  readonly tile: Tile;
  /** Text that stores the block, given the row quad q of the block and its column vec4 v. */
  readonly store: (
    row4: (q: number) => string,
    column: (v: number) => string,
  ) => string;
}

export function tiledGradWeight(options: TiledGradWeightOptions): string {
  const { tile, bias, store } = options;
  const { vectors } = tile.block;
  return tiledGemm({
    tile,
    workgroups: gradWeightWorkgroups(options),
    a: inputLoader(options),
    b: gradientLoader(options),
    prologue: `${gradWeightPrologue(options, 4)}
  ${bias ? repeat(vectors, (v) => `var bias${v} = vec4<f32>();`) : ""}`,
    mayBeEmpty: gradWeightSizes(options).mayBeEmpty,
    eachK: bias ? repeat(vectors, (v) => `bias${v} += b${v};`, " ") : "",
    finish: `let first_rows = tile_row0 == 0u && thread_row == 0u;
  ${store(
    (q) => rowQuad(tile, q),
    (v) => column(tile, v),
  )}`,
  });
}

/** x under the row's tap. The padding and pixels past the last are 0. */
function inputLoader(options: TiledGradWeightOptions): TileLoader {
  const { geometry: g, tile } = options;
  const { cin4, pixels, rows4 } = gradWeightSizes(options);
  const whole = g.ow % 4 === 0;
  const tail = pixels % tile.depth !== 0;
  // Position of pixel m, and of the tap in it; `first` of each suffix is decoded once for a whole quad.
  const decode = (s: string, j: number) => `let m_${j} = ${
    tail ? `min(m + ${j}u, ${pixels - 1}u)` : `m + ${j}u`
  };
      let y_${j} = i32(m_${j} / ${g.ow}u % ${g.oh}u) * ${g.stride} + top_${s};
      let x_${j} = i32(m_${j} % ${g.ow}u) * ${g.stride} + left_${s};
      let at_${j} = ((i32(m_${j} / ${g.oh * g.ow}u) * ${g.h} + y_${j}) * ${g.w} + x_${j}) * ${cin4} + channel_${s};`;
  return {
    along: "tile",
    setup: (s, q) => `let in_row_${s} = min(tile_row0 + ${q}, ${rows4 - 1}u);
  let top_${s} = i32(in_row_${s} / ${cin4 * g.kw}u) - ${g.padding};
  let left_${s} = i32(in_row_${s} / ${cin4}u % ${g.kw}u) - ${g.padding};
  let channel_${s} = i32(in_row_${s} % ${cin4}u);`,
    load: (
      s,
      register,
    ) => `let m = (first_step + load_step) * ${tile.depth}u + kq_${s} * 4u;
      ${whole ? decode(s, 0) : repeat(4, (j) => decode(s, j))}
      ${repeat(4, (j) => {
        const from = whole ? 0 : j;
        const x = whole ? `x_0 + ${j * g.stride}` : `x_${j}`;
        const at = whole ? `at_0 + ${j * g.stride * cin4}` : `at_${j}`;
        const conditions = [
          ...(g.padding > 0
            ? [`u32(y_${from}) < ${g.h}u`, `u32(${x}) < ${g.w}u`]
            : []),
          ...(tail ? [`m + ${j}u < ${pixels}u`] : []),
        ];
        return conditions.length === 0
          ? `${register(j)} = x[u32(${at})];`
          : `${register(j)} = vec4<f32>(); if (${conditions.join(" && ")}) { ${register(j)} = x[u32(${at})]; }`;
      })}`,
  };
}

/** dy; pixels past the last are met by zeros of x and may be anything that dy holds, but not in the bias's sum. */
function gradientLoader(options: TiledGradWeightOptions): TileLoader {
  const { tile } = options;
  const { cout4, pixels } = gradWeightSizes(options);
  const tail = pixels % tile.depth !== 0;
  return {
    along: "tile",
    setup: (s, q) =>
      `let column_${s} = min(tile_column0 + ${q}, ${cout4 - 1}u);`,
    load: (
      s,
      register,
    ) => `let m = (first_step + load_step) * ${tile.depth}u + kq_${s} * 4u;
      let at = m * ${cout4}u + column_${s};
      ${repeat(4, (j) =>
        tail
          ? `${register(j)} = vec4<f32>(); if (m + ${j}u < ${pixels}u) { ${register(j)} = dy[at + ${j * cout4}u]; }`
          : `${register(j)} = dy[at + ${j * cout4}u];`,
      )}`,
  };
}

/**
 * Statistics of a tile's results (gemm-tiled.ts) for batch norm: (mean, M2) of each 64 rows of a channel. Each invocation sums its own rows; those of one column are merged through workgroup memory, in order.
 */
import { repeat } from "./common.js";
import { column, tileLayout, type Tile } from "./gemm-tiled.js";
import { rowsPerPart } from "./moments.js";

const quadsPerPart = rowsPerPart / 4;

/** Whether every invocation's rows fall into parts in the same way. */
export function takesStatistics(tile: Tile): boolean {
  const { threadRows } = tileLayout(tile);
  return (
    tile.tileRows % rowsPerPart === 0 &&
    threadRows <= quadsPerPart &&
    quadsPerPart % threadRows === 0
  );
}

/**
 * Text behind the stores, for a tile that is full of rows. It reuses the tile of A for `parts` on their way to the binding of
 * that name, `[part][mean, M2][columns4]`.
 */
export function statisticsText(tile: Tile, columns4: number): string {
  const { threadRows, threadColumns } = tileLayout(tile);
  const { vectors } = tile.block;
  const quads = quadsPerPart / threadRows;
  const n = `${4 * quads}.0`;
  const part = (p: number, v: number) => {
    const value = (r: number) => `c${4 * quads * p + r}_${v}`;
    return `{
    let shift = ${value(0)};
    var sum = vec4<f32>();
    var squares = vec4<f32>();
    ${repeat(4 * quads, (r) => `{ let d = ${value(r)} - shift; sum += d; squares = fma(d, d, squares); }`)}
    let mine = 2u * (thread_row * ${threadColumns}u + thread_column);
    tile_a[mine] = shift + sum / ${n};
    tile_a[mine + 1u] = max(squares - sum * (sum / ${n}), vec4<f32>());
    workgroupBarrier();
    if (thread_row == 0u && ${column(tile, v)} < ${columns4}u) {
      var all = Moments();
      for (var other = thread_column; other < ${threadRows * threadColumns}u; other += ${threadColumns}u) {
        all = merge(all, Moments(${n}, tile_a[2u * other], tile_a[2u * other + 1u]));
      }
      let at = (tile_row0 / ${quadsPerPart}u + ${p}u) * ${2 * columns4}u + ${column(tile, v)};
      parts[at] = all.mean;
      parts[at + ${columns4}u] = all.m2;
    }
    workgroupBarrier();
  }`;
  };
  return repeat(tile.tileRows / rowsPerPart, (p) =>
    repeat(vectors, (v) => part(p, v)),
  );
}

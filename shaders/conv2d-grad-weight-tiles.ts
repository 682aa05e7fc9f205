/** How the weight gradient's GEMM is cut into tiles and splits, for the tiled and the matrix kernels. */
import { vec4Channels, type ConvGeometry } from "./convolution.js";

/** What the cut depends on, of whichever family the tile is. */
export interface GradWeightCut {
  readonly geometry: ConvGeometry;
  readonly tile: {
    readonly tileRows: number;
    readonly tileColumns: number;
    /** K per step. */
    readonly depth: number;
  };
  readonly splits: number;
}

/** Rows and channels in vec4s. */
export function gradWeightSizes({ geometry: g, tile, splits }: GradWeightCut) {
  const { cin4, cout4 } = vec4Channels(g);
  const pixels = g.n * g.oh * g.ow;
  const rows4 = g.kh * g.kw * cin4;
  const steps = Math.ceil(pixels / tile.depth);
  const perSplit = Math.ceil(steps / splits);
  return {
    cin4,
    cout4,
    pixels,
    rows4,
    rowTiles: Math.ceil((rows4 * 4) / tile.tileRows),
    columnTiles: Math.ceil((cout4 * 4) / tile.tileColumns),
    /** Steps of the K loop in all, and in each split but the last. */
    steps,
    perSplit,
    /** Whether the last split may have none. */
    mayBeEmpty: perSplit * (splits - 1) >= steps,
  };
}

export function gradWeightWorkgroups(cut: GradWeightCut): number {
  const { rowTiles, columnTiles } = gradWeightSizes(cut);
  return rowTiles * columnTiles * cut.splits;
}

/** From a workgroup's `index`: its tile's beginning in groups of `unit`, its `split`, `first_step` and `steps`. */
export function gradWeightPrologue(cut: GradWeightCut, unit: 1 | 4): string {
  const { rowTiles, columnTiles, steps, perSplit } = gradWeightSizes(cut);
  const { tileRows, tileColumns } = cut.tile;
  return `let tile_column0 = index % ${columnTiles}u * ${tileColumns / unit}u;
  let tile_row0 = index / ${columnTiles}u % ${rowTiles}u * ${tileRows / unit}u;
  let split = index / ${columnTiles * rowTiles}u;
  let first_step = split * ${perSplit}u;
  let steps = min(first_step + ${perSplit}u, ${steps}u) - min(first_step, ${steps}u);`;
}

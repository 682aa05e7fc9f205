/** Kernel variants on matrix units: which convolutions they can run, and which of them are worth measuring. */
import type { MatrixVariant } from "../../../shaders/conv2d-gather.wgsl.js";
import { vec4Channels } from "../../../shaders/convolution.js";
import {
  matrixBytes,
  matrixThreads,
  type MatrixTile,
} from "../../../shaders/gemm-matrix.js";
import type { KernelTarget } from "../graph.js";
import {
  canTile,
  type ConvProblem,
  type Direction,
  gatherSize,
  secondTile,
} from "./conv2d-problem.js";

/** Whether a gather suits matrix units: between halves, whole groups of 8 columns, steps within a tap. */
export function gatherMatrices(
  target: KernelTarget,
  problem: ConvProblem,
  tile: MatrixTile,
): boolean {
  const { pass, geometry, half } = problem;
  const { cin4, cout4 } = vec4Channels(geometry);
  const [source4, columns4] =
    pass === "forward" ? [cin4, cout4] : [cout4, cin4];
  return (
    half &&
    canTile(target, geometry) &&
    columns4 % 2 === 0 &&
    (source4 * 4) % tile.depth === 0 &&
    matrixFits(target, tile, "k", secondTile[pass])
  );
}

/** Whether a weight gradient suits matrix units. */
export function gradWeightMatrices(
  target: KernelTarget,
  { geometry, half }: ConvProblem<"gradWeight">,
  bias: boolean,
  tile: MatrixTile,
): boolean {
  const { cin4, cout4 } = vec4Channels(geometry);
  return (
    half &&
    !bias &&
    cin4 % 2 === 0 &&
    cout4 % 2 === 0 &&
    matrixFits(target, tile, "tile", "tile")
  );
}

function matrixFits(
  { matrices, limits }: KernelTarget,
  tile: MatrixTile,
  a: Direction,
  b: Direction,
): boolean {
  return (
    matrices !== undefined &&
    matrixThreads(tile) <= limits.invocations &&
    matrixBytes(tile, { along: a }, { along: b }) <= limits.workgroupBytes
  );
}

function matrix(
  [tileRows, tileColumns, depth]: readonly [number, number, number],
  [subgroupRows, subgroupColumns]: readonly [number, number],
  doubleBuffer = false,
): MatrixTile {
  return {
    tileRows,
    tileColumns,
    depth,
    subgroupRows,
    subgroupColumns,
    doubleBuffer,
  };
}

/**
 * Tiles for matrix units that were fastest for some shape on an H200, the likeliest first: the rule takes the first that runs.
 * A subgroup's block of 64×64 results reads the least from workgroup memory for its products.
 */
function matrixTiles(columns4: number): MatrixTile[] {
  return columns4 > 16
    ? [
        matrix([128, 128, 32], [2, 2]),
        matrix([256, 128, 32], [4, 2]),
        ...(columns4 > 32 ? [matrix([128, 256, 32], [2, 4])] : []),
        matrix([64, 128, 32], [2, 2]),
        matrix([128, 128, 32], [4, 2], true),
        matrix([64, 64, 32], [2, 2]),
      ]
    : [
        matrix([128, 64, 32], [2, 2]),
        matrix([64, 64, 64], [2, 2]),
        matrix([128, 64, 32], [2, 1]),
        matrix([256, 64, 32], [4, 1]),
        matrix([128, 64, 32], [4, 2]),
        matrix([64, 64, 32], [2, 2]),
      ];
}

/** Variants on matrix units for a gather, the likeliest first; none where there are no such units or it does not suit them. */
export function gatherOnMatrices(
  target: KernelTarget,
  problem: ConvProblem,
): MatrixVariant[] {
  const { columns4 } = gatherSize(problem);
  return variants(target, columns4, (tile) =>
    gatherMatrices(target, problem, tile),
  );
}

/** Likewise for a weight gradient, but for the splits. */
export function gradWeightOnMatrices(
  target: KernelTarget,
  problem: ConvProblem<"gradWeight">,
  bias: boolean,
): MatrixVariant[] {
  const { cout4 } = vec4Channels(problem.geometry);
  return variants(target, cout4, (tile) =>
    gradWeightMatrices(target, problem, bias, tile),
  );
}

function variants(
  { matrices }: KernelTarget,
  columns4: number,
  runs: (tile: MatrixTile) => boolean,
): MatrixVariant[] {
  return matrices === undefined
    ? []
    : matrixTiles(columns4)
        .filter(runs)
        .map((tile) => ({ family: "matrix", matrices, ...tile }));
}

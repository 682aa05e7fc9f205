/** Names of the variants that conv-sweep tries. */
import type { KernelTarget } from "../../src/engine/graph.js";

/** Tile, block; each in several depths and bufferings. */
const tiles = [
  ["64x64", "8x4"],
  ["64x64", "8x8"],
  ["64x128", "8x8"],
  ["64x128", "16x8"],
  ["128x64", "8x8"],
  ["128x64", "16x8"],
  ["128x128", "8x8"],
  ["128x128", "16x8"],
  ["256x64", "16x8"],
] as const;

/** All of them, without splits. */
export function candidateNames(columns: number): string[] {
  return tiles
    .filter(([tile]) => Number(tile.split("x")[1]) / 2 < columns)
    .flatMap(([tile, block]) => [
      `t${tile}x16/${block}/u16`,
      `t${tile}x16/${block}/u4`,
      `t${tile}x8/${block}/u8`,
      `t${tile}x8/${block}/db/u8`,
    ]);
}

/** Tiles of the weight gradient that are tried with other numbers of splits too. */
export const splitNames = [
  "t128x128x16/8x8/u16",
  "t128x128x16/16x8/u16",
  "t64x64x16/8x8/u16",
];

/** Tiles on matrix units: tile and depth, subgroups down and across. */
const matrixTiles = [
  ["128x128x32", "2x2"],
  ["128x128x32", "4x2"],
  ["128x128x64", "2x2"],
  ["256x128x32", "4x2"],
  ["128x256x32", "2x4"],
  ["256x256x32", "4x4"],
  ["64x128x32", "1x2"],
  ["64x128x32", "2x2"],
  ["128x64x32", "2x1"],
  ["128x64x32", "2x2"],
  ["128x64x32", "4x2"],
  ["128x64x64", "2x1"],
  ["256x64x32", "4x1"],
  ["64x64x32", "2x2"],
  ["64x64x64", "1x1"],
  ["64x64x64", "2x2"],
] as const;

/** Names of all of them that are no wider than the columns, with one buffer and with two. */
export function matrixNames(
  columns: number,
  matrices: KernelTarget["matrices"],
): string[] {
  const suffix = matrices === "emulated" ? "/emulated" : "";
  return matrixTiles
    .filter(([tile]) => Number(tile.split("x")[1]) / 2 < columns)
    .flatMap(([tile, subgroups]) =>
      ["", "/db"].map((buffers) => `m${tile}/${subgroups}${buffers}${suffix}`),
    );
}

export const matrixSplitNames = ["m128x128x32/2x2", "m128x64x32/2x2"];

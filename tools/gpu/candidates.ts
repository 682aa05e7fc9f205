/** Names of the variants that conv-sweep tries. */

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

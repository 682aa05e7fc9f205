/**
 * Which kernel variant a convolution runs: what the target's record says of this shape, else a rule by the adapter's
 * family and the shape. The candidates are what the tuner measures.
 */
import type {
  GatherVariant,
  RegisterVariant,
} from "../../../shaders/conv2d-gather.wgsl.js";
import type { GradWeightVariant } from "../../../shaders/conv2d-grad-weight.wgsl.js";
import {
  vec4Channels,
  type ConvGeometry,
} from "../../../shaders/convolution.js";
import {
  tileBytes,
  tileLayout,
  type Tile,
} from "../../../shaders/gemm-tiled.js";
import type { Block } from "../../../shaders/gemm.js";
import type { KernelTarget } from "../graph.js";
import {
  gatherMatrices,
  gatherOnMatrices,
  gradWeightMatrices,
  gradWeightOnMatrices,
} from "./conv2d-matrix-variants.js";
import {
  canTile,
  convKey,
  type ConvProblem,
  type Direction,
  gatherSize,
  secondTile,
} from "./conv2d-problem.js";
import { parseGatherVariant, parseGradWeightVariant } from "./variant-names.js";

/** Lanes of a register kernel, and whether they broadcast (the lanes must then be exactly one subgroup). */
function lanesOf({ subgroup }: KernelTarget): {
  workgroup: number;
  broadcast: number;
} {
  return { workgroup: subgroup || 8, broadcast: subgroup };
}

/**
 * Registers of forward and input gradient: 4 rows by as many vec4 columns as divide evenly, so that none is computed
 * twice. 4 vec4s only where a subgroup loads the weights together; the input gradient holds all 16 of them at once,
 * for which subgroups of fewer than 8 lanes (128-bit vectors on CPUs) have too few registers.
 */
function gatherBlock(
  { subgroup }: KernelTarget,
  pass: ConvProblem["pass"],
  columns4: number,
): Block {
  const most = subgroup === 0 || (pass === "gradInput" && subgroup < 8) ? 2 : 4;
  const vectors = [4, 2, 1].find(
    (count) => count <= most && columns4 % count === 0,
  )!;
  return { rows: 4, vectors };
}

/**
 * Registers of the weight gradient. Where a subgroup loads dy together, the more vec4 columns the fewer pixels a step
 * unrolls: a column too many costs less than that text.
 */
function gradWeightBlock({ subgroup }: KernelTarget, cout4: number): Block {
  return subgroup > 0
    ? { rows: 4, vectors: cout4 > 2 ? 4 : 2 }
    : { rows: 8, vectors: cout4 % 2 === 0 ? 2 : 1 };
}

function tiled(
  tileRows: number,
  tileColumns: number,
  depth: number,
  [rows, columns]: readonly [number, number],
  doubleBuffer = false,
  unroll = depth,
): { readonly family: "tiled" } & Tile {
  const block = { rows, vectors: columns / 4 };
  return {
    family: "tiled",
    tileRows,
    tileColumns,
    depth,
    block,
    doubleBuffer,
    unroll,
  };
}

/** The fastest on an H200 where there are rows and columns enough, the fastest elsewhere, and one that fits everywhere. */
const largeTile = tiled(128, 128, 16, [16, 8], false, 4);
const mediumTile = tiled(64, 64, 16, [8, 8]);
const smallestTile = tiled(32, 32, 16, [4, 4], false, 1);

/** Forward and input gradient. */
export function gatherVariant(
  target: KernelTarget,
  problem: ConvProblem,
): GatherVariant {
  const recorded = target.kernels?.get(convKey(problem));
  const variant = recorded ? parseGatherVariant(recorded) : undefined;
  return variant && gatherRuns(target, problem, variant)
    ? variant
    : gatherRule(target, problem);
}

/** Whether the adapter can run a variant on a problem. */
function gatherRuns(
  target: KernelTarget,
  problem: ConvProblem,
  variant: GatherVariant,
): boolean {
  switch (variant.family) {
    case "register":
      return hasLanes(target, variant);
    case "tiled":
      return (
        canTile(target, problem.geometry) &&
        fits(target, variant, "k", secondTile[problem.pass])
      );
    case "matrix":
      return (
        gatherMatrices(target, problem, variant) &&
        variant.matrices === target.matrices
      );
  }
}

/** Whether a subgroup has as many lanes as a kernel that broadcasts counts on: with any other number it computes nonsense. */
function hasLanes(
  { subgroup }: KernelTarget,
  { broadcast, workgroup }: Pick<RegisterVariant, "broadcast" | "workgroup">,
): boolean {
  return broadcast === 0 || (broadcast === subgroup && workgroup === subgroup);
}

function gatherRule(target: KernelTarget, problem: ConvProblem): GatherVariant {
  const { pass, geometry } = problem;
  const { rows, columns4, depth4 } = gatherSize(problem);
  if (!canTile(target, geometry))
    return {
      family: "register",
      block: gatherBlock(target, pass, columns4),
      ...lanesOf(target),
    };
  const [onMatrices] = gatherOnMatrices(target, problem);
  if (onMatrices) return onMatrices;
  const byRule = [
    ...(columns4 > 16 ? [largeTile] : []),
    ...(depth4 < 16 ? [tiled(64, 64, 8, [8, 8])] : []),
    mediumTile,
    smallestTile,
  ].filter((tile) => fits(target, tile, "k", secondTile[pass]));
  const workgroups = ({ tileRows, tileColumns }: Tile) =>
    Math.ceil(rows / tileRows) * Math.ceil((columns4 * 4) / tileColumns);
  // Half of what the adapter works on at a time is enough for the large tile; the others are for whatever is left.
  return byRule.find(
    (tile) => tile !== largeTile || 2 * workgroups(tile) >= target.parallelism,
  )!;
}

/** Weight gradient: split over the pixels until the adapter is busy. */
export function gradWeightVariant(
  target: KernelTarget,
  problem: ConvProblem<"gradWeight">,
  bias: boolean,
): GradWeightVariant {
  const recorded = target.kernels?.get(convKey(problem));
  const variant = recorded ? parseGradWeightVariant(recorded) : undefined;
  return variant && gradWeightRuns(target, problem, bias, variant)
    ? variant
    : gradWeightRule(target, problem, bias);
}

function gradWeightRuns(
  target: KernelTarget,
  problem: ConvProblem<"gradWeight">,
  bias: boolean,
  variant: GradWeightVariant,
): boolean {
  switch (variant.family) {
    case "register":
      return hasLanes(target, variant);
    case "tiled":
      return fits(target, variant, "tile", "tile");
    case "matrix":
      return (
        gradWeightMatrices(target, problem, bias, variant) &&
        variant.matrices === target.matrices
      );
  }
}

function gradWeightRule(
  target: KernelTarget,
  problem: ConvProblem<"gradWeight">,
  bias: boolean,
): GradWeightVariant {
  const { geometry } = problem;
  const { cin4, cout4 } = vec4Channels(geometry);
  const pixels = geometry.n * geometry.oh * geometry.ow;
  const rows4 = geometry.kh * geometry.kw * cin4;
  if (target.family === "register") {
    const lanes = lanesOf(target);
    const block = gradWeightBlock(target, cout4);
    const tasks =
      Math.ceil(rows4 / ((block.rows / 4) * lanes.workgroup)) *
      Math.ceil(cout4 / block.vectors);
    const splits = Math.max(
      1,
      Math.min(Math.ceil(target.parallelism / tasks), Math.ceil(pixels / 64)),
    );
    return { family: "register", block, ...lanes, splits };
  }
  const [onMatrices] = gradWeightOnMatrices(target, problem, bias);
  if (onMatrices)
    return { ...onMatrices, splits: bestSplits(target, onMatrices, geometry) };
  const tile = [
    ...(rows4 >= 128 && cout4 >= 32 ? [tiled(128, 128, 16, [16, 8])] : []),
    mediumTile,
    smallestTile,
  ].find((candidate) => fits(target, candidate, "tile", "tile"))!;
  return { ...tile, splits: bestSplits(target, tile, geometry) };
}

/**
 * How far to split K. With room for `slots` workgroups at a time, S splits of T tiles take ⌈T·S / slots⌉ rounds of
 * ⌈pixels / S⌉ each; and every split writes and reads a partial matrix, which costs about as much as `partialCost` pixels
 * of its products. At least 256 pixels a split. Of tiles smaller than 128×128 up to three times as many run at a time.
 */
export function bestSplits(
  target: KernelTarget,
  {
    tileRows,
    tileColumns,
    depth,
  }: Pick<Tile, "tileRows" | "tileColumns" | "depth">,
  geometry: ConvGeometry,
): number {
  const slots =
    target.parallelism *
    Math.max(1, Math.min(3, (128 * 128) / (tileRows * tileColumns)));
  const partialCost = 32;
  const { cin4, cout4 } = vec4Channels(geometry);
  const pixels = geometry.n * geometry.oh * geometry.ow;
  const rows = geometry.kh * geometry.kw * cin4 * 4;
  const tiles =
    Math.ceil(rows / tileRows) * Math.ceil((cout4 * 4) / tileColumns);
  let best = { splits: 1, cost: Infinity };
  const most = Math.min(256, Math.max(1, Math.floor(pixels / 256)));
  for (let splits = 1; splits <= most; splits++) {
    const chunk = Math.ceil(pixels / depth / splits) * depth;
    const cost =
      Math.ceil((tiles * splits) / slots) * (chunk + partialCost) +
      (tiles * splits * partialCost) / slots;
    if (cost < best.cost * 0.999) best = { splits, cost };
  }
  return best.splits;
}

/** Whether the adapter can run a tile whose loaders read along these directions. */
function fits(
  { limits }: KernelTarget,
  tile: Tile,
  a: Direction,
  b: Direction,
): boolean {
  return (
    tileLayout(tile).threads <= limits.invocations &&
    tileBytes(tile, { along: a }, { along: b }) <= limits.workgroupBytes
  );
}

/** Tiles worth measuring: those that were fastest for some shape on an H200. */
function tiles(columns4: number): ({ readonly family: "tiled" } & Tile)[] {
  return columns4 > 16
    ? [
        largeTile,
        tiled(128, 128, 16, [16, 8]),
        tiled(128, 128, 16, [8, 8]),
        tiled(64, 128, 16, [8, 8]),
        mediumTile,
      ]
    : [
        mediumTile,
        tiled(128, 64, 16, [8, 8]),
        tiled(128, 64, 16, [16, 8], false, 4),
        tiled(64, 64, 8, [8, 8]),
        tiled(64, 64, 16, [8, 4]),
      ];
}

/** Variants to measure for forward and input gradient. */
export function gatherCandidates(
  target: KernelTarget,
  problem: ConvProblem,
): GatherVariant[] {
  const { pass, geometry } = problem;
  if (!canTile(target, geometry)) return [gatherRule(target, problem)];
  const { columns4 } = gatherSize(problem);
  const onMatrices = gatherOnMatrices(target, problem);
  // Where there are matrix units nothing else comes near them.
  return onMatrices.length > 0
    ? onMatrices
    : tiles(columns4).filter((tile) =>
        fits(target, tile, "k", secondTile[pass]),
      );
}

/** Variants to measure for the weight gradient. */
export function gradWeightCandidates(
  target: KernelTarget,
  problem: ConvProblem<"gradWeight">,
  bias: boolean,
): GradWeightVariant[] {
  if (target.family === "register")
    return [gradWeightRule(target, problem, bias)];
  const { geometry } = problem;
  const { cout4 } = vec4Channels(geometry);
  const onMatrices = gradWeightOnMatrices(target, problem, bias);
  const candidates =
    onMatrices.length > 0
      ? onMatrices
      : tiles(cout4).filter((tile) => fits(target, tile, "tile", "tile"));
  return candidates.map((tile) => ({
    ...tile,
    splits: bestSplits(target, tile, geometry),
  }));
}

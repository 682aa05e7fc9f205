/** Which kernel variant a convolution runs, by rule: by the adapter's family and the problem's shape. */
import type { GradWeightVariant } from "../../../shaders/conv2d-grad-weight.wgsl.js";
import type { GatherVariant } from "../../../shaders/conv2d-gather.wgsl.js";
import {
  vec4Channels,
  type ConvGeometry,
} from "../../../shaders/convolution.js";
import type { KernelTarget } from "../graph.js";

/** Vec4 columns per invocation: 2 where they divide evenly, so that no column is computed twice. */
function vectorsFor(columns4: number): number {
  return columns4 % 2 === 0 ? 2 : 1;
}

/** Lanes of a register kernel, and whether they broadcast (the lanes must then be exactly one subgroup). */
function lanesOf({ subgroup }: KernelTarget): {
  workgroup: number;
  broadcast: number;
} {
  return { workgroup: subgroup || 8, broadcast: subgroup };
}

/** Forward and input gradient: `rows` pixels by `columns4` vec4s of channels. */
export function gatherVariant(
  target: KernelTarget,
  rows: number,
  columns4: number,
): GatherVariant {
  if (target.family === "register") {
    return {
      family: "register",
      block: { rows: 4, vectors: vectorsFor(columns4) },
      ...lanesOf(target),
    };
  }
  const wide = columns4 > 16 && rows >= 128 * target.parallelism;
  return wide
    ? {
        family: "tiled",
        block: { rows: 8, vectors: 2 },
        tileRows: 128,
        tileColumns: 128,
        depth: 2,
      }
    : {
        family: "tiled",
        block: { rows: 4, vectors: 1 },
        tileRows: 64,
        tileColumns: 64,
        depth: 4,
      };
}

/** Weight gradient: split over the pixels until the adapter is busy, but not below 32 pixels a split. */
export function gradWeightVariant(
  target: KernelTarget,
  geometry: ConvGeometry,
): GradWeightVariant {
  const { cin4, cout4 } = vec4Channels(geometry);
  const pixels = geometry.n * geometry.oh * geometry.ow;
  const rows4 = geometry.kh * geometry.kw * cin4;
  const splitsFor = (tasks: number, perSplit: number) =>
    Math.max(
      1,
      Math.min(
        Math.ceil(target.parallelism / tasks),
        Math.ceil(pixels / perSplit),
      ),
    );
  if (target.family === "register") {
    const lanes = lanesOf(target);
    const block = { rows: 8, vectors: vectorsFor(cout4) };
    const tasks =
      Math.ceil(rows4 / (2 * lanes.workgroup)) *
      Math.ceil(cout4 / block.vectors);
    return {
      family: "register",
      block,
      ...lanes,
      splits: splitsFor(tasks, 64),
    };
  }
  const large = rows4 * 4 >= 512 && cout4 * 4 >= 128;
  const tile = large ? 128 : 64;
  const tasks = Math.ceil((rows4 * 4) / tile) * Math.ceil((cout4 * 4) / tile);
  const splits = splitsFor(tasks, 256);
  return large
    ? {
        family: "tiled",
        block: { rows: 8, vectors: 2 },
        tileRows: tile,
        tileColumns: tile,
        depth: 8,
        splits,
      }
    : {
        family: "tiled",
        block: { rows: 4, vectors: 1 },
        tileRows: tile,
        tileColumns: tile,
        depth: 16,
        splits,
      };
}

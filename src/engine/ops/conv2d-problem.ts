/** A convolution's passes as problems that a kernel variant is chosen for. */
import type { ConvPass } from "../../../shaders/conv2d-gather.wgsl.js";
import { maxTaps } from "../../../shaders/conv2d-gather-rows.js";
import {
  vec4Channels,
  type ConvGeometry,
} from "../../../shaders/convolution.js";
import type { KernelTarget } from "../graph.js";

/** What variants are chosen for: a pass of a convolution, and whether both its operands are stored as f16. */
export interface ConvProblem<Pass = ConvPass> {
  readonly pass: Pass;
  readonly geometry: ConvGeometry;
  readonly half: boolean;
}

/** Names a problem in records of tuned kernels: `forward n128 32x32x64 k3x3 s1 p1 o64`, ` f16` behind it between halves. */
export function convKey({
  pass,
  geometry: { n, h, w, cin, kh, kw, stride, padding, cout },
  half,
}: ConvProblem<ConvPass | "gradWeight">): string {
  return `${pass} n${n} ${h}x${w}x${cin} k${kh}x${kw} s${stride} p${padding} o${cout}${half ? " f16" : ""}`;
}

/** How a tile's memory runs: along the tile or along K. */
export type Direction = "tile" | "k";

/** How the second tile's memory runs. */
export const secondTile = { forward: "tile", gradInput: "k" } as const;

/** Whether the tiled family can run a gather. */
export function canTile(
  { family }: KernelTarget,
  { kh, kw }: ConvGeometry,
): boolean {
  return family === "tiled" && Math.max(kh, kw) <= maxTaps;
}

/** The GEMM that a gather is: rows, columns in vec4s, K in vec4s. */
export function gatherSize({ pass, geometry: g }: ConvProblem) {
  const { cin4, cout4 } = vec4Channels(g);
  const taps = g.kh * g.kw;
  return pass === "forward"
    ? { rows: g.n * g.oh * g.ow, columns4: cout4, depth4: taps * cin4 }
    : { rows: g.n * g.h * g.w, columns4: cin4, depth4: taps * cout4 };
}

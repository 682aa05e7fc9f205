/** Names of the variants that conv-sweep tries for a problem. */
import type { KernelTarget } from "../../src/engine/graph.js";
import {
  gatherCandidates,
  gradWeightCandidates,
} from "../../src/engine/ops/conv2d-variants.js";
import { variantName } from "../../src/engine/ops/variant-names.js";
import type { ConvProblem, Pass } from "./conv-problems.js";

export function candidateNames(
  target: KernelTarget,
  { n, size, cin, cout, kernel, stride }: ConvProblem,
  pass: Pass,
  small: boolean,
): string[] {
  const padding = (kernel - 1) / 2;
  const out = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const geometry = {
    n,
    h: size,
    w: size,
    cin,
    oh: out,
    ow: out,
    cout,
    kh: kernel,
    kw: kernel,
    stride,
    padding,
  };
  if (small) {
    const tiles = [
      "t32x32x8/4x4",
      "t32x32x8/4x4/db",
      "t64x32x16/8x4/db/u4",
      "t32x64x8/8x8/u2",
    ];
    return pass === "gradWeight"
      ? tiles.map((name, i) => `${name}/s${1 + i}`)
      : tiles;
  }
  const variants =
    pass === "gradWeight"
      ? gradWeightCandidates(target, geometry)
      : gatherCandidates(target, pass, geometry);
  return variants.map(variantName);
}

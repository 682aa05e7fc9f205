/**
 * Fused multiply-adds on registers alone: the most arithmetic that an adapter can do, which no kernel that reads memory
 * reaches. Every invocation runs independent chains, enough to hide an instruction's latency.
 *
 * Bindings: 0 source (4 summands), 1 destination `[invocations]`. Dispatch: grid(workgroups).
 * FLOPs: 2·4·chains·rounds·invocations.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { repeat, storage, workgroupIndex } from "./common.js";

export interface RegisterFmaOptions {
  readonly workgroups: number;
  readonly workgroup: number;
  /** vec4 accumulators of an invocation. */
  readonly chains: number;
  /** A multiple of 8. */
  readonly rounds: number;
}

/** Rounds in one turn of the loop, whose own instructions would otherwise take a tenth of the time. */
const unrolled = 8;
/** One factor of each round is a constant of the text: three operands from registers would wait for the register file's banks. */
const factors = [0.5, 0.25, 0.75, 0.125];

export function registerFmaFlops({
  workgroups,
  workgroup,
  chains,
  rounds,
}: RegisterFmaOptions): number {
  return 2 * 4 * chains * rounds * workgroup * workgroups;
}

export function registerFma({
  workgroups,
  workgroup,
  chains,
  rounds,
}: RegisterFmaOptions): string {
  return wgsl`${storage(0, "read", "source")}
${storage(1, "read_write", "destination")}

@compute @workgroup_size(${workgroup})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  ${workgroupIndex(workgroups)}
  let i = index * ${workgroup}u + local.x;
  // From memory, so that nothing can be computed beforehand.
  let x = source[0];
  ${repeat(chains, (c) => `var c${c} = x + f32(i + ${c}u);`)}
  for (var turn = 0u; turn < ${rounds / unrolled}u; turn++) {
    ${repeat(unrolled, (round) => repeat(chains, (c) => `c${c} = fma(c${c}, vec4<f32>(${factors[round % factors.length]}), x);`))}
  }
  destination[i] = ${repeat(chains, (c) => `c${c}`, " + ")};
}`;
}

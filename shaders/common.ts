/** Text that several kernels share: dispatch geometry, index decoding, the fused epilogues' arithmetic. */

/** Rounds a channel count up to the vec4 granularity of every kernel. */
export function pad4(channels: number): number {
  return (channels + 3) & ~3;
}

/** Most workgroups that one dispatch dimension can hold (WebGPU's guaranteed maxComputeWorkgroupsPerDimension). */
const maxWorkgroupsPerDimension = 65_535;

/** Workgroup counts that cover `workgroups` in x, and in y when x alone cannot hold them: then with a few to spare. */
export function grid(workgroups: number): [number, number, number] {
  const y = Math.ceil(workgroups / maxWorkgroupsPerDimension);
  return [Math.ceil(workgroups / y), y, 1];
}

/** Invocations in a workgroup of the element-wise kernels. */
export const elementwiseWorkgroup = 64;

/** Workgroups of an element-wise kernel over `invocations`. */
export function elementwiseGrid(invocations: number): [number, number, number] {
  return grid(Math.ceil(invocations / elementwiseWorkgroup));
}

/** The entry point of an element-wise kernel: `i` runs over [0, invocations). */
export function elementwiseMain(invocations: number): string {
  const stride = elementwiseGrid(invocations)[0] * elementwiseWorkgroup;
  return `@compute @workgroup_size(${elementwiseWorkgroup})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x + id.y * ${stride}u;
  if (i >= ${invocations}u) { return; }`;
}

/**
 * Declares `index`, the number of the workgroup in a dispatch made with `grid(workgroups)`, and ends those to spare; needs
 * the builtin `group: vec3<u32>`.
 */
export function workgroupIndex(workgroups: number): string {
  const [x, y] = grid(workgroups);
  if (y === 1) return "let index = group.x;";
  const end = x * y > workgroups ? `\n  if (index >= ${workgroups}u) { return; }` : ""; // prettier-ignore
  return `let index = group.x + group.y * ${x}u;${end}`;
}

/** Repeats text for 0…count−1. */
export function repeat(
  count: number,
  text: (i: number) => string,
  separator = "\n",
): string {
  return Array.from({ length: count }, (_, i) => text(i)).join(separator);
}

/**
 * ReLU of a vec4. Not `max`, which may turn NaN into 0: a network whose weights are gone would go on with a plausible loss.
 */
export function rectified(value: string): string {
  return masked(value, value);
}

/** A gradient behind ReLU: zero where ReLU's output is. */
export function masked(gradient: string, output: string): string {
  return `select(${gradient}, vec4<f32>(), ${output} <= vec4<f32>())`;
}

/** Declares one binding of group 0. */
export function storage(
  binding: number,
  access: "read" | "read_write",
  name: string,
  type = "array<vec4<f32>>",
): string {
  return `@group(0) @binding(${binding}) var<storage, ${access}> ${name}: ${type};`;
}

const streamWorkgroup = 128;
/** vec4s that an invocation of a streaming kernel takes: enough loads in flight to keep a GPU's memory busy. */
const streamed = 4;

/** A kernel that computes each vec4 of its output from the vec4s at the same place of its inputs. */
export interface Stream {
  readonly vectors: number;
  /** Names of the bindings that are read and of the one that is written. */
  readonly inputs: readonly string[];
  readonly output: string;
  /** The result from `${name}_value` of each input. */
  readonly value: string;
  /** Channels in vec4s, where the value depends on the channel vec4 `c`; `prologue` then declares what it needs of it. */
  readonly columns4?: number;
  readonly prologue?: string;
}

/** Tensors that whole workgroups do not divide are small: an invocation takes one vec4 of them. */
function perInvocation(vectors: number): number {
  return vectors % (streamWorkgroup * streamed) === 0 ? streamed : 1;
}

function streamWorkgroups(vectors: number): number {
  return Math.ceil(vectors / (streamWorkgroup * perInvocation(vectors)));
}

export function streamGrid(vectors: number): [number, number, number] {
  return grid(streamWorkgroups(vectors));
}

/** The entry point of a streaming kernel. All loads come first: a store between two loads would keep them apart. */
export function streamMain({
  vectors,
  inputs,
  output,
  value,
  columns4 = 1,
  prologue = "",
}: Stream): string {
  const each = perInvocation(vectors);
  // Invocations are a whole workgroup apart, so that neighbours read neighbours; often they then share the channel too.
  const shared = streamWorkgroup % columns4 === 0;
  const channel = (i: string) => `let c = ${i} % ${columns4}u; ${prologue}`;
  const values = (k: number) =>
    inputs.map((name) => `let ${name}_value = ${name}_${k};`).join(" ");
  return `@compute @workgroup_size(${streamWorkgroup})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  ${workgroupIndex(streamWorkgroups(vectors))}
  let first = index * ${streamWorkgroup * each}u + local.x;
  ${each === 1 ? `if (first >= ${vectors}u) { return; }` : ""}
  ${repeat(each, (k) => inputs.map((name) => `let ${name}_${k} = ${name}[first + ${k * streamWorkgroup}u];`).join(" "))}
  ${shared ? channel("first") : ""}
  ${repeat(each, (k) => `{ ${shared ? "" : channel(`(first + ${k * streamWorkgroup}u)`)} ${values(k)} ${output}[first + ${k * streamWorkgroup}u] = ${value}; }`)}
}`;
}

/** Text that several kernels share: dispatch geometry, index decoding, the fused epilogues' arithmetic. */

/** Most workgroups that one dispatch dimension can hold (WebGPU's guaranteed maxComputeWorkgroupsPerDimension). */
const maxWorkgroupsPerDimension = 65_535;

/** Workgroup counts that cover `workgroups` in x, and in y when x alone cannot hold them. */
export function grid(workgroups: number): [number, number, number] {
  const x = Math.min(workgroups, maxWorkgroupsPerDimension);
  return [x, Math.ceil(workgroups / x), 1];
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

/** The linear workgroup index of a dispatch made with `grid(workgroups)`; needs the builtin `group: vec3<u32>`. */
export function linearWorkgroup(workgroups: number): string {
  return `(group.x + group.y * ${grid(workgroups)[0]}u)`;
}

/** Repeats text for 0…count−1. */
export function repeat(
  count: number,
  text: (i: number) => string,
  separator = "\n",
): string {
  return Array.from({ length: count }, (_, i) => text(i)).join(separator);
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

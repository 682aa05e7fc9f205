/** What the adapter can do at most: multiply-adds in registers, and bytes copied. */
import { grid } from "../../shaders/common.js";
import type { Device } from "../../src/engine/device.js";
import { Graph, type Dispatch } from "../../src/engine/graph.js";
import type { KernelTimer } from "../../src/engine/kernel-timer.js";

/** TFLOP/s of independent chains of multiply-adds in registers. */
export async function peakFlops(
  timer: KernelTimer,
  workgroups: number,
  iterations: number,
): Promise<number> {
  const chains = 8;
  const each = (text: (i: number) => string) =>
    Array.from({ length: chains }, (_, i) => text(i)).join("\n    ");
  const tensor = new Graph().external(
    "x",
    [1, 1, 1, workgroups * 1024],
    "words",
    { kind: "resource", name: "x" },
  );
  // One factor is a constant of the text: three operands from registers would wait for the register file's banks.
  const dispatch: Dispatch = {
    label: "peak",
    bindings: [{ tensor, access: "write" }],
    workgroups: [workgroups, 1, 1],
    wgsl: `@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let a = x[id.x] * 0.5;
  ${each((i) => `var c${i} = a + ${i}.0;`)}
  for (var k = 0u; k < ${iterations}u; k++) {
    ${[0.5, 0.25, 0.75, 0.125].map((factor) => each((i) => `c${i} = fma(c${i}, vec4<f32>(${factor}), a);`)).join("\n    ")}
  }
  x[id.x] = ${Array.from({ length: chains }, (_, i) => `c${i}`).join(" + ")};
}`,
  };
  const [seconds] = await timer.race([[dispatch]]);
  return (workgroups * 256 * iterations * 4 * chains * 8) / seconds! / 1e12;
}

/** GB/s, read and written, of copying a buffer of that many MiB. */
export async function copySpeed(
  timer: KernelTimer,
  device: Device,
  mebibytes: number,
): Promise<number> {
  const words = Math.min(
    mebibytes << 18,
    device.gpu.limits.maxStorageBufferBindingSize / 4,
  );
  const graph = new Graph();
  const tensor = (name: string) =>
    graph.external(name, [1, 1, 1, words], "words", { kind: "resource", name });
  const vectors = words / 4;
  const workgroups = grid(Math.ceil(vectors / 256));
  const dispatch: Dispatch = {
    label: "copy",
    bindings: [
      { tensor: tensor("from"), access: "read" },
      { tensor: tensor("to"), access: "write" },
    ],
    workgroups,
    wgsl: `@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> destination: array<vec4<f32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x + id.y * ${workgroups[0] * 256}u;
  if (i < ${vectors}u) { destination[i] = source[i]; }
}`,
  };
  const [seconds] = await timer.race([[dispatch]]);
  return (8 * words) / seconds! / 1e9;
}

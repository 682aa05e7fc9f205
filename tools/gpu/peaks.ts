/** What the adapter can do at most: multiply-adds in registers, and bytes copied. */
import { grid, streamGrid } from "../../shaders/common.js";
import { copy } from "../../shaders/copy.wgsl.js";
import {
  registerFma,
  registerFmaFlops,
} from "../../shaders/register-fma.wgsl.js";
import type { Device } from "../../src/engine/device.js";
import { Graph, type Dispatch } from "../../src/engine/graph.js";
import type { KernelTimer } from "../../src/engine/kernel-timer.js";

const words = (name: string, count: number) =>
  new Graph().external(name, [1, 1, 1, count], "words", {
    kind: "resource",
    name,
  });

/** TFLOP/s of independent chains of multiply-adds in registers. */
export async function peakFlops(
  timer: KernelTimer,
  workgroups: number,
  rounds: number,
): Promise<number> {
  const options = { workgroups, workgroup: 256, chains: 8, rounds };
  const dispatch: Dispatch = {
    label: "peak",
    bindings: [
      { tensor: words("from", 4), access: "read" },
      {
        tensor: words("to", workgroups * options.workgroup * 4),
        access: "write",
      },
    ],
    workgroups: grid(workgroups),
    wgsl: registerFma(options),
  };
  const [seconds] = await timer.race([[dispatch]]);
  return registerFmaFlops(options) / seconds! / 1e12;
}

/** GB/s, read and written, of copying a buffer of that many MiB. */
export async function copySpeed(
  timer: KernelTimer,
  device: Device,
  mebibytes: number,
): Promise<number> {
  const count = Math.min(
    mebibytes << 18,
    device.gpu.limits.maxStorageBufferBindingSize / 4,
  );
  const dispatch: Dispatch = {
    label: "copy",
    bindings: [
      { tensor: words("from", count), access: "read" },
      { tensor: words("to", count), access: "write" },
    ],
    workgroups: streamGrid(count / 4),
    wgsl: copy(count / 4),
  };
  const [seconds] = await timer.race([[dispatch]]);
  return (8 * count) / seconds! / 1e9;
}

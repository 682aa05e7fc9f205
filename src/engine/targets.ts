/** The kernels that suit a kind of adapter, before its own subgroups and limits are known. */
import type { KernelTarget } from "./graph.js";

export const kernelTargets = {
  gpu: {
    family: "tiled",
    parallelism: 264,
    subgroup: 0,
    half: "native",
    limits: { workgroupBytes: 49_152, invocations: 1024 },
  },
  software: {
    family: "register",
    parallelism: 16,
    subgroup: 0,
    half: "packed",
    limits: { workgroupBytes: 32_768, invocations: 1024 },
  },
} as const satisfies Record<string, KernelTarget>;

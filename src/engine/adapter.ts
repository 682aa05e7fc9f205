/** Adapters: how one is chosen and named, what a device asks of it, and the kernels that suit it. */
import type { KernelTarget } from "./graph.js";
import { kernelTargets } from "./targets.js";

/** How to choose an adapter: by kind, or by a part of its name. */
export type AdapterChoice = "auto" | "hardware" | "software" | (string & {});

/** An adapter as `openDevice` found it, with whatever had to be kept alive for it. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  /** Where it came from, for people: "Vulkan driver", "bundled SwiftShader", "navigator.gpu". */
  readonly source: string;
  /** The machine's memory in bytes, where it is known; a software adapter has no other. */
  readonly hostMemory?: number;
}

/** Dawn's name for matrix products by a whole subgroup (tensor cores); not yet in the standard. */
const matrixFeature = "chromium-experimental-subgroup-matrix";

export const wantedFeatures = [
  "shader-f16",
  "subgroups",
  "subgroup-size-control",
  matrixFeature,
  "timestamp-query",
] as readonly string[] as readonly GPUFeatureName[];
export const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
] as const;

/** Names by which software rasterisers announce themselves. */
const softwareNames =
  /llvmpipe|lavapipe|swiftshader|software|warp|basic render/i;

/** How an adapter describes itself, in one line. */
export function adapterName({ info }: GPUAdapter): string {
  return (
    [info.device, info.description].filter(Boolean).join(" · ") ||
    [info.vendor, info.architecture].filter(Boolean).join(" ") ||
    "unnamed adapter"
  );
}

/** Whether an adapter is a CPU in disguise. */
export function isSoftwareAdapter(adapter: GPUAdapter): boolean {
  return (
    adapter.info.isFallbackAdapter || softwareNames.test(adapterName(adapter))
  );
}

/** What Dawn says of matrices beyond the standard. */
interface MatrixInfo {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
}

/** Whether subgroups of 32 multiply 16×16×16 matrices of f16 into f32, which is what the matrix kernels are written for. */
function multipliesMatrices(gpu: GPUDevice, info: GPUAdapterInfo): boolean {
  const { subgroupMatrixConfigs = [] } = info as MatrixInfo;
  const needed = [matrixFeature, "subgroups", "subgroup-size-control"];
  return (
    needed.every((feature) => gpu.features.has(feature)) &&
    [...subgroupMatrixConfigs].some(
      ({ componentType, resultComponentType, M, N, K }) =>
        componentType === "f16" &&
        resultComponentType === "f32" &&
        [M, N, K].every((size) => size === 16),
    )
  );
}

/** The kernels that suit an adapter, with its own subgroups and limits. */
export function kernelTarget(
  gpu: GPUDevice,
  info: GPUAdapterInfo,
  isSoftware: boolean,
): KernelTarget {
  const { subgroupMinSize: size, subgroupMaxSize } = info;
  const subgroup =
    gpu.features.has("subgroups") && size === subgroupMaxSize ? size : 0;
  const hasHalves = gpu.features.has("shader-f16");
  return {
    ...kernelTargets[isSoftware ? "software" : "gpu"],
    subgroup,
    half: !hasHalves ? undefined : isSoftware ? "packed" : "native",
    matrices: hasHalves && multipliesMatrices(gpu, info) ? "native" : undefined,
    limits: {
      workgroupBytes: gpu.limits.maxComputeWorkgroupStorageSize,
      invocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
    },
  };
}

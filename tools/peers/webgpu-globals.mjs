/**
 * Makes `navigator.gpu` and the WebGPU classes available in Node, from Dawn (the repository root's `webgpu` package).
 *
 * Import it before any library that looks for WebGPU, since some look once, when they are loaded. Which adapter Dawn
 * finds is up to the environment: VK_DRIVER_FILES names the Vulkan driver's manifest (see README.md).
 */
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
// Node has a navigator of its own from version 21 on.
if (globalThis.navigator === undefined) {
  Object.defineProperty(globalThis, "navigator", {
    value: { userAgent: `Node.js/${process.versions.node}` },
    configurable: true,
  });
}
Object.defineProperty(globalThis.navigator, "gpu", {
  value: create([]),
  configurable: true,
});

/** One line that identifies an adapter, from its GPUAdapterInfo. */
export function describeAdapter(info) {
  return [info.vendor, info.architecture, info.device, info.description]
    .filter((part) => part)
    .join(" / ");
}

/** One line that identifies the adapter that libraries get when they ask for the fastest. Throws where there is none. */
export async function defaultAdapter() {
  const adapter = await navigator.gpu.requestAdapter({
    powerPreference: "high-performance",
  });
  if (adapter === null) {
    throw new Error(
      "no WebGPU adapter found: point VK_DRIVER_FILES at a Vulkan driver's .json manifest",
    );
  }
  return describeAdapter(adapter.info);
}

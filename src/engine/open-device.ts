/** Opens a device in whatever runtime this is: Node and Deno through Dawn, pages and Deno through `navigator.gpu`. */
import {
  type AdapterChoice,
  adapterName,
  type FoundAdapter,
  isSoftwareAdapter,
} from "./adapter.js";
import { Device, type DeviceOptions } from "./device.js";
import { AdapterError } from "./errors.js";
import { type KernelStore, Tuner } from "./tuning.js";

/** Whose WebGPU: Dawn's through npm `webgpu` (Node, Deno), or the runtime's own `navigator.gpu` (browsers, Deno). */
export const gpuApis = ["dawn", "native"] as const;
export type GpuApi = (typeof gpuApis)[number];

export interface OpenOptions extends DeviceOptions {
  /** Defaults to Dawn in Node and Deno, and is always the browser's own in a page. */
  readonly api?: GpuApi;
  /**
   * Whether to measure kernel variants on a hardware adapter before their first use, and to remember the fastest on this
   * machine (default). Software adapters always choose by rule.
   */
  readonly tune?: boolean;
}

/**
 * Opens a device: in Node and Deno through Dawn with a software adapter as the last resort, in a browser (or with
 * `api: "native"`) through `navigator.gpu`.
 *
 * @throws AdapterError when there is no adapter of that kind.
 */
export async function openDevice(
  choice: AdapterChoice = "auto",
  {
    api = hasProcess() ? "dawn" : "native",
    tune = true,
    ...options
  }: OpenOptions = {},
): Promise<Device> {
  const device = await Device.open(
    api === "dawn" ? await dawnAdapter(choice) : await nativeAdapter(choice),
    options,
  );
  if (tune && !device.isSoftware)
    device.tuner = new Tuner(device, await openStore(device.adapterName));
  return device;
}

// Modules for Node are named by variables so that bundlers for the web leave them alone.
async function dawnAdapter(choice: AdapterChoice): Promise<FoundAdapter> {
  if (!hasProcess())
    throw new AdapterError(
      "Dawn's bindings run in Node and Deno only; leave out the API in a browser",
    );
  const module = "./adapter-node.js";
  const { findAdapter } = (await import(
    /* @vite-ignore */ module
  )) as typeof import("./adapter-node.js");
  return findAdapter(choice);
}

async function openStore(adapterName: string): Promise<KernelStore> {
  const node = "./node-kernel-store.js";
  const { kernelStore } = hasProcess()
    ? ((await import(
        /* @vite-ignore */ node
      )) as typeof import("./node-kernel-store.js"))
    : await import("./browser-kernel-store.js");
  return kernelStore(adapterName);
}

/** Node and Deno have a process, pages and workers have none. */
function hasProcess(): boolean {
  return "process" in globalThis && Boolean(process.versions.node);
}

/** An adapter of `navigator.gpu`, which hands out one at a time: what it is like is checked afterwards. */
async function nativeAdapter(choice: AdapterChoice): Promise<FoundAdapter> {
  // Not every runtime has it, whatever the types say.
  const gpu = (globalThis.navigator as Partial<Navigator> | undefined)?.gpu;
  if (!gpu)
    throw new AdapterError(
      hasProcess()
        ? "--gpu-api native: this runtime has no WebGPU of its own (no navigator.gpu); leave it out to take Dawn's"
        : "this runtime has no navigator.gpu",
    );
  const adapter = await gpu.requestAdapter(
    choice === "software"
      ? { forceFallbackAdapter: true }
      : { powerPreference: "high-performance" },
  );
  if (!adapter) throw new AdapterError("navigator.gpu offers no adapter");
  const name = adapterName(adapter);
  const software = isSoftwareAdapter(adapter);
  const fits =
    choice === "auto" ||
    (choice === "hardware" && !software) ||
    (choice === "software" && software) ||
    name.toLowerCase().includes(choice.toLowerCase());
  if (!fits)
    throw new AdapterError(
      `navigator.gpu offers ${name}, which is not the adapter asked for ("${choice}")`,
    );
  return { adapter, source: "navigator.gpu" };
}

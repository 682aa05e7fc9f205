/** Opens the adapter of a command and says which it is, loudly so when it is a CPU, and what it is asked to measure first. */
import type { Device } from "../engine/device.js";
import {
  type GpuApi,
  openDevice,
  type OpenOptions,
} from "../engine/open-device.js";
import type { Output } from "./output.js";

/** The values of commonOptions.adapter and commonOptions.gpuApi. */
export interface AdapterOptions {
  adapter: string;
  gpuApi: GpuApi;
}

/**
 * Opens a device that is destroyed when the process ends: Dawn then waits for the pipelines that it still compiles, which
 * would otherwise crash the process on its way out.
 */
export async function openUntilExit(
  { adapter, gpuApi: api }: AdapterOptions,
  options: Omit<OpenOptions, "api"> = {},
): Promise<Device> {
  const device = await openDevice(adapter, { api, ...options });
  process.once("exit", () => {
    device.destroy();
  });
  return device;
}

export async function openAdapter(
  choice: AdapterOptions,
  output: Output,
  options: Omit<OpenOptions, "api"> = {},
): Promise<Device> {
  const device = await openUntilExit(choice, options);
  announceAdapter(device, output);
  announceTuning(device, output);
  return device;
}

function announceAdapter(
  { adapterName, source, isSoftware }: Device,
  output: Output,
): void {
  output.print(`adapter: ${adapterName} (${source})`);
  if (isSoftware) {
    output.warn(
      "NO HARDWARE GPU: this is a software adapter on the CPU. Expect hundreds of images/s with lenet and a few with " +
        "resnet8 and larger; 'tarnish doctor' says what to do.",
    );
  }
}

/** Says so when kernels have to be measured, which takes seconds, once per adapter and shape. */
function announceTuning({ tuner }: Device, output: Output): void {
  if (!tuner) return;
  tuner.onMeasure = (_problem, done, total) => {
    if (done === 0)
      output.print(
        `measuring kernels for ${total} convolutions, once on this adapter (--no-tune chooses by rule)`,
      );
  };
}

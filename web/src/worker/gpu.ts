/** The GPU that the lab computes on: opened when it is first asked for, and again after it was lost. */
import type { Device } from "../../../src/engine/device.js";
import { openDevice } from "../../../src/engine/open-device.js";
import { UserError } from "../../../src/errors.js";

let device: Device | undefined;

/** Why the device can no longer be used; undefined while it can. */
function failure(): unknown {
  try {
    device?.check();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** @throws AdapterError where there is none */
export async function openGpu(): Promise<Device> {
  if (device && failure() !== undefined) {
    device.destroy();
    device = undefined;
  }
  return (device ??= await openDevice());
}

/** Milliseconds in which the loss of a device becomes known after the errors that it causes. */
const newsTakes = 100;

/** What is behind an error of a study: a lost device makes calls fail in other words, "too large" among them. */
export async function causeOf(error: unknown): Promise<unknown> {
  if (error instanceof UserError) return error;
  await new Promise((resolve) => setTimeout(resolve, newsTakes));
  return failure() ?? error;
}

/** Waiting for a device without taking its time. */
import type { Device } from "./device.js";

/**
 * Sleeps until most of the work that began at `since` and is expected to take `milliseconds` has passed. Call it before
 * asking for one of the GPU's promises: while one is pending, Dawn's Node bindings poll without pause, which steals up to a
 * third of a software adapter's time. Hardware does not mind, and is not slept through.
 *
 * @param since a time of `performance.now()`
 */
export async function sleepThrough(
  device: Device,
  since: number,
  milliseconds: number,
): Promise<void> {
  if (!device.isSoftware) return;
  const wait = since + 0.9 * milliseconds - performance.now();
  if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
}

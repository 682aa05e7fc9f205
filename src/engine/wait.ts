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
  { isSoftware }: Pick<Device, "isSoftware">,
  since: number,
  milliseconds: number,
): Promise<void> {
  if (!isSoftware) return;
  const wait = since + 0.9 * milliseconds - performance.now();
  if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
}

/** How long pieces of work of one kind take, learned from each, to sleep through the next. */
export class Pace {
  /** Milliseconds of one piece; 0 while nothing is known. */
  #each = 0;

  get each(): number {
    return this.#each;
  }

  /**
   * Waits for pieces of work that began at `since`.
   *
   * @param end resolves when they are done; asked for when most of the expected time has passed
   * @param learn whether they say anything about the next ones
   */
  async through<T>(
    device: Pick<Device, "isSoftware">,
    since: number,
    pieces: number,
    end: () => Promise<T>,
    learn: boolean,
  ): Promise<T> {
    await sleepThrough(device, since, pieces * this.#each);
    const asked = performance.now();
    const result = await end();
    const now = performance.now();
    if (learn) {
      const each = (now - since) / pieces;
      // Work that was done already may have been so for long: a machine that was busy for a moment is so no more. Without this
      // the sleep itself would be taken for the work's time, and one slow piece would slow hundreds.
      const overslept = now - asked < 0.05 * (now - since);
      this.#each = device.isSoftware && overslept ? each / 4 : each;
    }
    return result;
  }
}

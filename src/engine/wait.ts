/**
 * Waiting for a device without taking its time. While one of the GPU's promises is pending, Dawn's Node bindings poll from one
 * turn of the event loop to the next, without pause: a whole core, of which a software adapter has few.
 */
import type { Device } from "./device.js";

/** Naps between polls: this share of the time waited so far, at most so many milliseconds. */
const napShare = 0.05;
const longestNap = 2;

type NextTurn = (callback: () => void) => void;

/** Naps once a turn of the event loop while promises of software adapters are pending. Browsers wait without polling. */
class Naps {
  readonly #nextTurn = (globalThis as { setImmediate?: NextTurn }).setImmediate;
  #cell: Int32Array | undefined;
  #pending = 0;
  #since = 0;
  /** Whether a nap stands at the next turn: one loop, however often the last promise is settled and a new one comes. */
  #scheduled = false;

  during<T>(promise: Promise<T>): Promise<T> {
    if (!this.#nextTurn) return promise;
    if (this.#pending++ === 0) this.#since = performance.now();
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#nextTurn(this.#nap);
    }
    return promise.finally(() => {
      this.#pending--;
    });
  }

  readonly #nap = (): void => {
    this.#scheduled = this.#pending > 0;
    if (!this.#scheduled) return;
    this.#cell ??= new Int32Array(new SharedArrayBuffer(4));
    const waited = performance.now() - this.#since;
    Atomics.wait(this.#cell, 0, 0, Math.min(longestNap, napShare * waited));
    this.#nextTurn!(this.#nap);
  };
}

const naps = new Naps();

/** A GPU promise's own result, waited for with naps where polling would take a software adapter's time. */
export function gently<T>(
  { isSoftware }: Pick<Device, "isSoftware">,
  promise: Promise<T>,
): Promise<T> {
  return isSoftware ? naps.during(promise) : promise;
}

/**
 * Sleeps until most of the work that began at `since` and is expected to take `milliseconds` has passed. Call it before
 * asking for one of the GPU's promises: what is slept through is not polled at all. Hardware does not mind, and is not slept
 * through.
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

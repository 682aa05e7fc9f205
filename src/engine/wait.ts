/**
 * Waiting for a device without taking its time. While one of the GPU's promises is pending, Dawn's Node bindings poll from one
 * turn of the event loop to the next, without pause: a whole core, of which a software adapter has few.
 */
import type { Device } from "./device.js";

/** Naps between polls: this share of the time waited so far, at most so many milliseconds. */
const napShare = 0.05;
const longestNap = 8;

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

/** One page at a time: two of them would write the same study. */

/**
 * Waits until no other page at this address is open. The turn lasts as long as this worker.
 */
export function takeTurn(onWait: () => void): Promise<void> {
  const name = "tarnish lab";
  return new Promise((resolve, reject) => {
    const hold = () => {
      resolve();
      return new Promise<never>(() => undefined);
    };
    navigator.locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (lock) return hold();
        onWait();
        navigator.locks.request(name, hold).catch(reject);
        return undefined;
      })
      .catch(reject);
  });
}

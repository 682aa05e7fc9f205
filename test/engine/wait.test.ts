import { describe, expect, it } from "vitest";
import { gently } from "../../src/engine/wait.js";

/** Turns of the event loop until a promise is settled. */
async function turns(promise: Promise<unknown>): Promise<number> {
  let count = 0;
  let waiting = true;
  const turn = () => {
    count++;
    if (waiting) setImmediate(turn);
  };
  setImmediate(turn);
  await promise.catch(() => undefined);
  waiting = false;
  return count;
}

const software = { isSoftware: true };
const inMilliseconds = (milliseconds: number) =>
  new Promise<string>((resolve) => {
    setTimeout(resolve, milliseconds, "done");
  });

describe("waiting gently", () => {
  it("turns the event loop hundreds of times, not hundred thousands", async () => {
    // Without naps as many as a core manages.
    const busy = await turns(
      gently({ isSoftware: false }, inMilliseconds(300)),
    );
    const calm = await turns(gently(software, inMilliseconds(300)));
    expect(calm).toBeLessThan(1000);
    expect(calm).toBeLessThan(busy / 5);
  });

  it("naps while anything is pending, and no longer", async () => {
    const first = gently(software, inMilliseconds(100));
    const second = gently(software, inMilliseconds(300));
    await first;
    expect(await turns(second)).toBeLessThan(1000);
    expect(await turns(inMilliseconds(100))).toBeGreaterThan(1000);
  });

  it("naps once a turn, however many promises came and went", async () => {
    for (let i = 0; i < 500; i++) await gently(software, Promise.resolve());
    const start = performance.now();
    await gently(software, inMilliseconds(100));
    // With a nap for every promise it would be four seconds.
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("hands on what the promise says", async () => {
    expect(await gently(software, inMilliseconds(1))).toBe("done");
    const refused = Promise.reject(new Error("lost"));
    await expect(gently(software, refused)).rejects.toThrow("lost");
    expect(await turns(inMilliseconds(50))).toBeGreaterThan(500);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gently, Pace } from "../../src/engine/wait.js";

/** Work whose pieces take `milliseconds` each from when the earlier ones are done, on a clock that the test moves. */
async function run(pace: Pace, isSoftware: boolean, milliseconds: number[]) {
  const waits: number[] = [];
  for (const each of milliseconds) {
    const since = performance.now();
    const end = () =>
      new Promise<void>((resolve) => {
        setTimeout(resolve, Math.max(0, since + each - performance.now()));
      });
    const waited = pace.through({ isSoftware }, since, 1, end, true);
    await vi.runAllTimersAsync();
    await waited;
    waits.push(performance.now() - since);
  }
  return waits;
}

const sum = (values: readonly number[]) =>
  values.reduce((total, value) => total + value, 0);

describe("the pace of work", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("forgets one slow piece within a few", async () => {
    const pieces = [100, 10_000, ...Array.from({ length: 40 }, () => 100)];
    const waits = await run(new Pace(), true, pieces);
    // What the slow piece costs beyond itself is of its own size, not many times that.
    expect(sum(waits)).toBeLessThan(sum(pieces) + 15_000);
    expect(waits.at(-1)).toBeLessThan(120);
  });

  it("sleeps through most of steady work", async () => {
    const waits = await run(new Pace(), true, [50, 50, 50, 50]);
    for (const wait of waits) expect(wait).toBeLessThan(60);
  });

  it("knows what a piece takes", async () => {
    const pace = new Pace();
    expect(pace.each).toBe(0);
    await run(pace, true, [80]);
    expect(pace.each).toBeGreaterThan(70);
    await run(pace, false, [20]);
    expect(pace.each).toBeLessThan(30);
  });
});

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
    expect(performance.now() - start).toBeLessThan(200);
  });

  it("hands on what the promise says", async () => {
    expect(await gently(software, inMilliseconds(1))).toBe("done");
    const refused = Promise.reject(new Error("lost"));
    await expect(gently(software, refused)).rejects.toThrow("lost");
    expect(await turns(inMilliseconds(50))).toBeGreaterThan(500);
  });
});

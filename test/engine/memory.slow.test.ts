/** A training loop that runs for days: no buffer is made and no memory grows once its plans have run. */
import { memoryUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, expect, it, vi } from "vitest";
import { Session } from "../../src/engine/session.js";
import { lenet } from "../../src/models/lenet.js";
import { testDevice } from "./harness.js";

const warmUp = 100;
const steps = 500;

/**
 * Growth allowed over 500 steps, a full collection before and after. Heap: a closure or wrapper kept at each step takes
 * about 1 kB, twice the bound; without leaks the compiled code and inline caches of V8 add some 80 kB. Resident memory
 * also holds what the driver allocates, whose slack moves it by a few megabytes; one batch of images (196 kB) kept at
 * each step would be 98 MB, one copy of the loss ring (16 kB) kept at each of the 50 reads is the buffer count's to find.
 */
const heapBound = 256 * 2 ** 10;
const residentBound = 16 * 2 ** 20;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const device = await testDevice();
const session = await Session.create(device, {
  model: lenet(10),
  source: { kind: "host", input: [32, 32, 3] },
  batch: 16,
  optimizer: { momentum: 0.9 },
});
afterAll(() => {
  session.destroy();
});

/** Steps as the trainer runs them: batches from the host, losses read every ten steps. */
async function train(from: number, to: number): Promise<void> {
  const images = new Float32Array(16 * 32 * 32 * 3).fill(0.5);
  const labels = Int32Array.from({ length: 16 }, (_, i) => i % 10);
  for (let step = from; step <= to; step++) {
    session.feed(images, labels);
    await session.train({ step, learningRate: 1e-3 });
    if (step % 10 === 0) await session.copyLosses(step - 9, step).read();
  }
  await device.idle();
}

async function settledUsage() {
  // Finalisers of native objects run after a turn of the event loop.
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return memoryUsage();
}

it("creates no buffer and keeps its memory over 500 steps", async () => {
  await train(1, warmUp);
  const before = await settledUsage();
  const createBuffer = vi.spyOn(device.gpu, "createBuffer");
  const createPipeline = vi.spyOn(device.gpu, "createComputePipelineAsync");
  const createGroup = vi.spyOn(device.gpu, "createBindGroup");
  await train(warmUp + 1, warmUp + steps);
  for (const made of [createBuffer, createPipeline, createGroup]) {
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  }
  const after = await settledUsage();
  expect(after.heapUsed - before.heapUsed).toBeLessThan(heapBound);
  expect(after.rss - before.rss).toBeLessThan(residentBound);
  // The spy sees what the session's own code calls.
  const seen = vi.spyOn(device.gpu, "createBuffer");
  device.upload("probe", new Float32Array(4)).destroy();
  expect(seen).toHaveBeenCalledOnce();
  seen.mockRestore();
});

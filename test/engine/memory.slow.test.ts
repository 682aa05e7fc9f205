/**
 * A training loop that runs for days: after its first 20 steps it makes no buffer, pipeline or bind group and no memory grows.
 *
 * Resident memory is what two allocators have reserved, not what is in use, and by default both go on reserving for a while:
 * V8 lets its young generation grow to 3 × 16 MiB before it stops (some 16 MiB between steps 20 and 100), and malloc opens an
 * arena per thread. Neither is anything that the loop keeps. So the loop runs in a process in which both are held to their
 * least, where what is left is what somebody holds, and growth is the slope over 2000 steps.
 */
import { describe, expect, it } from "vitest";
import { runScript } from "../cli/command.js";

const settle = 20;
const steps = 2000;
const every = 20;

/** Bytes per step that the slope may have: a fraction of one 4 KiB object a step, several times its standard error. */
const heapSlope = 512;
const residentSlope = 1536;
/** Bytes between steps 20 and 520: V8's compiled code and inline caches; pages that malloc gives back and takes again. */
const heapBound = 512 * 2 ** 10;
const residentBound = 8 * 2 ** 20;

interface Sample {
  readonly step: number;
  /** JavaScript objects and array buffers after full collections. */
  readonly heap: number;
  /** Pages that the process has in memory. */
  readonly resident: number;
}

interface Result {
  readonly samples: readonly Sample[];
  /** Buffers, pipelines, bind groups and shader modules made after the first 20 steps. */
  readonly made: number;
}

/** Something of 4 KiB that the loop might forget at each step. */
const leaks = {
  none: "",
  array: "kept.push(new Float32Array(1024).fill(step));",
  buffer:
    "kept.push(device.upload('forgotten', new Float32Array(1024).fill(step)));",
} as const;

/** Steps as the trainer runs them: batches from the host, losses read every ten steps. */
function loop(leak: keyof typeof leaks): Result {
  const { stdout, stderr } = runScript(
    (dist) => `
import { openDevice, Session } from ${JSON.stringify(`${dist}/../engine/index.js`)};
import { lenet } from ${JSON.stringify(`${dist}/../models/lenet.js`)};
const device = await openDevice(process.env.TARNISH_ADAPTER ?? "auto");
const session = await Session.create(device, {
  model: lenet(10), source: { kind: "host", input: [32, 32, 3] }, batch: 8, microBatch: 4, optimizer: { momentum: 0.9 },
});
const kept = [];
let made = 0;
for (const create of ["createBuffer", "createBindGroup", "createComputePipelineAsync", "createShaderModule"]) {
  const original = device.gpu[create].bind(device.gpu);
  device.gpu[create] = (...options) => { made++; return original(...options); };
}
const images = new Float32Array(8 * 32 * 32 * 3).fill(0.5);
const labels = Int32Array.from({ length: 8 }, (_, i) => i);
const samples = [];
for (let step = 1; step <= ${settle + steps}; step++) {
  session.feed(images, labels);
  await session.train({ step, learningRate: 1e-3 });
  ${leaks[leak]}
  if (step % 10 === 0) await session.copyLosses(step - 9, step).read();
  if (step % ${every} > 0) continue;
  // Finalisers of native objects run after a turn of the event loop.
  for (let i = 0; i < 2; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 10)); }
  if (step === ${settle}) made = 0;
  const { heapUsed, external, rss } = process.memoryUsage();
  samples.push({ step, heap: heapUsed + external, resident: rss });
}
console.log(JSON.stringify({ samples, made }));
process.exit(0);`,
    {
      flags: ["--expose-gc", "--max-semi-space-size=1"],
      env: { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "0" },
      timeout: 600_000,
    },
  );
  if (!stdout.startsWith("{")) throw new Error(`the loop failed:\n${stderr}`);
  const result = JSON.parse(stdout) as Result;
  expect(result.samples).toHaveLength(1 + steps / every);
  return result;
}

/** Bytes per step by least squares. */
function slope(samples: readonly Sample[], of: "heap" | "resident"): number {
  const mean = (value: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + value(sample), 0) / samples.length;
  const [x, y] = [mean(({ step }) => step), mean((sample) => sample[of])];
  return (
    mean((sample) => (sample.step - x) * (sample[of] - y)) /
    mean(({ step }) => (step - x) ** 2)
  );
}

describe("a training loop after its first 20 steps", () => {
  it("makes nothing on the device and holds no more memory", () => {
    const { samples, made } = loop("none");
    expect(made).toBe(0);
    const at = (step: number) => samples.find((s) => s.step === step)!;
    const [before, after] = [at(settle), at(settle + 500)];
    expect(after.heap - before.heap).toBeLessThan(heapBound);
    expect(after.resident - before.resident).toBeLessThan(residentBound);
    expect(slope(samples, "heap")).toBeLessThan(heapSlope);
    expect(slope(samples, "resident")).toBeLessThan(residentSlope);
  });

  it("would show an array of 4 KiB kept at each step", () => {
    const { samples } = loop("array");
    // The pages are no witness of it: half of the arrays find room in holes that compiling has left in malloc's arena.
    expect(slope(samples, "heap")).toBeGreaterThan(heapSlope);
  });

  it("would show a buffer of 4 KiB forgotten at each step", () => {
    const { samples, made } = loop("buffer");
    expect(made).toBe(steps);
    expect(slope(samples, "resident")).toBeGreaterThan(residentSlope);
  });
});

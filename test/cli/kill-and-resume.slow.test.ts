/**
 * A run that is killed at any moment (SIGKILL: nothing is said, nothing is cleaned up) and started again with --resume
 * ends as if it had never stopped. Every step is followed by a checkpoint, so that many moments fall into a write.
 */
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/engine/random.js";
import { startTarnish, tarnish, temporaryFolder } from "./command.js";
import { checkpointStep, expectSameRun, summaryOf } from "./run-folders.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);

// Batches of 40 and 10, evaluations of 50: few shapes, so that the driver compiles few shaders.
const train = (
  "train --train-limit 50 --test-limit 50 --noise 0.4 --noise-kind uniform --seed 3 --batch 40 --epochs 12 " +
  "--eval-every 3 --log-every 3 --checkpoint-seconds 0.001"
).split(" ");
const run = (out: string, ...more: string[]) =>
  tarnish([...train, "--out", out, ...more], { cwd: folder });

/** Milliseconds that a run takes from its start to its end, with the driver's shader cache filled. */
let duration = 0;

beforeAll(() => {
  expect(run("reference").code).toBe(0);
  const start = performance.now();
  expect(run("again").code).toBe(0);
  duration = performance.now() - start;
  expectSameRun(at("again"), at("reference"));
});

/** Starts the run and kills it after a while; whether it was still running. */
async function kill(out: string, ms: number, ...more: string[]) {
  const { child, ended } = startTarnish([...train, "--out", out, ...more], {
    cwd: folder,
  });
  await Promise.race([sleep(ms), ended]);
  child.kill("SIGKILL");
  return (await ended).code === null;
}

describe("kill -9", () => {
  const moments = new RandomStream(2026, 99);

  it.each(Array.from({ length: 10 }, (_, i) => i + 1))(
    "at a random moment, number %d",
    async (number) => {
      const out = `killed-${number}`;
      // One in each tenth of the duration: all of it is covered, start and end included.
      const moment = (number - 1 + moments.float()) / 10;
      await kill(out, moment * duration);
      const { code, stderr } = run(out, "--resume");
      expect(stderr).not.toContain("tarnish: ");
      expect(code).toBe(0);
      expectSameRun(at(out), at("reference"));
    },
  );

  it("in the middle of an epoch", async () => {
    let step: number | undefined;
    // Two steps an epoch: an odd one is inside. A run that ends before it is met is tried again.
    for (let attempt = 1; step === undefined || step % 2 === 0; attempt++) {
      expect(attempt).toBeLessThan(20);
      rmSync(at("inside"), { recursive: true, force: true });
      const { child, ended } = startTarnish([...train, "--out", "inside"], {
        cwd: folder,
      });
      while (
        child.exitCode === null &&
        (checkpointStep(at("inside")) ?? 0) % 2 === 0
      )
        // prettier-ignore
        await sleep(1);
      child.kill("SIGKILL");
      await ended;
      step = checkpointStep(at("inside"));
    }
    expect(run("inside", "--resume").code).toBe(0);
    expectSameRun(at("inside"), at("reference"));
  });

  it("again and again, until one start gets to the end", async () => {
    const args = [...train, "--out", "battered", "--resume"];
    let starts = 0;
    for (let ended = false; !ended; starts++) {
      expect(starts).toBeLessThan(40);
      const before = checkpointStep(at("battered")) ?? 0;
      const { child, ended: end } = startTarnish(args, { cwd: folder });
      // Starting takes most of so short a run: each start gets a step further, then anything may be under way.
      while (
        child.exitCode === null &&
        (checkpointStep(at("battered")) ?? 0) <= before
      )
        // prettier-ignore
        await sleep(1);
      await Promise.race([sleep(0.1 * moments.float() * duration), end]);
      child.kill("SIGKILL");
      ended = (await end).code !== null;
    }
    expect(starts).toBeGreaterThan(2);
    expectSameRun(at("battered"), at("reference"));
  });
});

describe("a folder as a kill leaves it", () => {
  it("between the best weights and the checkpoint goes on from the checkpoint", async () => {
    const args = [...train, "--out", "torn"];
    const { child, ended } = startTarnish(args, { cwd: folder });
    while (child.exitCode === null && checkpointStep(at("torn")) === undefined)
      await sleep(5);
    child.kill("SIGKILL");
    expect((await ended).code).toBe(null);
    // The best weights of a later epoch beside an early checkpoint: as a kill between the two writes leaves them.
    const { epoch } = summaryOf(at("reference"))["best"] as { epoch: number };
    expect(checkpointStep(at("torn"))).toBeLessThan(2 * epoch);
    cpSync(
      at("reference", "checkpoints", "best.safetensors"),
      at("torn", "checkpoints", "best.safetensors"),
    );
    expect(run("torn", "--resume").code).toBe(0);
    expectSameRun(at("torn"), at("reference"));
  });

  it("has no temporary file left when the run is done", () => {
    for (const out of readdirSync(folder))
      if (existsSync(at(out, "summary.json")))
        expect(
          readdirSync(at(out), { recursive: true, encoding: "utf8" }).filter(
            (name) => name.endsWith(".tmp"),
          ),
        ).toEqual([]);
  });
});

describe("a network with batch norm", () => {
  // Mixed precision has a loss scale to go on with, too. SwiftShader has no f16, and this suite runs on lavapipe.
  it.each(["f32", "mixed"])(
    "goes on with its running statistics (%s)",
    async (precision) => {
      const shallow = (
        "train --model shallow --width 0.25 --train-limit 40 --test-limit 40 --batch 40 --epochs 12 --log-every 1 " +
        `--checkpoint-seconds 0.001 --precision ${precision}`
      ).split(" ");
      const whole = [...shallow, "--out", `${precision}-whole`];
      expect(tarnish(whole, { cwd: folder }).code).toBe(0);
      const start = performance.now();
      expect(tarnish([...whole, "--overwrite"], { cwd: folder }).code).toBe(0);
      const ms = performance.now() - start;
      const args = [...shallow, "--out", precision, "--resume"];
      const { child, ended } = startTarnish(args, { cwd: folder });
      await Promise.race([sleep(0.8 * ms), ended]);
      child.kill("SIGKILL");
      await ended;
      expect(tarnish(args, { cwd: folder }).code).toBe(0);
      expectSameRun(at(precision), at(`${precision}-whole`));
    },
  );
});

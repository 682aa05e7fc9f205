import { afterAll, describe, expect, it } from "vitest";
import { Profiler } from "../../src/engine/profiler.js";
import { ModelWork } from "../../src/experiments/bench/models.js";
import {
  convShapesOf,
  formatConvShape,
  parseConvShape,
} from "../../src/experiments/bench/shapes.js";
import { timeInTurn } from "../../src/experiments/bench/timing.js";
import { UserError } from "../../src/errors.js";
import { testDevice } from "../engine/harness.js";
import { testMeasurements } from "./bench-measurements.js";

const device = await testDevice();

describe("shapes", () => {
  it.each(["16x32x32x64-3x3-64", "2x7x9x3-5x5-6-s2"])("reads %s", (text) => {
    expect(formatConvShape(parseConvShape("--shapes", text))).toBe(text);
  });

  it.each([
    "",
    "resnet",
    "16x32x32x64-3x5-64",
    "1x8x8x4-2x2-4",
    "0x8x8x4-3x3-4",
  ])("refuses %o", (text) => {
    expect(() => parseConvShape("--shapes", text)).toThrow(UserError);
  });

  it("takes the different convolutions of a model", () => {
    expect(convShapesOf("resnet8", 1, 4).map(formatConvShape)).toEqual([
      "4x32x32x3-3x3-16",
      "4x32x32x16-3x3-16",
      "4x32x32x16-3x3-32-s2",
      "4x16x16x32-3x3-32",
      "4x32x32x16-1x1-32-s2",
      "4x16x16x32-3x3-64-s2",
      "4x8x8x64-3x3-64",
      "4x16x16x32-1x1-64-s2",
    ]);
  });
});

it("times work in turn", async () => {
  const order: string[] = [];
  const sleeper = (name: string, milliseconds: number) => ({
    run: () => {
      order.push(name);
      return new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
    },
  });
  const timings = await timeInTurn(
    device,
    [sleeper("short", 10), sleeper("long", 40)],
    { rounds: 2, seconds: 0.08 },
  );
  // The queue's clock may read the start of a sleep late, by a thread's turn.
  expect(timings[0]!.ms).toBeGreaterThan(6);
  expect(timings[1]!.ms).toBeGreaterThan(30);
  expect(timings[0]!.ms).toBeLessThan(timings[1]!.ms);
  expect(order.slice(-1)).toEqual(["long"]);
  expect(order.at(order.lastIndexOf("short"))).toBe("short");
  expect(timings[0]!.rounds).toHaveLength(2);
});

describe.runIf(device.gpu.features.has("timestamp-query"))("profiler", () => {
  let work: ModelWork | undefined;
  afterAll(() => {
    device.profiler = undefined;
    work?.destroy();
  });

  it("says where a step goes, without its first runs", async () => {
    work = await ModelWork.create(device, "lenet", {
      width: 1,
      batch: 4,
      precision: "f32",
    });
    device.profiler = new Profiler(device);
    for (let step = 0; step < 2; step++) await work.run();
    expect(await device.profiler.report()).toBeUndefined();
    for (let step = 0; step < 3; step++) await work.run();
    const profile = await device.profiler.report();
    expect(profile?.steps).toBe(3);
    const sum = (
      of: (kernel: {
        dispatches: number;
        share: number;
        milliseconds: number;
      }) => number,
    ) => profile!.kernels.reduce((total, kernel) => total + of(kernel), 0);
    device.profiler = undefined;
    expect(sum(({ dispatches }) => dispatches)).toBe(
      (await work.host()).dispatches,
    );
    expect(sum(({ share }) => share)).toBeCloseTo(1, 6);
    expect(sum(({ milliseconds }) => milliseconds)).toBeCloseTo(
      profile!.milliseconds,
      6,
    );
    const { movedBytes, leastBytes } = profile!;
    expect(leastBytes).toBeGreaterThan(0);
    expect(movedBytes).toBeGreaterThan(leastBytes);
    for (const { kernel, milliseconds, gflops } of profile!.kernels) {
      expect(milliseconds).toBeGreaterThan(0);
      expect(gflops === null, kernel).toBe(
        !/^conv2d (forward|input gradient|weight gradient)$/.test(kernel),
      );
    }
  });
});

// Compiling is what takes time: bench.slow.test.ts has mixed precision.
testMeasurements(device, "f32");

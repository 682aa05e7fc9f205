/** What `bench` measures in one precision, on the smallest problems. */
import { expect, it } from "vitest";
import type { Device } from "../../src/engine/device.js";
import type { Precision } from "../../src/engine/precision.js";
import { bench } from "../../src/experiments/bench/bench.js";
import { parseConvShape } from "../../src/experiments/bench/shapes.js";

export function testMeasurements(device: Device, precision: Precision): void {
  it(`measures convolutions and models (${precision})`, async () => {
    const result = await bench(device, {
      precision,
      models: ["lenet"],
      width: 1,
      batch: 4,
      shapes: [parseConvShape("--shapes", "1x8x8x8-3x3-8")],
      passes: ["forward", "wgrad"],
      rounds: 1,
      seconds: 0.02,
      profile: false,
    });
    expect(result.adapter).toBe(device.adapterName);
    expect(result.precision).toBe(precision);
    expect(result.peakGflops).toBe(
      Math.max(...result.peaks.map(({ gflops }) => gflops)),
    );
    expect(result.copyGigabytesPerSecond).toBeGreaterThan(0);
    expect(result.conv.map(({ shape, pass }) => [shape, pass])).toEqual([
      ["1x8x8x8-3x3-8", "forward"],
      ["1x8x8x8-3x3-8", "wgrad"],
    ]);
    for (const { ms, gflops, shareOfPeak } of result.conv) {
      // 2·8·8·3·3·8·8 operations
      expect(gflops).toBeCloseTo(73_728 / ms / 1e6, 9);
      expect(shareOfPeak).toBeCloseTo(gflops / result.peakGflops, 9);
    }
    const [model] = result.models;
    expect(model).toMatchObject({ model: "lenet", width: 1, batch: 4 });
    expect(model!.imagesPerSecond).toBeCloseTo(4000 / model!.msPerStep, 6);
    expect(model!.dispatches).toBeGreaterThan(20);
    expect(model!.hostMicrosecondsPerDispatch).toBeGreaterThan(0);
    expect(model!.planBytes).toBeGreaterThan(4 * 32 * 32 * 4);
    expect(model!.loss).toBeGreaterThan(0);
  });
}

/**
 * Gradient accumulation: a step over micro-batches against the same step over the whole batch. Where nothing looks across
 * the images of a batch, every image's own values are the same bits, and a gradient, a sum over images, differs only by the
 * order of its additions.
 */
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../src/engine/errors.js";
import type { Model } from "../../src/engine/network.js";
import { RandomStream } from "../../src/engine/random.js";
import {
  batch,
  device,
  distance,
  trainEpoch,
  withSession,
} from "./micro-batch-steps.js";

describe("a step in micro-batches", () => {
  it("equals the step over the whole batch", async () => {
    const whole = await withSession({}, trainEpoch);
    const parts = await withSession({ microBatch: 3 }, trainEpoch);
    // The first step's logits come from the same weights: augmentation, dropout and forward to the bit.
    expect(parts.steps[0]!.logits).toEqual(whole.steps[0]!.logits);
    expect(parts.steps[0]!.logits).toHaveLength(batch * 10);
    expect(parts.steps[1]!.logits).toHaveLength(6 * 10);
    // A gradient is a sum over at most 8 · 28² pixels; its additions in another order move it by some √n · 2^-24.
    const [first] = parts.steps as [(typeof parts.steps)[0]];
    expect(distance(first.gradients, whole.steps[0]!.gradients)).toBeLessThan(
      5e-6,
    );
    parts.steps.forEach(({ loss }, i) => {
      expect(Math.abs(loss - whole.steps[i]!.loss)).toBeLessThan(2e-6);
    });
    expect(distance(parts.weights, whole.weights)).toBeLessThan(5e-6);
  });

  it("is the same to the bit from run to run", async () => {
    const run = () => withSession({ microBatch: 3 }, trainEpoch);
    expect(await run()).toEqual(await run());
  });

  it("is the plain step where a micro-batch holds the batch", async () => {
    const whole = await withSession({}, trainEpoch);
    expect(await withSession({ microBatch: batch }, trainEpoch)).toEqual(whole);
    expect(await withSession({ microBatch: 100 }, trainEpoch)).toEqual(whole);
  });

  it("takes batches from the host apart too", async () => {
    const stream = new RandomStream(3, 99);
    const pixels = Float32Array.from({ length: 6 * 8 * 8 * 3 }, () =>
      stream.float(),
    );
    const labels = [2, 0, 1, 1, 0, 2];
    const small: Model = (net, x) =>
      net.linear("fc", net.dropout(net.relu(net.conv2d("conv", x, { out: 4, kernel: 3 })), 0.5), { out: 3 }); // prettier-ignore
    const train = (microBatch: number) =>
      withSession(
        {
          model: small,
          source: { kind: "host", input: [8, 8, 3] },
          batch: 6,
          microBatch,
        },
        async (session) => {
          session.feed(pixels, labels);
          await session.train({ step: 1, learningRate: 0.1 });
          return {
            logits: await session.lastLogits(),
            loss: await session.loss(1),
            gradients: await session.store.read(device, "gradients"),
          };
        },
      );
    const whole = await train(6);
    const parts = await train(4);
    expect(parts.logits).toEqual(whole.logits);
    expect(Math.abs(parts.loss - whole.loss)).toBeLessThan(1e-6);
    expect(distance(parts.gradients, whole.gradients)).toBeLessThan(1e-6);
  });

  it("normalises each micro-batch by itself and moves the running statistics by each in turn", async () => {
    const normalised: Model = (net, x) =>
      net.linear("fc", net.globalAveragePool(net.batchNorm("bn", x)), {
        out: 10,
      });
    const statistics = async (microBatch: number, samples: number[]) =>
      withSession({ model: normalised, microBatch }, async (session) => {
        let offset = 0;
        for (const [i, size] of samples.entries()) {
          // Without a learning rate the weights stay, and only the statistics move.
          await session.train({
            step: i + 1,
            offset,
            samples: size,
            learningRate: 0,
          });
          offset += size;
        }
        const values = await session.store.read(device);
        return [values.get("bn.running_mean"), values.get("bn.running_var")];
      });
    const inParts = await statistics(3, [8]);
    expect(inParts).toEqual(await statistics(3, [3, 3, 2]));
    expect(inParts).not.toEqual(await statistics(8, [8]));
  });

  it("refuses a micro-batch of nothing", async () => {
    for (const microBatch of [0, -1, NaN])
      await expect(
        withSession({ microBatch }, () => Promise.resolve()),
      ).rejects.toThrow(ShapeError);
  });
});

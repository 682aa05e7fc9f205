/** Micro-batches of a net whose batch norm is frozen: no image sees another, so they add up to the step of the whole batch. */
import { expect, it } from "vitest";
import type { Model } from "../../src/engine/network.js";
import { RandomStream } from "../../src/engine/random.js";
import type { Session, SessionOptions } from "../../src/engine/session.js";
import type { Tensor } from "../../src/engine/tensor.js";
import {
  device,
  distance,
  trainEpoch,
  withSession,
} from "./micro-batch-steps.js";

/** Running means of ±0.1 and variances of 0.5 to 1.5: what an untrained net's, 0 and 1, would not tell apart. */
function someStatistics({ store }: Session): Map<string, Float32Array> {
  const stream = new RandomStream(7, 99);
  return new Map(
    store.specs
      .filter(({ role }) => role === "state")
      .map(({ name, torchShape }) => [
        name,
        Float32Array.from({ length: torchShape[0]! }, () =>
          name.endsWith("mean")
            ? 0.2 * stream.float() - 0.1
            : 0.5 + stream.float(),
        ),
      ]),
  );
}

/** A convolution and a residual block, with three batch norms. */
const residual: Model = (net, x) => {
  const normalised = (i: number, input: Tensor, stride = 1) =>
    net.batchNorm(
      `bn${i}`,
      net.conv2d(`conv${i}`, input, {
        out: 8,
        kernel: 3,
        stride,
        padding: 1,
        bias: false,
      }),
    );
  const a = net.relu(normalised(1, x, 2));
  const b = normalised(3, net.relu(normalised(2, a)));
  const c = net.relu(net.add(b, a));
  return net.linear("fc", net.globalAveragePool(c), { out: 10 });
};

it("equals the step over the whole batch of a residual net whose batch norm is frozen", async () => {
  const size = 6;
  const train = (options: Partial<SessionOptions>) =>
    withSession(
      { model: residual, batch: size, ...options },
      async (session) => {
        session.store.write(device, someStatistics(session));
        const before = await session.store.read(device);
        const result = await trainEpoch(session, size);
        const stayed = [...before.keys()].filter(
          (name) =>
            name.includes("running") &&
            before.get(name)!.every((v, i) => v === result.weights.get(name)![i]), // prettier-ignore
        );
        return { ...result, stayed: stayed.length };
      },
    );
  const frozenBatchNorm = true;
  const whole = await train({ frozenBatchNorm });
  const parts = await train({ frozenBatchNorm, microBatch: 2 });
  // Three batch norms' means and variances.
  expect([whole.stayed, parts.stayed]).toEqual([6, 6]);
  expect(parts.steps[0]!.logits).toEqual(whole.steps[0]!.logits);
  // A gradient is a sum over at most 6 · 16² pixels in another order.
  expect(
    distance(parts.steps[0]!.gradients, whole.steps[0]!.gradients),
  ).toBeLessThan(5e-6);
  parts.steps.forEach(({ loss }, i) => {
    expect(Math.abs(loss - whole.steps[i]!.loss)).toBeLessThan(2e-6);
  });
  expect(distance(parts.weights, whole.weights)).toBeLessThan(5e-6);
  // What is frozen matters: with batch statistics the parts are another step, and the statistics move.
  const thawed = await train({ microBatch: 2 });
  expect(thawed.stayed).toBe(0);
  expect(
    distance(thawed.steps[0]!.gradients, whole.steps[0]!.gradients),
  ).toBeGreaterThan(0.1);
});

/**
 * Gradient accumulation: a step over micro-batches against the same step over the whole batch. Where nothing looks across
 * the images of a batch, every image's own values are the same bits, and a gradient, a sum over images, differs only by the
 * order of its additions.
 */
import { afterAll, describe, expect, it } from "vitest";
import { ShapeError } from "../../src/engine/errors.js";
import { ImageSource } from "../../src/engine/image-source.js";
import type { Model } from "../../src/engine/network.js";
import { RandomStream } from "../../src/engine/random.js";
import { Session, type SessionOptions } from "../../src/engine/session.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { lenet } from "../../src/models/lenet.js";
import { readRecords } from "../models/golden.js";
import { testDevice } from "./harness.js";

const device = await testDevice();
const count = 14;
const images = await ImageSource.upload(device, {
  ...(await readRecords(count)),
  imageSize: 32,
  mean: [0.49, 0.48, 0.45],
  std: [0.25, 0.24, 0.26],
});
afterAll(() => {
  images.destroy();
});

/** LeNet with dropout behind its pooling. */
const model: Model = (net, x) => lenet(10)(net, net.dropout(x, 0.25));
const augmentation = { padding: 2, flip: true, distort: true };
const batch = 8;

async function withSession<T>(
  options: Partial<SessionOptions>,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.create(device, {
    model,
    source: { kind: "images", images, augmentation },
    batch,
    optimizer: { momentum: 0.9, weightDecay: 1e-3 },
    seed: 5,
    ...options,
  });
  try {
    return await work(session);
  } finally {
    session.destroy();
  }
}

/** Two batches, of 8 and 6 or of one size: losses, logits of each batch, gradients after each, final weights. */
async function trainEpoch(session: Session, size = batch) {
  const steps = [];
  for (let step = 1; step <= 2; step++) {
    const offset = (step - 1) * size;
    await session.train({
      step,
      offset,
      samples: Math.min(size, count - offset),
      learningRate: 0.05,
    });
    steps.push({
      loss: await session.loss(step),
      logits: await session.lastLogits(),
      gradients: await session.store.read(device, "gradients"),
    });
  }
  return { steps, weights: await session.store.read(device) };
}

/** Largest difference over all tensors, each relative to its largest value. */
function distance(
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
): number {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  let worst = 0;
  for (const [name, values] of expected) {
    const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    values.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(actual.get(name)![i]! - value) / scale);
    });
  }
  return worst;
}

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

  it("refuses a micro-batch of nothing", async () => {
    for (const microBatch of [0, -1, NaN])
      await expect(
        withSession({ microBatch }, () => Promise.resolve()),
      ).rejects.toThrow(ShapeError);
  });
});

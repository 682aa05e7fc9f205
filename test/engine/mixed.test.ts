/** Mixed precision in training: what is stored as f16, loss scaling, and how close it stays to f32. */
import { describe, expect, it } from "vitest";
import { AdapterError } from "../../src/engine/errors.js";
import type { Model } from "../../src/engine/network.js";
import type { Session, SessionOptions } from "../../src/engine/session.js";
import { testDevice } from "./harness.js";
import { randomImages, sessionsWith, uploadImages } from "./sessions.js";

const device = await testDevice();

/** Every kind of layer that stores activations. */
const model: Model = (net, x) => {
  x = net.conv2d("conv1", x, { out: 8, kernel: 3, padding: 1, bias: false });
  x = net.relu(net.batchNorm("bn1", x));
  const branch = net.batchNorm(
    "bn2",
    net.conv2d("conv2", x, { out: 8, kernel: 3, padding: 1, bias: false }),
  );
  x = net.maxPool(net.relu(net.add(branch, x)), { kernel: 2 });
  return net.linear("fc", net.globalAveragePool(x), { out: 3 });
};

const batch = 8;
const images = await uploadImages(
  randomImages(batch, { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }),
);
const withSession = sessionsWith({
  model,
  source: { kind: "images", images },
  batch,
  optimizer: { momentum: 0.9, weightDecay: 1e-3 },
  precision: "mixed",
});

async function train(session: Session, steps: number, first = 1) {
  for (let step = first; step < first + steps; step++)
    await session.train({ step, learningRate: 0.05 });
  return [...(await session.copyLosses(first, first + steps - 1).read())];
}

const steps = 12;

describe.runIf(device.target.half)("mixed precision", () => {
  it("follows f32 within the rounding of f16, learns, and repeats to the bit", async () => {
    const exact = await withSession({ precision: "f32" }, (session) =>
      train(session, steps),
    );
    const run = (session: Session) => train(session, steps);
    const mixed = await withSession({}, run);
    mixed.forEach((loss, i) => {
      expect(Math.abs(loss - exact[i]!)).toBeLessThan(0.01 * exact[0]!);
    });
    expect(mixed).not.toEqual(exact);
    expect(mixed.at(-1)!).toBeLessThan(0.8 * mixed[0]!);
    expect(await withSession({}, run)).toEqual(mixed);
  });

  it("follows f32 where batch norm is frozen, too", async () => {
    const losses = (precision: SessionOptions["precision"]) =>
      withSession({ precision, frozenBatchNorm: true }, (session) =>
        train(session, steps),
      );
    const exact = await losses("f32");
    const mixed = await losses("mixed");
    mixed.forEach((loss, i) => {
      expect(Math.abs(loss - exact[i]!)).toBeLessThan(0.01 * exact[0]!);
    });
    expect(mixed).not.toEqual(exact);
    expect(mixed.at(-1)!).toBeLessThan(mixed[0]!);
  });

  it("takes about half the memory", async () => {
    const bytes = (precision: SessionOptions["precision"]) =>
      withSession({ precision }, (session) =>
        Promise.resolve(session.memory.plan),
      );
    expect(await bytes("mixed")).toBeLessThan(0.7 * (await bytes("f32")));
  });

  it("gives the gradients of f32, whatever the scale", async () => {
    const gradients = (scale: number) =>
      withSession({}, async (session) => {
        session.setLossScaling({ scale, goodSteps: 0, skipped: 0 });
        await train(session, 1);
        const values = await session.store.read(device, "gradients");
        return values.get("conv2.weight")!.map((value) => value / scale);
      });
    const exact = await withSession({ precision: "f32" }, async (session) => {
      await train(session, 1);
      const values = await session.store.read(device, "gradients");
      return values.get("conv2.weight")!;
    });
    const largest = Math.max(...exact.map(Math.abs));
    for (const scale of [1024, 65_536]) {
      const error = (await gradients(scale)).map((value, i) =>
        Math.abs(value - exact[i]!),
      );
      expect(Math.max(...error) / largest).toBeLessThan(0.01);
    }
  });

  it("skips a step whose gradients overflow, and halves the scale", () =>
    withSession({}, async (session) => {
      await train(session, 1);
      const scale = 2 ** 40;
      session.setLossScaling({ scale, goodSteps: 7, skipped: 3 });
      const read = async () => [
        await session.store.read(device),
        await session.store.read(device, "momentum"),
      ];
      const before = await read();
      await train(session, 1, 2);
      const [weights, momentum] = await read();
      for (const { name, role } of session.store.specs)
        if (role === "parameter") {
          expect(weights!.get(name)).toEqual(before[0]!.get(name));
          expect(momentum!.get(name)).toEqual(before[1]!.get(name));
        }
      expect(await session.lossScaling()).toEqual({
        scale: scale / 2,
        goodSteps: 0,
        skipped: 4,
      });
    }));

  it("doubles the scale after 2000 good steps in a row", () =>
    withSession({}, async (session) => {
      session.setLossScaling({ scale: 256, goodSteps: 1998, skipped: 0 });
      await train(session, 1);
      expect(await session.lossScaling()).toEqual({
        scale: 256,
        goodSteps: 1999,
        skipped: 0,
      });
      await train(session, 1, 2);
      expect(await session.lossScaling()).toEqual({
        scale: 512,
        goodSteps: 0,
        skipped: 0,
      });
    }));

  it("evaluates between halves too, close to f32", async () => {
    const logits = (precision: SessionOptions["precision"]) =>
      withSession({ precision }, async (session) => {
        const evaluation = await session.evaluation(images);
        const result = await evaluation.run();
        evaluation.destroy();
        return result.logits;
      });
    const [exact, mixed] = [await logits("f32"), await logits("mixed")];
    const largest = Math.max(...exact.map(Math.abs));
    const error = Math.max(
      ...mixed.map((value, i) => Math.abs(value - exact[i]!)),
    );
    expect(error).toBeGreaterThan(0);
    expect(error / largest).toBeLessThan(0.01);
  });

  it("adds up micro-batches", async () => {
    const options = { microBatch: 4 };
    const [whole, parts] = [
      await withSession({ model: withoutBatchNorm }, (s) => train(s, 3)),
      await withSession({ model: withoutBatchNorm, ...options }, (s) =>
        train(s, 3),
      ),
    ];
    parts.forEach((loss, i) => {
      expect(Math.abs(loss - whole[i]!)).toBeLessThan(1e-3);
    });
  });
});

const withoutBatchNorm: Model = (net, x) =>
  net.linear("fc", net.relu(net.conv2d("conv", x, { out: 8, kernel: 3 })), {
    out: 3,
  });

describe("an adapter without 16-bit floats", () => {
  it("is refused by name", async () => {
    const target = { ...device.target, half: undefined };
    await expect(
      withSession({ target }, () => Promise.resolve()),
    ).rejects.toThrow(AdapterError);
    await expect(
      withSession({ target }, () => Promise.resolve()),
    ).rejects.toThrow(/shader-f16/);
  });
});

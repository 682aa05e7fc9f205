import { describe, expect, it } from "vitest";
import { KernelError, ShapeError } from "../../src/engine/errors.js";
import type { OpDefinition } from "../../src/engine/graph.js";
import type { Model } from "../../src/engine/network.js";
import { bind, sameShapeOutput } from "../../src/engine/ops/elementwise.js";
import { lossRingSize, Session } from "../../src/engine/session.js";
import { testDevice } from "./harness.js";
import { randomImages, sessionsWith, uploadImages } from "./sessions.js";

const device = await testDevice();

/** Small enough that its shaders compile fast, with every kind of tensor: weights, biases, batch-norm state. */
const model: Model = (net, x) => {
  x = net.conv2d("conv", x, { out: 4, kernel: 3, padding: 1 });
  x = net.maxPool(net.relu(net.batchNorm("bn", x)), { kernel: 2 });
  return net.linear("fc", net.dropout(x, 0.25), { out: 3 });
};
/** The same without anything that depends on ids or on batch statistics. */
const plainModel: Model = (net, x) =>
  net.linear("fc", net.relu(net.conv2d("conv", x, { out: 4, kernel: 3 })), {
    out: 3,
  });

const twoClasses: Model = (net, x) => net.linear("fc", x, { out: 2 });

const count = 10;
const batch = 4;
const data = randomImages(count, { mean: [0, 0, 0], std: [1, 1, 1] });
const { images: bytes, labels, imageSize: size } = data;
const images = await uploadImages(data);
const withSession = sessionsWith({
  model,
  source: { kind: "images", images },
  batch,
  optimizer: { momentum: 0.9, weightDecay: 1e-3 },
});

/** Two epochs of 4 + 4 + 2 images. Every bit of the weights, and the losses. */
async function trainTwoEpochs(session: Session) {
  let step = 0;
  for (let epoch = 1; epoch <= 2; epoch++)
    for (let offset = 0; offset < count; offset += batch)
      await session.train({
        step: ++step,
        epoch,
        offset,
        samples: Math.min(batch, count - offset),
        learningRate: 0.05,
      });
  return {
    losses: await session.copyLosses(1, step).read(),
    weights: await bitsOf(session),
  };
}

async function bitsOf(session: Session): Promise<Record<string, number[]>> {
  const values = await session.store.read(device);
  return Object.fromEntries(
    [...values].map(([name, data]) => [
      name,
      [...new Uint32Array(data.slice().buffer)],
    ]),
  );
}

const augmentation = { padding: 2, flip: true, distort: true };

describe("a session", () => {
  it("ends with the same bits for the same seed, and with others for another", async () => {
    const source = { kind: "images", images, augmentation } as const;
    const run = (seed: number) => withSession({ source, seed }, trainTwoEpochs);
    const first = await run(3);
    expect(first.losses.every(Number.isFinite)).toBe(true);
    expect(await run(3)).toEqual(first);
    const other = await run(4);
    expect(other.losses).not.toEqual(first.losses);
    expect(other.weights["conv.weight"]).not.toEqual(
      first.weights["conv.weight"],
    );
  });

  it("trains on batches from the host exactly as on the same images on the GPU", async () => {
    const pixels = size * size;
    const fed = (first: number, samples: number): Float32Array =>
      Float32Array.from({ length: samples * pixels * 3 }, (_, i) => {
        const [image, pixel, channel] = [
          first + Math.floor(i / (3 * pixels)),
          Math.floor(i / 3) % pixels,
          i % 3,
        ];
        // As the kernel scales: by a product, which every adapter rounds alike.
        return (
          bytes[(image * 3 + channel) * pixels + pixel]! * Math.fround(1 / 255)
        );
      });
    const train = async (session: Session, feed: boolean) => {
      let step = 0;
      for (let offset = 0; offset < count; offset += batch) {
        const samples = Math.min(batch, count - offset);
        if (feed)
          session.feed(
            fed(offset, samples),
            labels.subarray(offset, offset + samples),
          );
        await session.train({
          step: ++step,
          offset,
          samples,
          learningRate: 0.05,
        });
      }
      return {
        losses: await session.copyLosses(1, step).read(),
        weights: await bitsOf(session),
        logits: await session.lastLogits(),
      };
    };
    const onGpu = await withSession({ model: plainModel }, (session) =>
      train(session, false),
    );
    const fromHost = await withSession(
      {
        model: plainModel,
        source: { kind: "host", input: [size, size, 3] },
      },
      (session) => train(session, true),
    );
    expect(onGpu.logits).toHaveLength(2 * 3);
    expect(fromHost).toEqual(onGpu);
  });

  it("takes the mean over the images that a smaller last batch really has", async () => {
    // Images 8 and 9: as the rest of a session's batches of four, and as a whole batch of two.
    const lossOf = (size: number) =>
      withSession({ model: plainModel, batch: size }, async (session) => {
        await session.train({
          step: 1,
          offset: 8,
          samples: 2,
          learningRate: 0.1,
        });
        return { loss: await session.loss(1), weights: await bitsOf(session) };
      });
    expect(await lossOf(4)).toEqual(await lossOf(2));
  });

  it("shows weights that are NaN in the loss, whatever lies between", async () => {
    const models: Model[] = [plainModel, model];
    for (const broken of models)
      await withSession({ model: broken }, async (session) => {
        const values = session.store.initialValues(0);
        values.get("conv.weight")!.fill(NaN);
        session.store.write(device, values);
        await session.train({ step: 1, learningRate: 0.1 });
        expect(await session.loss(1)).toBeNaN();
      });
  });

  it("knows the logits of its last step until an evaluation takes their place", () =>
    withSession({}, async (session) => {
      await session.train({ step: 1, learningRate: 0.1 });
      expect(await session.lastLogits()).toHaveLength(batch * 3);
      const evaluation = await session.evaluation(images);
      await evaluation.run();
      evaluation.destroy();
      await expect(session.lastLogits()).rejects.toThrow(
        /no step has run since/,
      );
    }));

  it("evaluates without anything of training, with the same logits", async () => {
    const evaluate = async (session: Session) => {
      const evaluation = await session.evaluation(images, batch);
      const { logits } = await evaluation.run();
      evaluation.destroy();
      return { logits, memory: session.memory };
    };
    const full = await withSession({}, evaluate);
    const lean = await withSession({ trains: false }, async (session) => {
      await expect(
        session.train({ step: 1, learningRate: 0.1 }),
      ).rejects.toThrow(/evaluate only/);
      return evaluate(session);
    });
    expect(lean.logits).toEqual(full.logits);
    expect(lean.memory.plan).toBeLessThan(full.memory.plan);
    expect(lean.memory.parameters).toBeLessThan(full.memory.parameters / 2);
  });

  it("refuses a step over images that are not there, or more than a batch", () =>
    withSession({}, async (session) => {
      const step = { step: 1, learningRate: 0.1 };
      for (const samples of [0, 5, 2.5, NaN])
        await expect(session.train({ ...step, samples })).rejects.toThrow(
          /train: a step takes 1 to 4 images here/,
        );
      for (const offset of [7, -1])
        await expect(session.train({ ...step, offset })).rejects.toThrow(
          ShapeError,
        );
      await session.train({ ...step, offset: 6 });
    }));

  it("refuses labels that the model does not know", async () => {
    await expect(
      withSession({ model: twoClasses }, () => Promise.resolve()),
    ).rejects.toThrow("the model tells 2 classes apart, and the labels name 3");
    await expect(
      uploadImages({ ...data, labels: labels.map((label) => label - 1) }),
    ).rejects.toThrow(/label 0 is -1/);
    await withSession(
      { source: { kind: "host", input: [8, 8, 3] } },
      (session) => {
        for (const label of [3, -1, 0.5, NaN])
          expect(() => {
            session.feed(new Float32Array(2 * 8 * 8 * 3), [0, label]);
          }).toThrow(`label 1 is ${label}, which is no class from 0 to 2`);
        return Promise.resolve();
      },
    );
  });

  it("refuses batches from the host that do not fit", async () => {
    await withSession(
      { model: plainModel, source: { kind: "host", input: [size, size, 3] } },
      (session) => {
        const values = (n: number) => new Float32Array(n * size * size * 3);
        expect(() => {
          session.feed(values(5), [0, 0, 0, 0, 0]);
        }).toThrow(ShapeError);
        expect(() => {
          session.feed(values(2), [0, 0, 0]);
        }).toThrow(/at most 4 images of 8×8×3/);
        return Promise.resolve();
      },
    );
    await withSession({ model: plainModel }, (session) => {
      expect(() => {
        session.feed(new Float32Array(), []);
      }).toThrow(ShapeError);
      return Promise.resolve();
    });
  });

  it("trains on nothing that was not fed", async () => {
    const source = { kind: "host", input: [size, size, 3] } as const;
    const values = (n: number) => new Float32Array(n * size * size * 3);
    for (const microBatch of [batch, 3])
      await withSession(
        { model: plainModel, source, microBatch },
        async (session) => {
          const step = { step: 1, learningRate: 0.1 };
          await expect(session.train(step)).rejects.toThrow(
            "train: the step takes 4 images and 0 were fed; feed them first",
          );
          session.feed(values(2), [0, 1]);
          await expect(session.train(step)).rejects.toThrow(ShapeError);
          await session.train({ ...step, samples: 2 });
          session.feed(values(4), [0, 1, 2, 0]);
          await session.train({ ...step, step: 2 });
          // The same batch once more.
          await session.train({ ...step, step: 3 });
        },
      );
  });

  it("refuses batches that are no whole number of images", async () => {
    for (const options of [
      { batch: 0 },
      { batch: 2.5 },
      { microBatch: 0 },
      { microBatch: 1.5 },
      { microBatch: NaN },
    ])
      await expect(
        withSession(options, () => Promise.resolve()),
      ).rejects.toThrow(
        new ShapeError(
          `a ${"batch" in options ? "batch" : "micro-batch"} is a whole number of images, at least 1, got ${Object.values(options)[0]!}`,
        ),
      );
  });

  it("keeps the losses of the last steps only, across the ring's end", async () => {
    await withSession({ model: plainModel }, async (session) => {
      const single: number[] = [];
      for (let step = lossRingSize - 2; step <= lossRingSize + 2; step++) {
        await session.train({ step, offset: step % 6, learningRate: 0.05 });
        single.push(await session.loss(step));
      }
      expect(new Set(single).size).toBe(5);
      const together = await session
        .copyLosses(lossRingSize - 2, lossRingSize + 2)
        .read();
      expect([...together]).toEqual(single);
    });
  });

  it("tells no loss of a step that it has not trained, or that is too long ago", () =>
    withSession({ model: plainModel }, async (session) => {
      const step = { offset: 0, learningRate: 0.05 };
      await expect(session.loss(1)).rejects.toThrow(ShapeError);
      for (const n of [0, -3, 1.5, NaN])
        await expect(session.train({ ...step, step: n })).rejects.toThrow(
          `train: steps count from 1, got ${n}`,
        );
      // As after a checkpoint of step 6.
      await session.train({ ...step, step: 7 });
      await session.train({ ...step, step: 8 });
      for (const n of [6, 9, -3, 0, 7.5, 7 + lossRingSize])
        await expect(session.loss(n)).rejects.toThrow(
          `the loss of step ${n} is not here: only those of the last ${lossRingSize} steps that were trained are kept`,
        );
      expect(() => session.copyLosses(6, 8)).toThrow(/the loss of step 6 is/);
      await expect(session.loss(NaN)).rejects.toThrow(ShapeError);
      expect(() => session.copyLosses(8, 7)).toThrow(ShapeError);
      expect(() => session.copyLosses(1, lossRingSize + 1)).toThrow(ShapeError);
      expect(() => session.copyLosses(1, Infinity)).toThrow(ShapeError);
      expect(await session.copyLosses(7, 8).read()).toHaveLength(2);
      await session.train({ ...step, step: 7 + lossRingSize });
      await expect(session.loss(7)).rejects.toThrow(ShapeError);
      expect(await session.loss(8)).toBeGreaterThan(0);
      expect(await session.loss(7 + lossRingSize)).toBeGreaterThan(0);
    }));

  it("evaluates in batches of any size with the same result, and finds damaged weights", async () => {
    await withSession({}, async (session) => {
      await trainTwoEpochs(session);
      const results = [];
      for (const size of [10, 4]) {
        const evaluation = await session.evaluation(images, size);
        results.push(await evaluation.run());
        // A second run counts from 0 again.
        expect(await evaluation.run()).toEqual(results.at(-1));
        evaluation.destroy();
      }
      const [whole, ...others] = results;
      expect(whole!.confusion.flat().reduce((a, b) => a + b)).toBe(count);
      for (const other of others) {
        expect(other.confusion).toEqual(whole!.confusion);
        other.logits.forEach((logit, i) => {
          expect(Math.abs(logit - whole!.logits[i]!)).toBeLessThan(1e-5);
        });
      }
      session.store.write(
        device,
        new Map([["fc.bias", Float32Array.of(0, NaN, 0)]]),
      );
      const evaluation = await session.evaluation(images, 10);
      expect(await evaluation.run()).toMatchObject({
        invalid: count,
        correct1: 0,
      });
      evaluation.destroy();
    });
  });
});

describe("a model that cannot be trained", () => {
  const create = (broken: Model) =>
    withSession({ model: broken }, () => Promise.resolve());

  it("is refused when a parameter does not reach the logits", async () => {
    const attempt = create((net, x) => {
      net.conv2d("unused", x, { out: 4, kernel: 3 });
      return plainModel(net, x);
    });
    await expect(attempt).rejects.toThrow(ShapeError);
    await expect(attempt).rejects.toThrow(/unused\.(weight|bias)/);
  });

  it("is refused when two layers share a name", async () => {
    const twice: Model = (net, x) => {
      const same = { out: 4, kernel: 3, padding: 1 };
      x = net.conv2d("conv", net.conv2d("conv", x, same), same);
      return net.linear("fc", x, { out: 3 });
    };
    await expect(
      withSession({ model: twice }, () => Promise.resolve()),
    ).rejects.toThrow(/two layers have a parameter named conv\.weight/);
  });

  it("is refused when it returns no logits", async () => {
    const attempt = create((net, x) =>
      net.conv2d("conv", x, { out: 3, kernel: 3 }),
    );
    await expect(attempt).rejects.toThrow(ShapeError);
    await expect(attempt).rejects.toThrow(
      /must return logits \[4, 1, 1, classes\], got .*6.*6.*3/,
    );
  });

  it("is refused with op, shader and adapter when a kernel does not compile", async () => {
    const typo: OpDefinition<object> = {
      name: "typo",
      infer: (inputs) => sameShapeOutput("typo", inputs),
      lower: ({ inputs, outputs }, { emit }) => {
        emit({
          label: "typo forward",
          wgsl: "@compute @workgroup_size(1) fn main() { let a: f32 = wrong; }",
          bindings: bind(inputs, outputs),
          workgroups: [1, 1, 1],
        });
      },
      backward: (_graph, _node, [dy]) => [dy],
    };
    const error = await create((net, x) =>
      plainModel(net, net.graph.apply(typo, [x], {})),
    ).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(KernelError);
    expect(error).toMatchObject({
      op: "typo forward",
      adapter: device.adapterName,
    });
    const { message } = error as KernelError;
    expect(message).toContain("wrong"); // what the compiler complains about
    expect(message).toContain("1 | @compute"); // the shader, with line numbers
    expect(message).toContain(device.adapterName);
    // The device is as good as before.
    device.check();
    await withSession({ model: plainModel }, async (session) => {
      await session.train({ step: 1, learningRate: 0.05 });
      expect(await session.loss(1)).toBeGreaterThan(0);
    });
  });
});

/**
 * A small study that every runtime must make alike: the poison and the order of images to the bit, the learning curves
 * within a tolerance. `TARNISH_WRITE_PARITY=1 npx vitest run --project fast test/parity` writes the curves anew.
 */
import { expect, it } from "vitest";
import { isCifarFile, parseCifar } from "../../src/data/cifar.js";
import { limitSplit } from "../../src/data/limits.js";
import { int32LittleEndian } from "../../src/data/npy.js";
import type { Dataset } from "../../src/data/types.js";
import { poison } from "../../src/experiments/poison.js";
import { epochOrder } from "../../src/experiments/schedule.js";
import { resolveSettings } from "../../src/experiments/settings.js";
import { sha256 } from "../../src/experiments/sha256.js";
import { train } from "../../src/experiments/trainer.js";
import { testDevice } from "../engine/harness.js";
import { readProjectFile, readProjectJson } from "../files.js";

interface Course {
  readonly noise: number;
  /** SHA-256 of the given labels, and of the order of each epoch. */
  readonly labels: string;
  readonly orders: readonly string[];
  /** Training loss of every step. */
  readonly losses: readonly number[];
  readonly testLoss: number;
}

const golden = "test/golden/parity.json";
const epochs = 2;

/** 400 training and 200 test images of the embedded sample. */
async function sample(): Promise<Dataset> {
  const names = [
    ...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
    "test_batch.bin",
    "batches.meta.txt",
  ].filter(isCifarFile);
  const files = new Map<string, Uint8Array>();
  for (const name of names)
    files.set(name, await readProjectFile(`data/sample/${name}`));
  const dataset = parseCifar(files, "cifar10", {
    name: "sample",
    source: "data/sample",
  });
  return {
    ...dataset,
    train: limitSplit(dataset.train, 10, 400),
    test: limitSplit(dataset.test, 10, 200),
  };
}

async function course(dataset: Dataset, noise: number): Promise<Course> {
  const settings = resolveSettings({
    model: "lenet",
    noise,
    epochs,
    batch: 40,
    logEvery: 1,
    seed: 3,
  });
  const { labels } = dataset.train;
  const poisoned = poison(labels, 10, {
    noise,
    kind: settings.noiseKind,
    keep: 1,
    seed: settings.seed,
  });
  const hash = (values: Int32Array) => sha256(int32LittleEndian(values));
  const losses: number[] = [];
  const device = await testDevice();
  const { last } = await train(device, dataset, settings, poisoned, {
    onRecord: (record) => {
      if (record.kind === "step") losses.push(record.loss);
    },
  });
  const orders = Array.from({ length: epochs }, (_, i) =>
    epochOrder(poisoned.kept, "shuffle", settings.seed, i + 1),
  );
  return {
    noise,
    labels: await hash(poisoned.given),
    orders: await Promise.all(orders.map(hash)),
    losses,
    testLoss: last.loss,
  };
}

it("makes the same small study in every runtime", async () => {
  const dataset = await sample();
  const made = [await course(dataset, 0), await course(dataset, 0.4)];
  if (import.meta.env["TARNISH_WRITE_PARITY"]) {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(golden, `${JSON.stringify(made, undefined, 2)}\n`);
  }
  const expected = (await readProjectJson(golden)) as Course[];
  expect(made).toHaveLength(expected.length);
  made.forEach((actual, i) => {
    const { losses, testLoss, ...exact } = expected[i]!;
    expect(actual).toMatchObject(exact);
    expect(actual.losses).toHaveLength(losses.length);
    // f32 sums in another order differ by 1e-6 at first; twenty steps of training make 1e-4 of that at most.
    losses.forEach((loss, step) => {
      expect(
        Math.abs(actual.losses[step]! - loss),
        `step ${step + 1}`,
      ).toBeLessThan(2e-3);
    });
    expect(Math.abs(actual.testLoss - testLoss)).toBeLessThan(2e-3);
  });
});

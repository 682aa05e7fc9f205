/** A run that goes on from any checkpoint ends as if it had never stopped: in memory, position by position. */
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/data/types.js";
import { RandomStream } from "../../src/engine/random.js";
import { UserError } from "../../src/errors.js";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  type Position,
} from "../../src/experiments/checkpoint.js";
import { poison } from "../../src/experiments/poison.js";
import { resolveSettings } from "../../src/experiments/settings.js";
import {
  DivergedError,
  type EvalRecord,
  InterruptedError,
  type StepRecord,
  train,
  type TrainControl,
  type TrainEvents,
} from "../../src/experiments/trainer.js";
import { weightsSha256 } from "../../src/experiments/weights.js";
import { testDevice } from "../engine/harness.js";

const device = await testDevice();

const stream = new RandomStream(11, 99);
const split = (count: number) => ({
  count,
  images: Uint8Array.from({ length: count * 3 * 32 * 32 }, () =>
    Math.floor(256 * stream.float()),
  ),
  labels: Int32Array.from({ length: count }, (_, i) => i % 10),
});
const dataset: Dataset = {
  name: "random",
  layout: "cifar10",
  classNames: Array.from({ length: 10 }, (_, c) => `class ${c}`),
  imageSize: 32,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  // Of one size, so that one evaluation plan serves both.
  train: split(50),
  test: split(50),
};

/** Momentum, augmentation, noise, a last batch that is smaller, epochs without an evaluation. */
const settings = resolveSettings({
  model: "lenet",
  batch: 40,
  epochs: 3,
  lr: 0.05,
  warmup: 1,
  noise: 0.4,
  noiseKind: "uniform",
  augment: "study",
  evalEvery: 2,
  logEvery: 2,
  seed: 5,
});
const poisoned = poison(dataset.train.labels, 10, {
  ...settings,
  kind: settings.noiseKind,
});
const identity = { config: "c", version: "v", adapters: ["a"], kernels: "{}" };

async function run(
  control: TrainControl = {},
  events: TrainEvents = {},
  changed: Partial<typeof settings> = {},
) {
  const records: (StepRecord | EvalRecord)[] = [];
  const checkpoints: { position: Position; bytes: Uint8Array }[] = [];
  const best: { epoch: number; sha: string }[] = [];
  const result = await train(
    device,
    dataset,
    { ...settings, ...changed },
    poisoned,
    {
      onRecord: (record) => records.push(record),
      onBest: async ({ epoch, specs, weights }) => {
        best.push({ epoch, sha: await weightsSha256(specs, weights) });
      },
      onCheckpoint: (checkpoint) => {
        const bytes = encodeCheckpoint(checkpoint, identity);
        checkpoints.push({ position: checkpoint.position, bytes });
        return Promise.resolve();
      },
      ...events,
    },
    control,
  );
  return { result, records, checkpoints, best };
}

type Run = Awaited<ReturnType<typeof run>>;

/** What must be the same however often a run was stopped. */
async function outcome({ result }: Run) {
  const { specs, weights, momentum, last, best, logits, memorisation } = result;
  return {
    weights: await weightsSha256(specs, weights),
    momentum: await weightsSha256(specs, momentum),
    last,
    best,
    logits,
    memorisation,
  };
}
const timeless = (records: Run["records"]) =>
  records.map((record) => ({ ...record, imagesPerSecond: 0 }));

const everyStep: TrainControl = { checkpoint: { seconds: 1e-9 } };
const whole = await run(everyStep);

describe("checkpoints", () => {
  it("come when they are due, and at the end", async () => {
    const at = ({ checkpoints }: Run) =>
      checkpoints.map(
        ({ position: { step, epoch, epochsDone } }) =>
          `step ${step}, epoch ${epoch}, done ${epochsDone}`,
      );
    expect(at(whole)).toEqual([
      "step 1, epoch 1, done 0",
      "step 2, epoch 1, done 1",
      "step 3, epoch 2, done 1",
      "step 4, epoch 2, done 2",
      "step 5, epoch 3, done 2",
      "step 6, epoch 3, done 3",
    ]);
    const byDefault = await run();
    expect(at(byDefault)).toEqual(at(whole).filter((_, i) => i % 2 === 1));
    const rarely = await run({ checkpoint: { epochs: 2 } });
    expect(at(rarely)).toEqual([at(whole)[3], at(whole)[5]]);
    // How often a run is saved changes nothing about it.
    for (const other of [byDefault, rarely]) {
      expect(await outcome(other)).toEqual(await outcome(whole));
      expect(timeless(other.records)).toEqual(timeless(whole.records));
    }
  });

  it("count the records, and know the best evaluation", () => {
    expect(whole.records.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      "step 1",
      "step 2",
      "step 4",
      "eval 4",
      "step 6",
      "eval 6",
    ]);
    expect(whole.checkpoints.map(({ position }) => position.records)).toEqual([
      1, 2, 2, 4, 4, 6,
    ]);
    expect(
      whole.checkpoints.map(({ position }) => position.best?.epoch),
    ).toEqual([undefined, undefined, undefined, 2, 2, whole.result.best.epoch]);
  });
});

describe("going on", () => {
  it("from any checkpoint gives the same weights, records and results", async () => {
    const expected = await outcome(whole);
    expect(whole.checkpoints).toHaveLength(6);
    for (const { position, bytes } of whole.checkpoints) {
      const resumeFrom = decodeCheckpoint(bytes, "last");
      const resumed = await run({ resumeFrom });
      const where = `from step ${position.step}`;
      expect(await outcome(resumed), where).toEqual(expected);
      expect(timeless(resumed.records), where).toEqual(
        timeless(whole.records).slice(position.records),
      );
      expect(resumed.best, where).toEqual(
        whole.best.filter(({ epoch }) => epoch > (position.best?.epoch ?? 0)),
      );
      const { trainSeconds, imagesPerSecond } = resumed.result;
      expect(trainSeconds, where).toBeGreaterThanOrEqual(
        position.timing.ms / 1000,
      );
      expect(imagesPerSecond, where).toBeGreaterThan(0);
    }
  });

  it("is refused from a checkpoint that does not fit the model", async () => {
    const resumeFrom = decodeCheckpoint(whole.checkpoints[0]!.bytes, "x/last");
    for (const [name, complaint] of [
      ["conv2.bias", "missing: conv2.bias"],
      ["momentum.fc2.bias", "missing: momentum.fc2.bias"],
    ] as const) {
      const tensors = new Map(resumeFrom.tensors);
      tensors.delete(name);
      await expect(
        run({ resumeFrom: { ...resumeFrom, tensors } }),
      ).rejects.toThrow(`x/last: does not fit the model: ${complaint}`);
    }
  });
});

describe("an abort signal", () => {
  it("stops a run after its step, with a checkpoint, as often as one likes", async () => {
    const records: Run["records"] = [];
    const steps: number[] = [];
    let resumeFrom: TrainControl["resumeFrom"];
    for (;;) {
      const controller = new AbortController();
      const events: TrainEvents = {
        onRecord: (record) => records.push(record),
        onProgress: () => {
          controller.abort("SIGTERM");
        },
        onCheckpoint: (checkpoint) => {
          const bytes = encodeCheckpoint(checkpoint, identity);
          resumeFrom = decodeCheckpoint(bytes, "last");
          return Promise.resolve();
        },
      };
      try {
        const { signal } = controller;
        const last = await run({ resumeFrom, signal }, events);
        expect(await outcome(last)).toEqual(await outcome(whole));
        break;
      } catch (error) {
        if (!(error instanceof InterruptedError)) throw error;
        expect(error.reason).toBe("SIGTERM");
        expect(resumeFrom?.position.step).toBe(error.step);
        expect(records).toHaveLength(resumeFrom!.position.records);
        steps.push(error.step);
      }
    }
    expect(steps.length).toBeGreaterThan(2);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(timeless(records)).toEqual(timeless(whole.records));
  });

  it("that was given before the start stops before it", async () => {
    const started: unknown[] = [];
    const signal = AbortSignal.abort("SIGINT");
    await expect(
      run({ signal }, { onStart: (info) => void started.push(info) }),
    ).rejects.toThrow(new InterruptedError(0, "SIGINT"));
    expect(started).toEqual([]);
  });
});

describe("divergence", () => {
  it("never gets into a checkpoint, and names the last one", async () => {
    const positions: Position[] = [];
    const error: unknown = await run(
      everyStep,
      {
        onCheckpoint: ({ position, weights, momentum }) => {
          positions.push(position);
          for (const values of [...weights.values(), ...momentum.values()])
            expect(values.every(Number.isFinite)).toBe(true);
          return Promise.resolve();
        },
      },
      { lr: 1e30, warmup: 0 },
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DivergedError);
    const { step, checkpointStep, message } = error as DivergedError;
    expect(positions.at(-1)?.step ?? 0).toBe(checkpointStep);
    expect(step).toBeGreaterThanOrEqual(checkpointStep);
    expect(message).toMatch(
      checkpointStep > 0
        ? `the last checkpoint is from step ${checkpointStep}, before that`
        : "there is no checkpoint from before",
    );
  });
});

describe("a checkpoint file", () => {
  const { bytes } = whole.checkpoints[4]!;
  it("comes back as it was", () => {
    const file = decodeCheckpoint(bytes, "last");
    expect(file).toMatchObject(identity);
    expect(file.position).toEqual(whole.checkpoints[4]!.position);
  });

  it("is refused by name wherever it is cut off", () => {
    for (let cut = 0; cut < bytes.length; cut += 1 + (cut >> 2))
      expect(() => decodeCheckpoint(bytes.slice(0, cut), "x/last")).toThrow(
        UserError,
      );
    expect(() => decodeCheckpoint(bytes.slice(0, 9), "x/last")).toThrow(
      /^x\/last: /,
    );
  });
});

/** Measures what training a model costs on an adapter, by a few real steps: what a dry run extrapolates from. */
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { ImageSource } from "../engine/image-source.js";
import { Session } from "../engine/session.js";
import type { TrainSettings } from "./settings.js";
import { imagesOf, type DataSize } from "./sweep-cost.js";
import type { SweepJob } from "./sweep.js";
import { trainingOptions } from "./training-options.js";

/** What one model costs with the settings of its jobs. */
export interface MeasuredCost {
  /** Compiling and the first step and evaluation, which compile the kernels. */
  readonly startSeconds: number;
  readonly secondsPerTrainedImage: number;
  readonly secondsPerEvaluatedImage: number;
  /** Bytes of a checkpoint without momentum. */
  readonly weightBytes: number;
  /** Bytes on the device, without the data. */
  readonly deviceBytes: number;
}

/** Steps are timed for about this long, and at least two. */
const MEASURE_SECONDS = 2;
const MAX_STEPS = 200;

/** Trains a few steps and evaluates a batch. */
export async function measureCost(
  device: Device,
  { imageSize, mean, std, classNames, train }: Dataset,
  settings: TrainSettings,
): Promise<MeasuredCost> {
  const batch = Math.min(settings.batch, train.count);
  const bytes = 3 * imageSize * imageSize;
  const images = await ImageSource.upload(device, {
    imageSize,
    mean,
    std,
    images: train.images.subarray(0, batch * bytes),
    labels: train.labels.slice(0, batch),
  });
  const started = performance.now();
  let session: Session | undefined;
  try {
    session = await Session.create(
      device,
      trainingOptions(settings, classNames.length, images, batch),
    );
    const { train: step } = bindSteps(session);
    const evaluation = await session.evaluation(images);
    try {
      await step(1);
      await device.idle();
      await evaluation.run();
      const startSeconds = (performance.now() - started) / 1000;
      return {
        startSeconds,
        secondsPerTrainedImage: (await timed(device, step)) / batch,
        secondsPerEvaluatedImage:
          (await timed(device, () => evaluation.run())) / batch,
        weightBytes: session.store.parameterCount * 4,
        deviceBytes: session.memory.plan + session.memory.parameters,
      };
    } finally {
      evaluation.destroy();
    }
  } finally {
    session?.destroy();
    images.destroy();
  }
}

/** Steps at a learning rate that changes next to nothing: only their time counts. */
function bindSteps(session: Session) {
  let number = 0;
  return {
    train: async (steps: number) => {
      for (let i = 0; i < steps; i++)
        await session.train({ step: ++number, epoch: 1, learningRate: 1e-9 });
    },
  };
}

/** Seconds of one call, from as many as fit the time. */
async function timed(
  device: Device,
  run: (times: number) => Promise<unknown>,
): Promise<number> {
  const start = performance.now();
  let count = 0;
  do {
    await run(1);
    await device.idle();
    count++;
  } while (
    count < MAX_STEPS &&
    (count < 2 || performance.now() - start < MEASURE_SECONDS * 1000)
  );
  return (performance.now() - start) / 1000 / count;
}

/** What a job will take: seconds, and bytes of its folder. */
export function estimateJob(
  job: SweepJob,
  size: DataSize,
  cost: MeasuredCost,
): { seconds: number; bytes: number } {
  const { trained, evaluated, steps } = imagesOf(job, size);
  const { logEvery, evalEvery } = job.settings;
  const lines = steps / logEvery + evaluated / size.testImages / evalEvery;
  return {
    seconds:
      cost.startSeconds +
      trained * cost.secondsPerTrainedImage +
      evaluated * cost.secondsPerEvaluatedImage,
    bytes:
      // last (weights and momentum) and best, logits, labels and indices, logs, tables of curves.
      3 * cost.weightBytes +
      4 * size.testImages * (size.classes + 1) +
      12 * size.trainImages +
      110 * lines +
      6000 * size.classes,
  };
}

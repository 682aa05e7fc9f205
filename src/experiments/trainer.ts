/**
 * One training run from settings to evaluated weights, in memory: poison is already decided, files are somebody else's.
 * Runs in a browser as in Node.
 */
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import type { Evaluation } from "../engine/evaluation.js";
import { OutOfMemoryError } from "../engine/errors.js";
import { ImageSource } from "../engine/image-source.js";
import { Session } from "../engine/session.js";
import {
  type CheckpointFile,
  fitCheckpoint,
  requireOnCourse,
} from "./checkpoint.js";
import { forImageSize } from "./image-size.js";
import { outOfMemory, requireFit } from "./memory.js";
import type { PoisonResult } from "./poison.js";
import { planCourse, type TrainSettings } from "./settings.js";
import { InterruptedError } from "./training-errors.js";
import type {
  TrainControl,
  TrainEvents,
  TrainResult,
} from "./training-events.js";
import { TrainingLoop } from "./training-loop.js";
import { trainingOptions } from "./training-options.js";

export { DivergedError, InterruptedError } from "./training-errors.js";
export type * from "./training-events.js";

/**
 * Trains and evaluates.
 *
 * @throws UserError, DivergedError, InterruptedError or one of the engine's errors.
 */
export async function train(
  device: Device,
  dataset: Dataset,
  settings: TrainSettings,
  poisoned: Pick<PoisonResult, "given" | "kept">,
  events: TrainEvents = {},
  control: TrainControl = {},
): Promise<TrainResult> {
  const { imageSize, mean, std, classNames } = dataset;
  const course = planCourse(settings, poisoned.kept.length);
  if (control.resumeFrom) requireOnCourse(control.resumeFrom, course);
  const common = { imageSize, mean, std };
  // Planning traces every graph of the run: what does not go with the size of the images shows here.
  const memory = await forImageSize(settings.model, imageSize, () =>
    requireFit(settings, dataset, poisoned.kept.length, device),
  );
  events.onPlan?.(memory);
  let started = false;
  let trainImages: ImageSource | undefined;
  let testImages: ImageSource | undefined;
  let session: Session | undefined;
  let evaluation: Evaluation | undefined;
  try {
    trainImages = await ImageSource.upload(device, {
      ...common,
      images: dataset.train.images,
      labels: poisoned.given,
    });
    testImages = await ImageSource.upload(device, {
      ...common,
      images: dataset.test.images,
      labels: dataset.test.labels,
    });
    const options = trainingOptions(
      settings,
      classNames.length,
      trainImages,
      poisoned.kept.length,
    );
    const { batch } = options;
    session = await Session.create(device, {
      ...options,
      seed: settings.seed,
      kernels: control.kernels,
    });
    if (poisoned.kept.length % batch > 0)
      await session.prepare(poisoned.kept.length % batch);
    evaluation = await session.evaluation(testImages);
    const { resumeFrom, signal } = control;
    if (resumeFrom) restore(session, resumeFrom);
    const resumed = resumeFrom?.position;
    if (signal?.aborted)
      throw new InterruptedError(resumed?.step ?? 0, signal.reason);
    const images = poisoned.kept.length;
    started = true;
    await events.onStart?.({ session, course, images, resumed });
    return await new TrainingLoop({
      device,
      dataset,
      settings,
      poisoned,
      course,
      session,
      trainImages,
      evaluation,
      events,
      control,
    }).run();
  } catch (error) {
    throw error instanceof OutOfMemoryError && !started
      ? outOfMemory(error, settings, dataset, poisoned.kept.length, device)
      : error;
  } finally {
    evaluation?.destroy();
    session?.destroy();
    trainImages?.destroy();
    testImages?.destroy();
  }
}

/** Puts a checkpoint's state where the session's own initial values are. */
function restore(session: Session, checkpoint: CheckpointFile): void {
  const { device, store } = session;
  const { weights, momentum } = fitCheckpoint(checkpoint, store.specs);
  store.write(device, weights);
  store.write(device, momentum, "momentum");
  session.setMomentumReady(checkpoint.position.step > 0);
  session.setLossScaling(checkpoint.position.lossScaling);
}

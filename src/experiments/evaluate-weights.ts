/** Evaluates a file of weights on a data set's test images. Runs in a browser as in Node. */
import type { Dataset } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { ImageSource } from "../engine/image-source.js";
import { Session } from "../engine/session.js";
import { UserError } from "../errors.js";
import type { ModelOptions } from "../models/options.js";
import { buildModel } from "../models/registry.js";
import { forImageSize } from "./image-size.js";
import { type Evaluation as Metrics, evaluateLogits } from "./metrics.js";
import { decodeWeights } from "./weights.js";

export interface WeightsFile {
  readonly model: string;
  readonly options: ModelOptions;
  readonly bytes: Uint8Array;
  /** For messages. */
  readonly path: string;
}

/** Metrics and logits `[n, C]`. Throws UserError where the weights do not fit the model or give no finite logits. */
export async function evaluateWeights(
  device: Device,
  { test, classNames, imageSize, mean, std }: Dataset,
  { model, options, bytes, path }: WeightsFile,
): Promise<{ metrics: Metrics; logits: Float32Array }> {
  const images = await ImageSource.upload(device, {
    ...test,
    imageSize,
    mean,
    std,
  });
  const classes = classNames.length;
  const session = await forImageSize(model, imageSize, () =>
    Session.create(device, {
      model: buildModel(model, classes, options),
      source: { kind: "images", images },
      batch: test.count,
      trains: false,
    }),
  );
  try {
    session.store.write(
      device,
      decodeWeights(bytes, path, session.store.specs),
    );
    const evaluation = await session.evaluation(images);
    const { logits, invalid } = await evaluation.run();
    evaluation.destroy();
    if (invalid > 0)
      throw new UserError(
        `${path}: gives NaN or Inf on ${invalid} of ${test.count} images`,
      );
    return { logits, metrics: evaluateLogits(logits, test.labels, classes) };
  } finally {
    session.destroy();
    images.destroy();
  }
}

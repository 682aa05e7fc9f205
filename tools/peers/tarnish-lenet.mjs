/** LeNet training in tarnish, from its built package (see README.md for the contestant interface). */
import { readFileSync } from "node:fs";
import { openDevice, Session } from "../../dist/src/engine/index.js";
import { buildModel } from "../../dist/src/models/registry.js";
import {
  batchOf,
  channels,
  classes,
  learningRate,
  momentum,
  parameters,
  size,
} from "./problem.mjs";

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

/** [n, c, h, w] → [n, h, w, c]. */
function toChannelsLast(images, batch) {
  const pixels = size * size;
  const result = new Float32Array(images.length);
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < pixels; p++)
        result[(n * pixels + p) * channels + c] =
          images[(n * channels + c) * pixels + p];
  return result;
}

export async function setup({ batch }) {
  const device = await openDevice();
  const session = await Session.create(device, {
    model: buildModel("lenet", classes),
    source: { kind: "host", input: [size, size, channels] },
    batch,
    optimizer: { momentum },
  });
  session.store.write(device, new Map(Object.entries(parameters())));
  const { images, labels } = batchOf(batch);
  session.feed(toChannelsLast(images, batch), labels);
  let step = 0;
  return {
    name: "tarnish",
    version,
    device: device.gpu,
    step: () => session.train({ step: ++step, learningRate }),
    sync: () => session.loss(step),
  };
}

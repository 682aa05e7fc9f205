/** Training speed of whole models: augmented batches made on the device, forward, backward, update. */
import { cifarNormalisation } from "../../data/normalisation.js";
import type { Device } from "../../engine/device.js";
import { ImageSource } from "../../engine/image-source.js";
import type { Precision } from "../../engine/precision.js";
import { RandomStream } from "../../engine/random.js";
import { Session } from "../../engine/session.js";
import { buildModel } from "../../models/registry.js";
import { augmentations } from "../settings.js";
import type { Work } from "./clock.js";
import { median } from "./timing.js";

const classes = 10;
const learningRate = 0.01;
/** Steps whose submission is timed. */
const hostSteps = 15;

/** A model in training on images that nobody has seen. */
export class ModelWork implements Work {
  #step = 0;

  private constructor(
    private readonly device: Device,
    private readonly images: ImageSource,
    private readonly session: Session,
    readonly model: string,
  ) {}

  static async create(
    device: Device,
    model: string,
    {
      width,
      batch,
      precision,
    }: {
      readonly width: number;
      readonly batch: number;
      readonly precision: Precision;
    },
  ): Promise<ModelWork> {
    const stream = new RandomStream(0, 0);
    const pixels = Uint8Array.from({ length: 3 * 32 * 32 * batch }, () =>
      Math.floor(256 * stream.float()),
    );
    const images = await ImageSource.upload(device, {
      images: pixels,
      labels: Int32Array.from({ length: batch }, (_, i) => i % classes),
      imageSize: 32,
      ...cifarNormalisation.cifar10,
    });
    const session = await Session.create(device, {
      model: buildModel(model, classes, { width }),
      source: { kind: "images", images, augmentation: augmentations.standard },
      batch,
      precision,
      optimizer: { momentum: 0.9, weightDecay: 5e-4 },
    });
    return new ModelWork(device, images, session, model);
  }

  run(): Promise<void> {
    return this.session.train({ step: ++this.#step, learningRate });
  }

  /** Mean loss of the last step; waits for it. */
  loss(): Promise<number> {
    return this.session.loss(this.#step);
  }

  get planBytes(): number {
    return this.session.memory.plan;
  }

  /** Kernel launches of a step, and the host's time to encode and submit one, while the device has nothing to do. */
  async host(): Promise<{ dispatches: number; microseconds: number }> {
    const times: number[] = [];
    let dispatches = 0;
    for (let i = 0; i < hostSteps; i++) {
      const before = this.device.dispatched;
      const start = performance.now();
      await this.run();
      times.push(performance.now() - start);
      dispatches = this.device.dispatched - before;
      await this.device.idle();
    }
    return { dispatches, microseconds: (1000 * median(times)) / dispatches };
  }

  destroy(): void {
    this.session.destroy();
    this.images.destroy();
  }
}

/**
 * A batch that the host writes: one set of buffers for the whole batch and, where it is larger than a micro-batch, a
 * second one of which the plan reads, filled by copies on the GPU.
 */
import type { Device } from "./device.js";
import { ShapeError } from "./errors.js";
import { pad4 } from "./tensor.js";

interface Part {
  /** Whole batch, and the part that a plan reads (the same buffer where the batch is run in one piece). */
  readonly whole: GPUBuffer;
  readonly read: GPUBuffer;
  readonly bytesPerSample: number;
}

export class HostBatch {
  readonly #parts: readonly Part[];
  /** Reused by every `feed`: a fresh array a step is garbage by the megabyte. */
  readonly #padded: Float32Array<ArrayBuffer>;
  readonly #labels: Uint32Array<ArrayBuffer>;
  #fed = 0;

  /** Resources are named `host images`, `host labels` and `host ids`. */
  constructor(
    private readonly device: Device,
    private readonly input: readonly [number, number, number],
    private readonly batch: number,
    micro: number,
    resources: Map<string, GPUBuffer>,
  ) {
    const [h, w, c] = input;
    const sampleWords = h * w * pad4(c);
    this.#padded = new Float32Array(batch * sampleWords);
    this.#labels = new Uint32Array(batch);
    const usage =
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_DST |
      GPUBufferUsage.COPY_SRC;
    this.#parts = (
      [
        ["images", 4 * sampleWords],
        ["labels", 4],
        ["ids", 4],
      ] as const
    ).map(([what, bytesPerSample]) => {
      const make = (name: string, samples: number) => {
        const size = Math.ceil((samples * bytesPerSample) / 16) * 16;
        const buffer = device.buffer(name, size, usage);
        resources.set(name, buffer);
        return buffer;
      };
      const read = make(`host ${what}`, micro);
      const whole = micro < batch ? make(`host batch ${what}`, batch) : read;
      return { whole, read, bytesPerSample };
    });
    device.gpu.queue.writeBuffer(
      this.#parts[2]!.whole,
      0,
      Uint32Array.from({ length: batch }, (_, i) => i),
    );
  }

  /** Writes the batch of the next step: images NHWC without padding. */
  feed(images: Float32Array, labels: ArrayLike<number>, classes: number): void {
    const [h, w, c] = this.input;
    const samples = labels.length;
    const pixels = samples * h * w;
    if (samples > this.batch || images.length !== pixels * c) {
      throw new ShapeError(
        `feed: expected at most ${this.batch} images of ${h}×${w}×${c} and a label each, got ${images.length} values and ${samples} labels`,
      );
    }
    const stride = pad4(c);
    for (let pixel = 0; pixel < pixels; pixel++)
      for (let channel = 0; channel < c; channel++)
        this.#padded[pixel * stride + channel] = images[pixel * c + channel]!;
    for (let i = 0; i < samples; i++) {
      const label = labels[i]!;
      if (!(Number.isInteger(label) && label >= 0 && label < classes))
        throw new ShapeError(
          `feed: label ${i} is ${label}, which is no class from 0 to ${classes - 1}`,
        );
      this.#labels[i] = label;
    }
    const { queue } = this.device.gpu;
    const [imagesPart, labelsPart] = this.#parts as [Part, Part, Part];
    queue.writeBuffer(imagesPart.whole, 0, this.#padded, 0, pixels * stride);
    queue.writeBuffer(labelsPart.whole, 0, this.#labels, 0, samples);
    this.#fed = samples;
  }

  /** Images that the last `feed` wrote; they stay until the next one. */
  get fed(): number {
    return this.#fed;
  }

  /** Brings samples `first`… of the batch to where the plan reads them. */
  select(first: number, samples: number): void {
    if (this.#parts[0]!.whole === this.#parts[0]!.read) return;
    const encoder = this.device.gpu.createCommandEncoder();
    for (const { whole, read, bytesPerSample } of this.#parts)
      encoder.copyBufferToBuffer(
        whole,
        first * bytesPerSample,
        read,
        0,
        samples * bytesPerSample,
      );
    this.device.gpu.queue.submit([encoder.finish()]);
  }
}

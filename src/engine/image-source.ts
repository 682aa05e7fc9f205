/** Images and labels that live on the GPU as bytes, ready for the load-batch kernels. */
import type { LoadBatchOptions } from "../../shaders/load-batch.wgsl.js";
import type { Device } from "./device.js";
import { ShapeError } from "./errors.js";

/** Random changes to training images; shaders/load-batch.wgsl.ts defines them exactly. */
export type Augmentation = Pick<
  LoadBatchOptions,
  "padding" | "flip" | "distort"
>;

export const noAugmentation: Augmentation = {
  padding: 0,
  flip: false,
  distort: false,
};

/** Images and labels in host memory. */
export interface HostImages {
  /** `[count][3][size][size]`, planes R, G, B. */
  readonly images: Uint8Array;
  /** One class index per image. */
  readonly labels: Int32Array;
  readonly imageSize: number;
  /** Per channel, of values in [0, 1]. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** How many images there are, what they are scaled by, and how they are cut into bindings: all that a graph must know. */
export interface ImageLayout {
  readonly count: number;
  readonly imageSize: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly imagesPerChunk: number;
  readonly chunkCount: number;
}

/** Cuts images so that one binding of at most `bindingBytes` holds each chunk. */
export function chunksOf(
  count: number,
  imageSize: number,
  bindingBytes: number,
): Pick<ImageLayout, "imagesPerChunk" | "chunkCount"> {
  const imagesPerChunk = Math.floor(bindingBytes / (3 * imageSize * imageSize));
  return { imagesPerChunk, chunkCount: Math.ceil(count / imagesPerChunk) };
}

/** Bytes of images, labels and order on the GPU. */
export function imageBytes({ count, imageSize }: ImageLayout): number {
  return count * (3 * imageSize * imageSize + 8);
}

/** A data set on the GPU: its images as bytes, their labels, and the order in which batches take them. */
export class ImageSource implements ImageLayout {
  private constructor(
    private readonly device: Device,
    readonly count: number,
    readonly imageSize: number,
    readonly mean: readonly [number, number, number],
    readonly std: readonly [number, number, number],
    readonly imagesPerChunk: number,
    /** The bytes, cut into buffers that one binding can hold. */
    readonly chunks: readonly GPUBuffer[],
    readonly labels: GPUBuffer,
    /** One more than the largest label. */
    readonly classes: number,
    /** Image indices in the order in which batches take them. */
    readonly order: GPUBuffer,
  ) {}

  /**
   * Uploads images; batches come in the images' own order until `setOrder` is called.
   *
   * @throws ShapeError where images and labels do not fit each other, a label is negative, or the adapter cannot bind so many;
   *   OutOfMemoryError where the device cannot hold them
   */
  static async upload(
    device: Device,
    { images, labels, imageSize, mean, std }: HostImages,
  ): Promise<ImageSource> {
    const bytes = 3 * imageSize * imageSize;
    const count = labels.length;
    if (images.length !== count * bytes) {
      throw new ShapeError(
        `${count} images of ${imageSize}×${imageSize} take ${count * bytes} bytes, got ${images.length}`,
      );
    }
    const {
      maxStorageBufferBindingSize,
      maxBufferSize,
      maxStorageBuffersPerShaderStage,
    } = device.gpu.limits;
    const { imagesPerChunk: perChunk, chunkCount } = chunksOf(
      count,
      imageSize,
      Math.min(maxStorageBufferBindingSize, maxBufferSize),
    );
    // The kernel binds ids, means and its output besides the chunks.
    if (chunkCount + 3 > maxStorageBuffersPerShaderStage) {
      throw new ShapeError(
        `${count} images of ${imageSize}×${imageSize} need ${chunkCount} buffers; ${device.adapterName} binds too few`,
      );
    }
    const negative = labels.findIndex((label) => label < 0);
    if (negative >= 0)
      throw new ShapeError(
        `label ${negative} is ${labels[negative]}; classes count from 0`,
      );
    const classes =
      labels.reduce((most, label) => Math.max(most, label), -1) + 1;
    return device.scoped("images on the GPU", () => {
      const chunks = Array.from({ length: chunkCount }, (_, i) =>
        device.upload(
          `images ${i}`,
          images.subarray(i * perChunk * bytes, (i + 1) * perChunk * bytes),
        ),
      );
      return new ImageSource(
        device,
        count,
        imageSize,
        mean,
        std,
        perChunk,
        chunks,
        device.upload("labels", new Uint32Array(labels)),
        classes,
        device.upload(
          "order",
          Uint32Array.from({ length: count }, (_, i) => i),
        ),
      );
    });
  }

  get chunkCount(): number {
    return this.chunks.length;
  }

  /**
   * Sets the order of the images from its first position on. Takes effect for steps submitted afterwards.
   *
   * @throws ShapeError where the order is longer than there are images
   */
  setOrder(order: Int32Array): void {
    if (order.length > this.count)
      throw new ShapeError(
        `an order of ${order.length} for ${this.count} images`,
      );
    this.device.gpu.queue.writeBuffer(this.order, 0, new Uint32Array(order));
  }

  /** Frees the memory on the device; sessions that take batches from it cannot run any more. */
  destroy(): void {
    for (const buffer of [...this.chunks, this.labels, this.order])
      buffer.destroy();
  }
}

/** The logits of the last training step's batch, also where the step ran over several micro-batches. */
import type { Device } from "./device.js";
import { ShapeError } from "./errors.js";
import type { Slice } from "./parameters.js";
import { dropPadding, pad4, type Shape } from "./tensor.js";

export class StepLogits {
  /** Where micro-batches' logits are put together. */
  #gathered: GPUBuffer | undefined;
  #last: { samples: number; classes: number; slice: Slice } | undefined;

  constructor(private readonly device: Device) {}

  /** Makes room for the logits of a batch that steps run over in parts. */
  gather(batch: number, classes: number): void {
    this.#gathered ??= this.device.buffer(
      "step logits",
      batch * pad4(classes) * 4,
      GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    );
  }

  /** Notes where a plan that has just been submitted leaves the logits of the step's images from `first` on. */
  keep(slice: Slice, [samples, , , classes]: Shape, first: number): void {
    const { gpu } = this.device;
    const buffer = this.#gathered;
    if (!buffer) {
      this.#last = { samples, classes, slice };
      return;
    }
    const row = pad4(classes) * 4;
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(
      slice.buffer,
      slice.offset,
      buffer,
      first * row,
      slice.size,
    );
    gpu.queue.submit([encoder.finish()]);
    const whole = first + samples;
    const gathered = { buffer, offset: 0, size: whole * row };
    this.#last = { samples: whole, classes, slice: gathered };
  }

  /** Says that the plans' memory is used for something else now. */
  forget(): void {
    if (!this.#gathered) this.#last = undefined;
  }

  /** `[samples, classes]`. Waits for the step. */
  async read(): Promise<Float32Array> {
    if (!this.#last)
      throw new ShapeError(
        "lastLogits: no step has run since the start, or since an evaluation",
      );
    const {
      samples,
      classes,
      slice: { buffer, offset, size },
    } = this.#last;
    const words = await this.device.read(buffer, offset, size);
    return dropPadding(new Float32Array(words), samples, classes);
  }

  destroy(): void {
    this.#gathered?.destroy();
  }
}

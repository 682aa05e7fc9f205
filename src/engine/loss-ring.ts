/** The losses of the last training steps: a ring on the GPU that steps write into, and what the host knows of its slots. */
import type { Device } from "./device.js";
import { ShapeError } from "./errors.js";
import { lossRingSize } from "./trace.js";

export class LossRing {
  /** The step whose loss each slot holds. NaN, which equals no step, where there is none. */
  readonly #steps = new Float64Array(lossRingSize).fill(NaN);

  constructor(private readonly device: Device) {}

  /** Where a step writes its loss. */
  slot(step: number): number {
    return step % lossRingSize;
  }

  /** Notes that a step has been submitted: its slot holds its loss, and no longer that of the step before it there. */
  hold(step: number): void {
    this.#steps[this.slot(step)] = step;
  }

  /** Starts reading the losses of steps `from`…`to` from the ring's buffer. */
  copy(
    ring: GPUBuffer,
    from: number,
    to: number,
  ): { read(): Promise<Float32Array> } {
    if (!(from <= to))
      throw new ShapeError(`there are no steps from ${from} to ${to}`);
    for (let step = from; step <= to; step++)
      if (this.#steps[this.slot(step)] !== step)
        throw new ShapeError(
          `the loss of step ${step} is not here: only those of the last ${lossRingSize} steps that were trained are kept`,
        );
    const staging = this.device.stage(ring);
    return {
      read: async () => {
        const losses = new Float32Array(await staging.read());
        return Float32Array.from(
          { length: to - from + 1 },
          (_, i) => losses[this.slot(from + i)]!,
        );
      },
    };
  }
}

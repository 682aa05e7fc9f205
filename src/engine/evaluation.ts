/** Evaluation of all images of a source with the current weights: logits, counts and the confusion matrix. */
import type { Device } from "./device.js";
import type { Plan, PoolSizes } from "./plan.js";

export interface EvaluationResult {
  /** `[count, classes]`, in the images' own order. */
  readonly logits: Float32Array;
  readonly classes: number;
  /** Rows with NaN or Inf; they count as neither right nor wrong. */
  readonly invalid: number;
  readonly correct1: number;
  readonly correct5: number;
  /** `confusion[true][predicted]`. */
  readonly confusion: number[][];
}

/** At most `limit` images at a time, in equal batches where they come out even: one plan then serves all of them. */
export function evaluationBatch(count: number, limit = 256): number {
  const batches = Math.ceil(count / limit);
  return count % batches === 0 ? count / batches : Math.min(count, limit);
}

/** Bytes by which the pool may grow for an evaluation. */
const evaluationGrowth = 64 * 2 ** 20;

/**
 * Up to 256 images at a time, as many as fit the buffers that training has made: evaluation then needs no memory of its own
 * worth mentioning.
 *
 * @param plan the slots of an evaluation of so many images at a time.
 */
export function bestEvaluationBatch(
  count: number,
  pool: PoolSizes,
  plan: (batch: number) => readonly number[],
): number {
  let limit = 256;
  let batch = evaluationBatch(count, limit);
  while (limit > 1 && pool.growth(plan(batch)) > evaluationGrowth)
    batch = evaluationBatch(count, (limit /= 2));
  return batch;
}

/** A compiled evaluation of one batch size, with the counters and logits that it writes. */
export interface EvaluationPlan {
  readonly plan: Plan;
  readonly classes: number;
  readonly counters: GPUBuffer;
  readonly logits: GPUBuffer;
}

/** A compiled evaluation of one image source; runs as often as wanted. */
export class Evaluation {
  constructor(
    private readonly device: Device,
    private readonly count: number,
    private readonly batch: number,
    private readonly full: EvaluationPlan,
    private readonly tail: EvaluationPlan | undefined,
    private readonly writeOffset: (offset: number) => void,
  ) {}

  /** Evaluates the current weights on every image and reads the result. */
  async run(): Promise<EvaluationResult> {
    const { classes, counters, logits } = this.full;
    const encoder = this.device.gpu.createCommandEncoder();
    encoder.clearBuffer(counters);
    this.device.gpu.queue.submit([encoder.finish()]);
    for (let offset = 0; offset < this.count; offset += this.batch) {
      this.writeOffset(offset);
      const { plan } =
        offset + this.batch <= this.count ? this.full : this.tail!;
      await plan.run({ profiled: false });
    }
    const [values, words] = await Promise.all([
      this.device.read(logits, 0, this.count * classes * 4),
      this.device.read(counters, 0, (4 + classes * classes) * 4),
    ]);
    const counts = new Uint32Array(words);
    return {
      logits: new Float32Array(values),
      classes,
      invalid: counts[0]!,
      correct1: counts[1]!,
      correct5: counts[2]!,
      confusion: Array.from({ length: classes }, (_, c) => [
        ...counts.subarray(4 + c * classes, 4 + (c + 1) * classes),
      ]),
    };
  }

  destroy(): void {
    this.full.counters.destroy();
    this.full.logits.destroy();
  }
}

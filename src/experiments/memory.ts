/** Whether a run fits its device, decided before anything is made there, and what would fit where it does not. */
import type { Dataset } from "../data/types.js";
import { OutOfMemoryError, ShapeError } from "../engine/errors.js";
import { chunksOf, type ImageLayout } from "../engine/image-source.js";
import { planTraining, type TrainingMemory } from "../engine/plan-training.js";
import type { KernelTarget } from "../engine/graph.js";
import { UserError } from "../errors.js";
import type { TrainSettings } from "./settings.js";
import { trainingOptions } from "./training-options.js";

/** What planning asks of a device (of `Device`, or of one that is only imagined). */
export interface Capacity {
  readonly adapterName: string;
  readonly target: KernelTarget;
  /** Bytes that there are at most, and who says so; WebGPU itself does not tell. */
  readonly memory?:
    { readonly bytes: number; readonly source: string } | undefined;
  readonly gpu: {
    readonly limits: Pick<
      GPUSupportedLimits,
      "maxBufferSize" | "maxStorageBufferBindingSize"
    >;
  };
}

type Images = Pick<Dataset, "imageSize" | "mean" | "std" | "classNames"> & {
  readonly train: { readonly count: number };
  readonly test: { readonly count: number };
};

const bindingBytes = ({ gpu: { limits } }: Capacity) =>
  Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);

/** What a run on `kept` of a data set's training images takes. */
export function planRun(
  settings: TrainSettings,
  { imageSize, mean, std, classNames, train, test }: Images,
  kept: number,
  capacity: Capacity,
): TrainingMemory {
  const images = (count: number): ImageLayout => ({
    count,
    imageSize,
    mean,
    std,
    ...chunksOf(count, imageSize, bindingBytes(capacity)),
  });
  const { batch, ...options } = trainingOptions(
    settings,
    classNames.length,
    images(train.count),
    kept,
  );
  const rest = kept % batch;
  return planTraining({
    ...options,
    batches: rest > 0 ? [batch, rest] : [batch],
    evaluation: images(test.count),
    target: capacity.target,
  });
}

/** Why a plan cannot be held, or undefined. */
function obstacle(
  { total, largest }: TrainingMemory,
  capacity: Capacity,
): string | undefined {
  const most = bindingBytes(capacity);
  if (largest.bytes > most)
    return `its largest tensor, ${largest.label}, takes ${amount(largest.bytes)}, and ${capacity.adapterName} binds ${amount(most)} at once`;
  const { memory } = capacity;
  if (memory && total > memory.bytes)
    return `${memory.source} ${amount(memory.bytes)}`;
  return undefined;
}

/**
 * Plans the run. Throws UserError where the device cannot hold it, with the settings that would fit.
 */
export function requireFit(
  settings: TrainSettings,
  images: Images,
  kept: number,
  capacity: Capacity,
): TrainingMemory {
  const memory = planRun(settings, images, kept, capacity);
  const reason = obstacle(memory, capacity);
  if (reason === undefined) return memory;
  throw new UserError(
    `${nameOf(settings)} needs ${amount(memory.total)} on the device, but ${reason}. ` +
      advice(settings, images, kept, capacity, memory.total),
  );
}

/** The same for a device that found out by itself, when its buffers were made. */
export function outOfMemory(
  { message }: OutOfMemoryError,
  settings: TrainSettings,
  images: Images,
  kept: number,
  capacity: Capacity,
): UserError {
  const { total } = planRun(settings, images, kept, capacity);
  // How much there is nobody knows: three quarters of what was too much is a fair try.
  const memory = { bytes: 0.75 * total, source: "there is less than" };
  return new UserError(
    `${nameOf(settings)} needs ${amount(total)} on the device, which it does not have (${message}). ` +
      advice(settings, images, kept, { ...capacity, memory }, total),
  );
}

function nameOf({
  model,
  batch,
  microBatch,
  recompute,
}: TrainSettings): string {
  const flags = [
    `--batch ${batch}`,
    ...(microBatch === undefined ? [] : [`--micro-batch ${microBatch}`]),
    ...(recompute ? ["--recompute"] : []),
  ];
  return `${model} with ${flags.join(" ")}`;
}

/** The gentlest changes that fit: computing activations again (the same result), and the largest half, quarter, … of the batch. */
function advice(
  settings: TrainSettings,
  images: Images,
  kept: number,
  capacity: Capacity,
  total: number,
): string {
  const fitting = (changed: Partial<TrainSettings>): string | undefined => {
    try {
      const plan = planRun({ ...settings, ...changed }, images, kept, capacity);
      const fits = plan.total < total && !obstacle(plan, capacity);
      return fits ? amount(plan.total) : undefined;
    } catch (error) {
      // Batch norm refuses a single value per channel.
      if (error instanceof ShapeError) return undefined;
      throw error;
    }
  };
  const ideas: string[] = [];
  if (!settings.recompute) {
    const bytes = fitting({ recompute: true });
    if (bytes)
      ideas.push(`--recompute (${bytes}, the same result, a little slower)`);
  }
  const batch = Math.min(settings.microBatch ?? settings.batch, kept);
  for (let micro = batch >> 1; micro >= 1; micro >>= 1) {
    const bytes = fitting({ microBatch: micro });
    if (!bytes) continue;
    ideas.push(`--micro-batch ${micro} (${bytes})`);
    break;
  }
  return ideas.length > 0
    ? `What fits: ${ideas.join(", or ")}.`
    : "No --micro-batch makes it fit; take a smaller model or --width.";
}

/** "7.47 GiB", or "98.3 MiB" where that says more. */
function amount(bytes: number): string {
  return bytes >= 0.1 * 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(2)} GiB`
    : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

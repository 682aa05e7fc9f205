/** What a training run is told and what it tells: how it begins and is kept, its records, its events, its result. */
import type { ParameterSpec } from "../engine/parameters.js";
import type { TrainingMemory } from "../engine/plan-training.js";
import type { Session } from "../engine/session.js";
import type { KernelRecord } from "../engine/tuning.js";
import type {
  Checkpoint,
  CheckpointFile,
  EpochResult,
  Position,
} from "./checkpoint.js";
import type { Memorisation } from "./memorisation.js";
import type { Evaluation as Metrics } from "./metrics.js";
import type { Course } from "./settings.js";
import type { Weights } from "./weights.js";

/** A line of metrics.jsonl for an optimiser step. */
export interface StepRecord {
  readonly kind: "step";
  readonly step: number;
  readonly epoch: number;
  /** The step's own mean loss, before its update. */
  readonly loss: number;
  readonly lr: number;
  readonly imagesPerSecond: number;
}

/** A line of metrics.jsonl for an evaluation. */
export interface EvalRecord {
  readonly kind: "eval";
  readonly step: number;
  readonly epoch: number;
  readonly split: "test";
  readonly loss: number;
  readonly top1: number;
  readonly top5: number | null;
}

/** What is known when the model is compiled and training is about to start. */
export interface StartInfo {
  readonly session: Session;
  readonly course: Course;
  /** Training images after reduction. */
  readonly images: number;
  /** Where the run goes on; undefined where it begins. */
  readonly resumed: Position | undefined;
}

export interface TrainEvents {
  /** What the run takes on the device, before anything is made there. */
  onPlan?: (memory: TrainingMemory) => void;
  /** Every line of metrics.jsonl, in order. */
  onRecord?: (record: StepRecord | EvalRecord) => void;
  /** After every few steps: images trained so far, speed, and the newest loss. */
  onProgress?: (progress: {
    images: number;
    imagesPerSecond: number;
    loss: number;
  }) => void;
  /** Called before the first step: initial weights may still be replaced. */
  onStart?: (info: StartInfo) => void | Promise<void>;
  /** A new best evaluation (by top-1), with its weights. Comes before the checkpoint that counts it. */
  onBest?: (
    best: Pick<Checkpoint, "specs" | "weights"> & {
      step: number;
      epoch: number;
    },
  ) => Promise<void>;
  /** A checkpoint is due: the run goes on when it is kept. Without this, none is made. */
  onCheckpoint?: (checkpoint: Checkpoint) => Promise<void>;
}

/** Where nothing else is asked for. */
export const defaultCheckpoints = { epochs: 1, seconds: 600 } as const;

/** When checkpoints are due, whichever comes first; one is made at the end and before an interruption too. */
export interface CheckpointInterval {
  readonly epochs?: number;
  readonly seconds?: number;
}

/** How a run begins, is kept and ends before its time. */
export interface TrainControl {
  /** Kernels to use again, as an earlier run's session recorded them; they are chosen anew without. */
  readonly kernels?: KernelRecord | undefined;
  /** Goes on from here, to the same result as if the run had never stopped. */
  readonly resumeFrom?: CheckpointFile | undefined;
  /** Default: `defaultCheckpoints`. */
  readonly checkpoint?: CheckpointInterval | undefined;
  /** Stops the run after the step in flight: it makes a checkpoint and rejects with InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

export interface TrainResult {
  readonly steps: number;
  readonly epochs: number;
  readonly last: EpochResult;
  readonly best: EpochResult;
  /** The last evaluation in full. */
  readonly metrics: Metrics;
  /** Test logits `[n, C]` of the last weights. */
  readonly logits: Float32Array;
  /** Where labels were changed: what the last weights make of the training images. */
  readonly memorisation: Memorisation | undefined;
  /** Likewise: their logits `[n, C]`, in data order. */
  readonly trainingLogits: Float32Array | undefined;
  /** The model's tensors: names and PyTorch shapes. */
  readonly specs: readonly ParameterSpec[];
  /** Weights and batch-norm state under PyTorch's names and layouts. */
  readonly weights: Weights;
  readonly momentum: Weights;
  /** Seconds of training steps, and images per second without the first steps (which compile shaders) where there are more. */
  readonly trainSeconds: number;
  readonly imagesPerSecond: number;
}

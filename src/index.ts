/** tarnish: the engine, the models, and the experiments on dirty data. See docs/ for what each part is for. */
export * from "./engine/index.js";
export { UserError } from "./errors.js";
export type { DataSplit } from "./data/defaults.js";
export type { Dataset, ImageSplit } from "./data/types.js";
export {
  type CifarLayout,
  type CifarOptions,
  type FileMap,
  parseCifar,
} from "./data/cifar.js";
export { type ModelOptions, type Stem, stems } from "./models/options.js";
export {
  buildModel,
  findModel,
  type ModelEntry,
  modelNames,
} from "./models/registry.js";
export type {
  Checkpoint,
  CheckpointFile,
  EpochResult,
  Position,
  RunIdentity,
  Timing,
} from "./experiments/checkpoint.js";
export type { Memorisation } from "./experiments/memorisation.js";
export {
  type ClassMetrics,
  type Evaluation as Metrics,
  evaluateLogits,
  type PrecisionRecallCurve,
} from "./experiments/metrics.js";
export type { NoiseMatrix } from "./experiments/noise-matrix.js";
export {
  type NoiseKind,
  noiseKinds,
  poison,
  type PoisonOptions,
  type PoisonResult,
} from "./experiments/poison.js";
export type { Order } from "./experiments/schedule.js";
export {
  type AugmentName,
  type Course,
  type DataSettings,
  resolveSettings,
  type TrainSettings,
} from "./experiments/settings.js";
export {
  type CheckpointInterval,
  DivergedError,
  type EvalRecord,
  InterruptedError,
  type StartInfo,
  type StepRecord,
  train,
  type TrainControl,
  type TrainEvents,
  type TrainResult,
} from "./experiments/trainer.js";
export type { Weights } from "./experiments/weights.js";

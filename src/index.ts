/** tarnish: the engine, the models, and the experiments on dirty data. See docs/ for what each part is for. */
export * from "./engine/index.js";
export { UserError } from "./errors.js";
export type { Dataset, ImageSplit } from "./data/types.js";
export { parseCifar } from "./data/cifar.js";
export { type ModelOptions, type Stem, stems } from "./models/options.js";
export {
  buildModel,
  findModel,
  type ModelEntry,
  modelNames,
} from "./models/registry.js";
export {
  type Evaluation as Metrics,
  evaluateLogits,
} from "./experiments/metrics.js";
export {
  type NoiseKind,
  noiseKinds,
  poison,
  type PoisonOptions,
  type PoisonResult,
} from "./experiments/poison.js";
export { resolveSettings, type TrainSettings } from "./experiments/settings.js";
export {
  DivergedError,
  train,
  type TrainEvents,
  type TrainResult,
} from "./experiments/trainer.js";

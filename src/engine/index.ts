/** tarnish/engine: a small WebGPU training engine. See docs/engine.md for a ten-line example. */
/// <reference types="@webgpu/types" preserve="true" />
export type { AdapterChoice, FoundAdapter } from "./adapter.js";
export { Device, type DeviceOptions } from "./device.js";
export * from "./errors.js";
export type { Dispatch, Graph, KernelTarget, OpDefinition } from "./graph.js";
export { type GpuApi, openDevice, type OpenOptions } from "./open-device.js";
export {
  type Augmentation,
  type HostImages,
  type ImageLayout,
  ImageSource,
  noAugmentation,
} from "./image-source.js";
export {
  type Conv2dOptions,
  type Model,
  Network,
  type PoolOptions,
} from "./network.js";
export {
  type ParameterSpec,
  ParameterStore,
  type Slice,
} from "./parameters.js";
export { type Precision, precisions } from "./precision.js";
export { type KernelProfile, type Profile, Profiler } from "./profiler.js";
export { Purpose, RandomStream } from "./random.js";
export {
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsError,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "./safetensors.js";
export type {
  SafetensorsArrays,
  SafetensorsDtype,
  SafetensorsFault,
} from "./safetensors-dtypes.js";
export type { BatchLayout, BatchSource } from "./batch.js";
export { Evaluation, type EvaluationResult } from "./evaluation.js";
export type { LossScaling } from "./loss-scaling.js";
export { Session, type SessionOptions, type TrainStep } from "./session.js";
export {
  planTraining,
  type PlanRequest,
  type TrainingMemory,
} from "./plan-training.js";
export type { TrainingOptions } from "./trace.js";
export type { SgdOptions } from "../../shaders/sgd.wgsl.js";
export { kernelTargets } from "./targets.js";
export type { Layout, Shape, Tensor } from "./tensor.js";
export { type KernelRecord, type KernelStore, Tuner } from "./tuning.js";

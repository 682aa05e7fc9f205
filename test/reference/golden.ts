/** Reads the values that tools/golden/reference.py had PyTorch compute. */
import { readFileSync } from "node:fs";
import { ref, type Ref } from "./tensor.js";

/** A tensor as it stands in a golden file. */
export interface Stored {
  shape: number[];
  data: number[];
}

interface ConvCase {
  stride: number;
  padding: number;
  x: Stored;
  w: Stored;
  bias: Stored | null;
  dy: Stored;
  y: Stored;
  dx: Stored;
  dw: Stored;
  dbias: Stored | null;
}

interface BatchNormCase {
  relu: boolean;
  x: Stored;
  gamma: Stored;
  beta: Stored;
  residual: Stored | null;
  /** Running statistics before the batch. */
  mean: Stored;
  variance: Stored;
  evaluated: Stored;
  dy: Stored;
  y: Stored;
  dx: Stored;
  dgamma: Stored;
  dbeta: Stored;
  dresidual: Stored | null;
  /** Gradients in eval mode. */
  frozenDx: Stored;
  frozenDgamma: Stored;
  frozenDbeta: Stored;
  /** Running statistics after the batch. */
  runningMean: Stored;
  runningVariance: Stored;
}

interface PoolCase {
  kind: "max" | "avg" | "global";
  kernel: number;
  stride: number;
  padding: number;
  x: Stored;
  dy: Stored;
  y: Stored;
  dx: Stored;
}

interface CrossEntropyCase {
  smoothing: number;
  logits: Stored;
  labels: number[];
  loss: Stored;
  mean: number;
  gradient: Stored;
}

interface SgdCase {
  momentum: number;
  nesterov: boolean;
  weightDecay: number;
  lr: number;
  w: Stored;
  /** Per step: the gradient, and the weights after the step. */
  grads: Stored[];
  weights: Stored[];
}

interface ReferenceGolden {
  conv: ConvCase[];
  batchNorm: BatchNormCase[];
  pool: PoolCase[];
  crossEntropy: CrossEntropyCase[];
  sgd: SgdCase[];
  cosine: { steps: number; lr: number; rates: number[] }[];
}

/** test/golden/reference.json. */
export function readGolden(): ReferenceGolden {
  const file = new URL("../golden/reference.json", import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as ReferenceGolden;
}

/** The stored tensor as a reference tensor. */
export function load(stored: Stored): Ref {
  return ref(stored.shape, stored.data);
}

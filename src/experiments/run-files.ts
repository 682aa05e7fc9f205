/** The files of a run folder as texts and bytes: what Node writes to the disk and the lab keeps in the browser. */
import type { Dataset } from "../data/types.js";
import {
  encodeSafetensors,
  type SafetensorsTensor,
} from "../engine/safetensors.js";
import type { Evaluation as Metrics } from "./metrics.js";
import { confusionCsv, perClassCsv, prCsv } from "./tables.js";

/** per_class.csv, confusion.csv, pr.csv and test_logits.safetensors (`logits` [n, C]). */
export function evaluationFiles(
  { classNames, test }: Dataset,
  metrics: Metrics,
  logits: Float32Array,
): Record<string, string | Uint8Array<ArrayBuffer>> {
  const shape = [test.count, classNames.length];
  const tensors = new Map<string, SafetensorsTensor>([
    ["logits", { dtype: "F32", shape, data: logits }],
    ["labels", { dtype: "I32", shape: [test.count], data: test.labels }],
  ]);
  return {
    "per_class.csv": perClassCsv(metrics, classNames),
    "confusion.csv": confusionCsv(metrics, classNames),
    "pr.csv": prCsv(metrics, classNames),
    "test_logits.safetensors": encodeSafetensors(tensors),
  };
}

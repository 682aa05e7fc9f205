/** What the store has of a run on its way: the last checkpoint, and the records that it counts. */
import {
  type CheckpointFile,
  decodeCheckpoint,
} from "../../../src/experiments/checkpoint.js";
import type { SweepJob } from "../../../src/experiments/sweep.js";
import type {
  EvalRecord,
  StepRecord,
} from "../../../src/experiments/trainer.js";
import type { CurvePoint } from "../protocol.js";
import type { StudyStore } from "./store.js";

type MetricsRecord = StepRecord | EvalRecord;

/** Undefined where there is none, or none that belongs to the run as it is asked for. */
export function checkpointOf(
  store: StudyStore,
  job: SweepJob,
): CheckpointFile | undefined {
  const path = `${job.folder}/checkpoints/last.safetensors`;
  const bytes = store.bytes(path);
  if (!bytes) return undefined;
  try {
    const checkpoint = decodeCheckpoint(bytes, path);
    const { config, position } = checkpoint;
    const whole = metricsLines(store, job).length >= position.records;
    return config === job.hash && whole ? checkpoint : undefined;
  } catch {
    // Cut off by a crash: the run begins again.
    return undefined;
  }
}

/** The lines of metrics.jsonl that the checkpoint counts. */
export function keptLines(store: StudyStore, job: SweepJob): string[] {
  const records = checkpointOf(store, job)?.position.records ?? 0;
  return metricsLines(store, job).slice(0, records);
}

function metricsLines(store: StudyStore, { folder }: SweepJob): string[] {
  const text = store.text(`${folder}/metrics.jsonl`);
  return (text ?? "").split("\n").slice(0, -1);
}

export function pointOf(
  record: MetricsRecord,
  stepsPerEpoch: number,
): CurvePoint {
  const value = record.kind === "step" ? record.loss : record.top1;
  return [record.step / stepsPerEpoch, value];
}

/** The curves that lines of metrics.jsonl tell. */
export function curvesOf(lines: readonly string[], stepsPerEpoch: number) {
  const records = lines.map((line) => JSON.parse(line) as MetricsRecord);
  const curve = (kind: MetricsRecord["kind"]) =>
    records
      .filter((record) => record.kind === kind)
      .map((record) => pointOf(record, stepsPerEpoch));
  return { loss: curve("step"), top1Curve: curve("eval") };
}

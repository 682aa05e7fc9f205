/**
 * A sweep folder from synthetic predictions, written by the real table writers: the same inputs give the same bytes.
 * The "network" of a run sees each class with a strength that noise and reduction weaken, some classes more than others.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RandomStream } from "../../src/engine/random.js";
import {
  type Evaluation,
  evaluateLogits,
} from "../../src/experiments/metrics.js";
import {
  type Arm,
  confusionCsv,
  perClassCsv,
  prCsv,
  type ResultRow,
  resultsCsv,
} from "../../src/experiments/tables.js";

export const CIFAR10 = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
];

export interface FixtureOptions {
  name?: string;
  models?: string[];
  levels?: number[];
  seeds?: number[];
  classes?: string[];
  perClass?: number;
  epochs?: number;
}

interface Condition {
  model: string;
  arm: Arm;
  level: number;
  seed: number;
}

/** Approximately normal: the sum of four uniforms, mean 0, variance 1. */
function gaussian(stream: RandomStream): number {
  return (
    (stream.float() + stream.float() + stream.float() + stream.float() - 2) *
    Math.sqrt(3)
  );
}

/** Logits of `count` test images per class after `epoch` epochs. */
function evaluate(
  condition: Condition,
  classes: number,
  count: number,
  epoch: number,
  epochs: number,
): Evaluation {
  const code =
    condition.model.length * 1000 +
    Math.round(condition.level * 100) +
    (condition.arm === "noise" ? 500 : 0);
  const stream = new RandomStream(condition.seed, 100, code, epoch);
  const progress = 1 - Math.exp((-4 * epoch) / epochs);
  const overfit =
    condition.arm === "noise"
      ? Math.max(0, epoch / epochs - 0.5) * condition.level
      : 0;
  const cost = condition.arm === "noise" ? 1.1 : 0.5;
  const logits: number[] = [];
  const labels: number[] = [];
  for (let c = 0; c < classes; c++) {
    const hard = 0.55 + 0.45 * Math.cos(c * 1.7);
    const strength =
      2.4 *
      progress *
      (1 - 0.45 * hard) *
      (1 - cost * condition.level * (0.6 + 0.6 * hard) - overfit * 0.5);
    for (let i = 0; i < count; i++) {
      labels.push(c);
      for (let k = 0; k < classes; k++) {
        const similar = k === (c ^ 1) ? 0.7 : 0;
        logits.push(
          gaussian(stream) + (k === c ? strength : similar * strength),
        );
      }
    }
  }
  return evaluateLogits(
    Float32Array.from(logits),
    Int32Array.from(labels),
    classes,
  );
}

function writeRun(
  folder: string,
  condition: Condition,
  options: Required<FixtureOptions>,
): ResultRow {
  const { classes, perClass, epochs } = options;
  const stepsPerEpoch = 16;
  const stream = new RandomStream(condition.seed, 101);
  const lines: string[] = [];
  const evaluations: Evaluation[] = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const evaluation = evaluate(
      condition,
      classes.length,
      perClass,
      epoch,
      epochs,
    );
    evaluations.push(evaluation);
    for (let i = 1; i <= stepsPerEpoch; i++) {
      const t = (epoch - 1 + i / stepsPerEpoch) / epochs;
      const floor = condition.arm === "noise" ? condition.level * 1.6 : 0.2;
      const loss = floor + 2 * Math.exp(-3 * t) + 0.15 * stream.float();
      const step = (epoch - 1) * stepsPerEpoch + i;
      lines.push(
        JSON.stringify({
          kind: "step",
          step,
          epoch,
          loss,
          lr: 0.02,
          imagesPerSecond: 900,
        }),
      );
    }
    const { loss, top1, top5 } = evaluation;
    lines.push(
      JSON.stringify({
        kind: "eval",
        step: epoch * stepsPerEpoch,
        epoch,
        split: "test",
        loss,
        top1,
        top5,
      }),
    );
  }
  const last = evaluations.at(-1)!;
  const best = evaluations.reduce((a, b) => (b.top1 > a.top1 ? b : a));
  const point = (evaluation: Evaluation) => ({
    epoch: evaluations.indexOf(evaluation) + 1,
    loss: evaluation.loss,
    top1: evaluation.top1,
    top5: evaluation.top5,
    ece: evaluation.ece,
  });
  const noise = condition.arm === "noise" ? condition.level : 0;
  const keep = condition.arm === "reduction" ? 1 - condition.level : 1;
  const images = 200 * classes.length;
  const chosen = Math.round(noise * images);
  const changed = Math.round(chosen * (1 - 1 / classes.length));
  const config = {
    model: condition.model, width: 1, data: "sample", noise, noiseKind: "shuffle", keep, epochs, batch: 128, lr: 0.02,
    momentum: 0.9, weightDecay: 5e-4, augment: "standard", seed: condition.seed, precision: "f32", classes,
    adapter: "llvmpipe", version: "0.1.0",
  }; // prettier-ignore
  const kept = Math.round(images * keep);
  const poison = {
    kind: "shuffle", nominal: noise, keep, seed: condition.seed,
    selected: Array.from({ length: chosen }, (_, i) => i),
    kept: Array.from({ length: kept }, (_, i) => i),
    changed, effectiveRate: changed / images, transition: [], labelsSha256: "0",
  }; // prettier-ignore
  const run = folder.slice(folder.indexOf("runs/"));
  const summary = { run, model: condition.model, data: "sample", steps: epochs * stepsPerEpoch, epochs, last: point(last), best: point(best), trainSeconds: 31.5, imagesPerSecond: 900 }; // prettier-ignore
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, name), text);
  };
  write("config.json", JSON.stringify(config));
  write("metrics.jsonl", lines.join("\n") + "\n");
  write("per_class.csv", perClassCsv(last, classes));
  write("confusion.csv", confusionCsv(last, classes));
  write("pr.csv", prCsv(last, classes));
  write("summary.json", JSON.stringify(summary));
  write("poison.json", JSON.stringify(poison));
  return { ...condition, top1Last: last.top1, top1Best: best.top1, top5Last: last.top5, lossLast: last.loss, status: "done", run }; // prettier-ignore
}

/** Writes a sweep folder (baseline, and both arms at every level) and returns the rows of its results.csv. */
export function writeSweep(
  sweepDir: string,
  options: FixtureOptions = {},
): ResultRow[] {
  const all = {
    name: "dirty-data", models: ["lenet"], levels: [0.2, 0.4, 0.6], seeds: [0], classes: CIFAR10, perClass: 40, epochs: 12,
    ...options,
  }; // prettier-ignore
  const rows: ResultRow[] = [];
  const jobs: object[] = [];
  for (const model of all.models) {
    for (const seed of all.seeds) {
      const arms = all.levels.flatMap((level) => [
        { model, seed, arm: "noise" as const, level },
        { model, seed, arm: "reduction" as const, level },
      ]);
      for (const condition of [
        { model, seed, arm: "baseline" as const, level: 0 },
        ...arms,
      ]) {
        const id = `${model}_${condition.arm}_${condition.level}_s${seed}`;
        const hash = `${(rows.length + 1).toString(16).padStart(8, "0")}abcdef`;
        rows.push(
          writeRun(
            join(sweepDir, "runs", `${id}-${hash.slice(0, 8)}`),
            condition,
            all,
          ),
        );
        const noise = condition.arm === "noise" ? condition.level : 0;
        const keep = condition.arm === "reduction" ? 1 - condition.level : 1;
        jobs.push({
          id,
          hash,
          config: { model, seed, noise, keep },
          state: "done",
        });
      }
    }
  }
  writeFileSync(join(sweepDir, "results.csv"), resultsCsv(rows));
  writeFileSync(
    join(sweepDir, "sweep.json"),
    JSON.stringify({ name: all.name, createdWith: "tarnish 0.1.0", jobs }),
  );
  return rows;
}

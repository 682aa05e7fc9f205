/** Sweep folders with known answers: the hits of every class are prescribed, the files are written by the real writers. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeSafetensors } from "../../src/engine/safetensors.js";
import type { StudyRuns } from "../../src/experiments/measures.js";
import { mean } from "../../src/experiments/statistics.js";
import { evaluateLogits } from "../../src/experiments/metrics.js";
import { type Arm, perClassCsv } from "../../src/experiments/tables.js";
import { temporaryFolder } from "../cli/command.js";
import { CIFAR10 } from "./sweep-folder.js";

export interface Condition {
  model: string;
  arm: Arm;
  level: number;
  seed: number;
}

export interface StudyFixture {
  models: string[];
  levels: number[];
  seeds: number[];
  arms?: ("noise" | "reduction" | "reduction-steps")[];
  classes?: string[];
  /** Test images of each class. */
  perClass: number;
  /** Share of the images of class `index` that the run of a condition recognises; rounded to whole images. */
  tpr: (condition: Condition, index: number) => number;
  /** Training images before reduction (default 2,000). */
  trainImages?: number;
  config?: object;
}

/** Writes studies into folders of their own under `root`, which is gone after the file's tests. */
export function studyFolders() {
  const root = temporaryFolder();
  let counter = 0;
  return {
    root,
    study: (fixture: StudyFixture): string => {
      const folder = join(root, String(counter++));
      writeStudy(folder, fixture);
      return folder;
    },
    text: (folder: string, name: string) =>
      readFileSync(join(folder, name), "utf8"),
  };
}

/** Writes runs/ of a sweep, and no tables. */
export function writeStudy(folder: string, fixture: StudyFixture): void {
  for (const condition of conditionsOf(fixture))
    writeRun(folder, fixture, condition);
}

function conditionsOf(fixture: StudyFixture): Condition[] {
  const { models, seeds, levels, arms = ["noise", "reduction"] } = fixture;
  return models.flatMap((model) =>
    seeds.flatMap((seed): Condition[] => [
      { model, arm: "baseline", level: 0, seed },
      ...arms.flatMap((arm) => levels.map((level) => ({ model, arm, level, seed }))), // prettier-ignore
    ]),
  );
}

/** The same study in memory: rates as they are prescribed, not rounded to images, and no logits. */
export function studyRates(fixture: StudyFixture): StudyRuns {
  const { classes = CIFAR10, tpr } = fixture;
  return {
    classes,
    testLabels: null,
    runs: conditionsOf(fixture).map((condition) => {
      const rates = classes.map((_, c) => tpr(condition, c));
      return {
        ...condition,
        top1: mean(rates),
        tpr: rates,
        effectiveRate: condition.arm === "noise" ? condition.level : 0,
        budget: "epochs",
        correct: null,
      };
    }),
  };
}

export function runFolder(
  folder: string,
  { model, arm, level, seed }: Condition,
): string {
  return join(folder, "runs", `${model}_${arm}_${level}_s${seed}-0123abcd`);
}

function writeRun(
  sweep: string,
  {
    classes = CIFAR10,
    perClass,
    tpr,
    trainImages = 2000,
    config = {},
  }: StudyFixture,
  condition: Condition,
): void {
  const folder = runFolder(sweep, condition);
  const { model, arm, level, seed } = condition;
  const labels: number[] = [];
  const logits: number[] = [];
  for (let c = 0; c < classes.length; c++) {
    const hits = Math.round(tpr(condition, c) * perClass);
    for (let i = 0; i < perClass; i++) {
      labels.push(c);
      // Which images are hit differs from run to run.
      const right = (i + 7 * seed + Math.round(100 * level)) % perClass < hits;
      const predicted = right ? c : (c + 1) % classes.length;
      logits.push(...classes.map((_, k) => (k === predicted ? 2 : 0)));
    }
  }
  const given = {
    logits: Float32Array.from(logits),
    labels: Int32Array.from(labels),
  };
  const metrics = evaluateLogits(given.logits, given.labels, classes.length);
  const { loss, top1, top5, ece } = metrics;
  const last = { epoch: 2, loss, top1, top5, ece };
  const reduced = arm.startsWith("reduction");
  const files = {
    "config.json": JSON.stringify({
      model,
      seed,
      data: "sample",
      noiseKind: "uniform",
      noise: arm === "noise" ? level : 0,
      keep: reduced ? 1 - level : 1,
      ...(arm === "reduction-steps" && { steps: 100 }),
      classes,
      ...config,
    }),
    "summary.json": JSON.stringify({
      adapter: "llvmpipe",
      steps: 100,
      epochs: last.epoch,
      trainSeconds: 4.5,
      last,
      best: { ...last, epoch: 1, top1: Math.min(1, top1 + 0.01) },
    }),
    "per_class.csv": perClassCsv(metrics, classes),
    "poison.json": JSON.stringify({
      kind: "uniform",
      selected: [],
      changed: 0,
      effectiveRate: arm === "noise" ? level * 0.9 : 0,
      kept: Array.from({ length: Math.round(trainImages * (reduced ? 1 - level : 1)) }, (_, i) => i), // prettier-ignore
    }),
    "test_logits.safetensors": encodeSafetensors(
      new Map([
        ["logits", { dtype: "F32", shape: [labels.length, classes.length], data: given.logits }], // prettier-ignore
        ["labels", { dtype: "I32", shape: [labels.length], data: given.labels }], // prettier-ignore
      ] as const),
    ),
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, data] of Object.entries(files))
    writeFileSync(join(folder, name), data);
}

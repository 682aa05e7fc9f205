/**
 * Sweep folders from synthetic predictions, written by the real table writers: the same inputs give the same bytes, and
 * the answers are known. A run's "network" sees each class with a strength that wanes with the damage to its data. Noise
 * of level l does the damage that a reduction of `exchange · l` does, on the same random draws: so the exchange rate of
 * level l is exactly exchange · l wherever that is a level of reduction too.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeSafetensors } from "../../src/engine/safetensors.js";
import { RandomStream } from "../../src/engine/random.js";
import { evaluateLogits } from "../../src/experiments/metrics.js";
import {
  type Arm,
  confusionCsv,
  perClassCsv,
  prCsv,
  type ResultRow,
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

export interface FolderOptions {
  name?: string;
  models?: string[];
  /** Levels of both arms, or of each. */
  levels?: number[] | { noise: number[]; reduction: number[] };
  /** Levels of a second reduction arm, with as many steps as the baseline; it does half the damage. */
  steps?: number[];
  seeds?: number[];
  classes?: string[];
  /** Test images of each class. */
  perClass?: number;
  epochs?: number;
  /** Reduction that does the damage of noise, per unit of noise, by model. */
  exchange?: number[];
  noiseKind?: "shuffle" | "uniform";
  /** What became of the runs that are not done, by the job's id. */
  unfinished?: Record<string, "pending" | "running" | "failed" | "diverged">;
  /** Without the logits there are no bootstrap intervals. */
  logits?: boolean;
}

type Options = Required<Omit<FolderOptions, "levels">> & {
  levels: { noise: number[]; reduction: number[] };
};

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

/** Share of its strength that a network has lost. */
function damageOf({ arm, level, model }: Condition, options: Options): number {
  const rate = options.exchange[options.models.indexOf(model)] ?? 2;
  return { baseline: 0, noise: rate * level, reduction: level, "reduction-steps": level / 2 }[arm]; // prettier-ignore
}

/** How hard a class is, and how much it suffers: the same for every model, so that their orders agree. */
const hardness = (c: number): number => 0.5 + 0.5 * Math.cos(c * 1.7);

/** Logits of all test images at the end of a run: draws of the seed and the model alone, shared by all conditions. */
function logitsOf(condition: Condition, options: Options): Float32Array {
  const { classes, perClass, models } = options;
  const count = classes.length;
  const place = models.indexOf(condition.model);
  const stream = new RandomStream(condition.seed, 100, place, 0);
  const damage = damageOf(condition, options);
  const logits = new Float32Array(count * perClass * count);
  const scale = (2.1 + 0.25 * place) * (1 + Math.log10(count / 10 + 1) * 0.4);
  let at = 0;
  for (let c = 0; c < count; c++) {
    const hard = hardness(c);
    const strength = scale * (1 - 0.4 * hard) * Math.max(0, 1 - damage * (0.5 + 0.5 * hard)); // prettier-ignore
    for (let i = 0; i < perClass; i++) {
      for (let k = 0; k < count; k++) {
        // Classes in blocks of five look alike.
        const similar = Math.floor(k / 5) === Math.floor(c / 5) ? 0.45 : 0;
        logits[at++] = gaussian(stream) + strength * (k === c ? 1 : similar);
      }
    }
  }
  return logits;
}

const BATCH = 100;
const IMAGES_PER_CLASS = 200;

/** How long a run trains: as many epochs as the baseline, or as many steps. */
function lengthOf(
  { arm }: Condition,
  epochs: number,
  classes: number,
  kept: number,
) {
  const stepsPerEpoch = Math.ceil(kept / BATCH);
  const equalSteps = epochs * Math.ceil((IMAGES_PER_CLASS * classes) / BATCH);
  const steps = arm === "reduction-steps" ? equalSteps : epochs * stepsPerEpoch;
  return { steps, stepsPerEpoch, epochs: Math.ceil(steps / stepsPerEpoch) };
}

/** metrics.jsonl of a run that ends where its evaluation says. */
function metricsOf(
  condition: Condition,
  end: { loss: number; top1: number; top5: number | null },
  { steps, stepsPerEpoch, epochs }: ReturnType<typeof lengthOf>,
): { text: string; best: { epoch: number; top1: number; loss: number } } {
  const stream = new RandomStream(condition.seed, 101);
  const lines: object[] = [];
  let best = { epoch: epochs, ...end };
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const t = epoch / epochs;
    const lastStep = Math.min(steps, epoch * stepsPerEpoch);
    for (let step = (epoch - 1) * stepsPerEpoch + 1; step <= lastStep; step++) {
      const floor = condition.arm === "noise" ? condition.level * 1.6 : 0.2;
      const loss = floor + 2 * Math.exp(-3 * t) + 0.3 * stream.float();
      lines.push({ kind: "step", step, epoch, loss, lr: 0.02, imagesPerSecond: 900 }); // prettier-ignore
    }
    // Noisy runs peak before they learn the lies by heart.
    const hump = condition.arm === "noise" ? 0.5 * condition.level * Math.sin(Math.PI * t) : 0; // prettier-ignore
    const rise = (1 - Math.exp(-5 * t)) / (1 - Math.exp(-5));
    const last = epoch === epochs;
    const top1 = last ? end.top1 : Math.min(1, end.top1 * (rise + hump));
    const loss = last ? end.loss : end.loss + (1 - rise) * 0.8 - hump * 0.4;
    const top5 = end.top5 === null || last ? end.top5 : Math.min(1, Math.max(top1, end.top5 * rise)); // prettier-ignore
    if (top1 > best.top1) best = { epoch, top1, loss, top5 };
    lines.push({
      kind: "eval",
      step: lastStep,
      epoch,
      split: "test",
      loss,
      top1,
      top5,
    });
  }
  const text = lines.map((line) => JSON.stringify(line)).join("\n") + "\n";
  return { text, best };
}

/** poison.json of a data set of so many images a class. */
function poisonOf(condition: Condition, options: Options) {
  const { classes, noiseKind } = options;
  const images = IMAGES_PER_CLASS * classes.length;
  const noise = condition.arm === "noise" ? condition.level : 0;
  const keep = condition.arm.startsWith("reduction") ? 1 - condition.level : 1;
  const selected = Math.round(noise * images);
  const changed = noiseKind === "uniform" ? selected : Math.round(selected * (1 - 1 / classes.length)); // prettier-ignore
  return {
    kind: noiseKind,
    nominal: noise,
    keep,
    seed: condition.seed,
    selected: Array.from({ length: selected }, (_, i) => i),
    kept: Array.from({ length: Math.round(images * keep) }, (_, i) => i),
    changed,
    effectiveRate: changed / images,
    transition: [],
    labelsSha256: "0",
  };
}

function writeRun(
  folder: string,
  condition: Condition,
  options: Options,
): ResultRow {
  const { classes, perClass } = options;
  const logits = logitsOf(condition, options);
  const labels = Int32Array.from({ length: classes.length * perClass }, (_, i) => Math.floor(i / perClass)); // prettier-ignore
  const end = evaluateLogits(logits, labels, classes.length);
  const poison = poisonOf(condition, options);
  const images = poison.kept.length;
  const length = lengthOf(condition, options.epochs, classes.length, images);
  const { steps, epochs } = length;
  const metrics = metricsOf(condition, end, length);
  const config = {
    model: condition.model, width: 1, data: "sample", noise: poison.nominal, noiseKind: options.noiseKind, keep: poison.keep,
    epochs: options.epochs, batch: BATCH, lr: 0.02, momentum: 0.9, weightDecay: 5e-4, augment: "standard", seed: condition.seed, precision: "f32",
    classes, images, adapter: "llvmpipe (LLVM 15.0.6, 256 bits)", version: "0.1.0",
    ...(condition.arm === "reduction-steps" && { steps }),
  }; // prettier-ignore
  // The longer the training, the more of the lies are known by heart.
  const asGiven = Math.round(poison.changed * 0.55);
  const asTrue = Math.round(poison.changed * 0.3);
  const clean = poison.kept.length - poison.changed;
  const run = folder.slice(folder.indexOf("runs/"));
  const summary = {
    run, model: condition.model, data: "sample", adapter: config.adapter, precision: "f32", steps, epochs,
    last: { epoch: epochs, loss: end.loss, top1: end.top1, top5: end.top5, ece: end.ece },
    best: { ...metrics.best, ece: end.ece },
    memorisation: { poisoned: poison.changed, asTrue, asGiven, asOther: poison.changed - asTrue - asGiven, clean, cleanCorrect: Math.round(clean * 0.9) },
    trainSeconds: 31.5, imagesPerSecond: 900, weightsSha256: "0",
  }; // prettier-ignore
  mkdirSync(folder, { recursive: true });
  const files: Record<string, string | Uint8Array> = {
    "config.json": JSON.stringify(config),
    "metrics.jsonl": metrics.text,
    "per_class.csv": perClassCsv(end, classes),
    "confusion.csv": confusionCsv(end, classes),
    "pr.csv": prCsv(end, classes),
    "summary.json": JSON.stringify(summary),
    "poison.json": JSON.stringify(poison),
  };
  if (options.logits) {
    files["test_logits.safetensors"] = encodeSafetensors(
      new Map([
        ["logits", { dtype: "F32" as const, shape: [labels.length, classes.length], data: logits }], // prettier-ignore
        ["labels", { dtype: "I32" as const, shape: [labels.length], data: labels }], // prettier-ignore
      ]),
    );
  }
  for (const [name, data] of Object.entries(files))
    writeFileSync(join(folder, name), data);
  return { ...condition, top1Last: end.top1, top1Best: metrics.best.top1, top5Last: end.top5, lossLast: end.loss, status: "done", run }; // prettier-ignore
}

function conditionsOf({ models, seeds, levels, steps }: Options): Condition[] {
  return models.flatMap((model) =>
    seeds.flatMap((seed): Condition[] => [
      { model, seed, arm: "baseline", level: 0 },
      ...levels.noise.map((level) => ({ model, seed, arm: "noise" as const, level })), // prettier-ignore
      ...levels.reduction.map((level) => ({ model, seed, arm: "reduction" as const, level })), // prettier-ignore
      ...steps.map((level) => ({ model, seed, arm: "reduction-steps" as const, level })), // prettier-ignore
    ]),
  );
}

/** Writes a sweep folder (baseline, and both arms at every level) without tables, and returns the rows of its results.csv. */
export function writeSweepFolder(
  sweepDir: string,
  given: FolderOptions = {},
): ResultRow[] {
  const { levels = [0.2, 0.4, 0.6], ...rest } = given;
  const options: Options = {
    name: "dirty-data",
    models: ["lenet"],
    seeds: [0],
    classes: CIFAR10,
    perClass: 40,
    epochs: 12,
    exchange: [],
    noiseKind: "shuffle",
    steps: [],
    unfinished: {},
    logits: true,
    ...rest,
    levels: Array.isArray(levels) ? { noise: levels, reduction: levels } : levels, // prettier-ignore
  };
  const jobs: object[] = [];
  const rows = conditionsOf(options).map((condition, i): ResultRow => {
    const { model, arm, level, seed } = condition;
    const id = `${model}_${arm}_${level}_s${seed}`;
    const hash = `${(i + 1).toString(16).padStart(8, "0")}abcdef`;
    const state = options.unfinished[id] ?? "done";
    const noise = arm === "noise" ? level : 0;
    const keep = arm.startsWith("reduction") ? 1 - level : 1;
    jobs.push({ id, hash, config: { model, seed, noise, keep }, state });
    const run = `runs/${id}-${hash.slice(0, 8)}`;
    if (state === "failed" || state === "diverged") {
      mkdirSync(join(sweepDir, run), { recursive: true });
      writeFileSync(
        join(sweepDir, run, "failure.json"),
        JSON.stringify({ state, error: `${state} in conv2` }),
      );
    }
    return state === "done"
      ? writeRun(join(sweepDir, run), condition, options)
      : { ...condition, top1Last: null, top1Best: null, top5Last: null, lossLast: null, status: state, run }; // prettier-ignore
  });
  mkdirSync(sweepDir, { recursive: true });
  writeFileSync(
    join(sweepDir, "sweep.json"),
    JSON.stringify({ name: options.name, createdWith: "tarnish 0.1.0", jobs }),
  );
  return rows;
}

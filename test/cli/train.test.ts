/** `tarnish train` and `tarnish eval` end to end: what a run leaves behind, and that nothing depends on chance. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readNpy } from "../../src/data/npy.js";
import { decodeSafetensors } from "../../src/engine/safetensors.js";
import { labelsSha256 } from "../../src/experiments/poison.js";
import {
  parseConfusion,
  parsePerClass,
  parsePr,
} from "../../src/experiments/tables.js";
import { complaint, tarnish, temporaryFolder } from "./command.js";

interface Metric extends Record<string, unknown> {
  kind: "step" | "eval";
  step: number;
}
interface Summary extends Record<string, unknown> {
  last: Record<string, number>;
  best: Record<string, number>;
  weightsSha256: string;
}

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const text = (...path: string[]) => readFileSync(at(...path), "utf8");
const json = (...path: string[]) => JSON.parse(text(...path)) as unknown;
const summaryOf = (run: string) => json(run, "summary.json") as Summary;
const metricsOf = (run: string) =>
  text(run, "metrics.jsonl")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Metric);
const weightsOf = (run: string, name: string) =>
  decodeSafetensors(readFileSync(at(run, "checkpoints", name)));
/** What must be the same in two runs of one seed. */
const timeless = (metrics: Metric[]) =>
  metrics.map((metric) => ({ ...metric, imagesPerSecond: undefined }));

/** One shape of batch everywhere, so that a driver's shader cache serves all runs. */
const data = "--train-limit 160 --test-limit 50";
const base = `train ${data} --keep 0.5 --noise 0.25 --noise-kind uniform --seed 3 --batch 40 --epochs 2 --log-every 1`;
const run = (args: string) => tarnish(args.split(" "), { cwd: folder });

const first = { stdout: "", stderr: "" };
beforeAll(() => {
  const { code, stdout, stderr } = run(`${base} --out a --json`);
  expect(stderr).not.toContain("tarnish: ");
  expect(code).toBe(0);
  Object.assign(first, { stdout, stderr });
});

describe("a run folder", () => {
  it("has every file, and no temporary one", () => {
    expect(
      readdirSync(at("a"), { recursive: true, encoding: "utf8" }).sort(),
    ).toEqual([
      "checkpoints",
      join("checkpoints", "best.safetensors"),
      join("checkpoints", "last.safetensors"),
      "config.json",
      "confusion.csv",
      "labels.npy",
      "metrics.jsonl",
      "per_class.csv",
      "poison.json",
      "pr.csv",
      "summary.json",
      "test_logits.safetensors",
    ]);
  });

  it("says in config.json what was asked for and what it came to", () => {
    expect(json("a", "config.json")).toMatchObject({
      model: "lenet",
      width: 1,
      data: "sample",
      trainLimit: 160,
      testLimit: 50,
      epochs: 2,
      batch: 40,
      lr: 0.02,
      momentum: 0.9,
      weightDecay: 5e-4,
      nesterov: false,
      noise: 0.25,
      noiseKind: "uniform",
      keep: 0.5,
      augment: "standard",
      order: "shuffle",
      seed: 3,
      precision: "f32",
      images: 80,
      totalSteps: 4,
      parameters: 62006,
      normalisation: {
        mean: [0.4914, 0.4822, 0.4465],
        std: [0.247, 0.2435, 0.2616],
      },
    });
    const config = json("a", "config.json") as Record<string, unknown>;
    expect(config["classes"]).toHaveLength(10);
    expect(config["version"]).toMatch(/^\d+\.\d+\.\d+/);
    expect(config["adapter"]).toBe(summaryOf("a")["adapter"]);
  });

  it("records the poison", async () => {
    const labels = readNpy(readFileSync(at("a", "labels.npy")), "labels.npy");
    expect(labels).toHaveLength(160);
    const record = json("a", "poison.json") as Record<string, number[]>;
    // 16 images a class: 8 are removed, and of the 8 that stay 2 get a wrong label.
    expect(record).toMatchObject({
      kind: "uniform",
      nominal: 0.25,
      keep: 0.5,
      seed: 3,
      changed: 20,
      effectiveRate: 0.25,
      labelsSha256: await labelsSha256(labels),
    });
    expect(record["selected"]).toHaveLength(20);
    expect(record["kept"]).toHaveLength(80);
    expect(record["transition"]).toHaveLength(10);
  });

  it("logs steps and evaluations, counted from 1", () => {
    const metrics = metricsOf("a");
    expect(metrics.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      "step 1",
      "step 2",
      "eval 2",
      "step 3",
      "step 4",
      "eval 4",
    ]);
    const [step, , evaluation] = metrics;
    expect(Object.keys(step!)).toEqual([
      "kind",
      "step",
      "epoch",
      "loss",
      "lr",
      "imagesPerSecond",
    ]);
    expect(step).toMatchObject({ epoch: 1, lr: 0.02 });
    // Ten classes, random weights: about ln 10.
    expect(Math.abs((step!["loss"] as number) - Math.log(10))).toBeLessThan(
      0.1,
    );
    expect(Object.keys(evaluation!)).toEqual([
      "kind",
      "step",
      "epoch",
      "split",
      "loss",
      "top1",
      "top5",
    ]);
    expect(evaluation).toMatchObject({ epoch: 1, split: "test" });
    expect(metrics.at(-1)).toMatchObject({ epoch: 2 });
  });

  it("sums up the last evaluation, which the tables and logits agree with", () => {
    const summary = summaryOf("a");
    expect(summary).toMatchObject({
      run: "a",
      model: "lenet",
      data: "sample",
      precision: "f32",
      steps: 4,
      epochs: 2,
    });
    expect(summary["memorisation"]).toMatchObject({ poisoned: 20, clean: 60 });
    expect(summary["trainSeconds"]).toBeGreaterThan(0);
    expect(summary["imagesPerSecond"]).toBeGreaterThan(0);
    expect(summary.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
    const { loss, top1, top5 } = metricsOf("a").at(-1)!;
    expect(summary.last).toMatchObject({ epoch: 2, loss, top1, top5 });
    expect(Object.keys(summary.best)).toEqual(Object.keys(summary.last));
    expect(summary.best["top1"]).toBeGreaterThanOrEqual(summary.last["top1"]!);

    const { tensors } = decodeSafetensors(
      readFileSync(at("a", "test_logits.safetensors")),
    );
    const logits = tensors.get("logits")!;
    expect(logits).toMatchObject({ dtype: "F32", shape: [50, 10] });
    const labels = tensors.get("labels")!;
    expect(labels).toMatchObject({ dtype: "I32", shape: [50] });
    const { counts } = parseConfusion(text("a", "confusion.csv"));
    const expected = counts.map((row) => row.map(() => 0));
    let correct = 0;
    (labels.data as Int32Array).forEach((label, i) => {
      const row = [...(logits.data as Float32Array)].slice(10 * i, 10 * i + 10);
      const predicted = row.indexOf(Math.max(...row));
      expected[label]![predicted]!++;
      if (predicted === label) correct++;
    });
    expect(counts).toEqual(expected);
    expect(correct / 50).toBe(top1);
    const perClass = parsePerClass(text("a", "per_class.csv"));
    expect(perClass.map(({ support }) => support)).toEqual(Array(10).fill(5));
    expect(perClass.map(({ tp }) => tp)).toEqual(
      counts.map((row, c) => row[c]),
    );
    expect(text("a", "per_class.csv").split("\n")[0]).toBe(
      "class,index,support,tp,fp,fn,tn,tpr,fpr,precision,f1,ap",
    );
    expect(parsePr(text("a", "pr.csv"))).toHaveLength(10);
  });

  it("holds checkpoints in PyTorch's names, with momentum and where they stand", () => {
    const { tensors, metadata } = weightsOf("a", "last.safetensors");
    const names = [
      "conv1.weight",
      "conv1.bias",
      "conv2.weight",
      "conv2.bias",
      "fc1.weight",
      "fc1.bias",
      "fc2.weight",
      "fc2.bias",
      "fc3.weight",
      "fc3.bias",
    ];
    expect([...tensors.keys()].sort()).toEqual(
      [...names, ...names.map((name) => `momentum.${name}`)].sort(),
    );
    expect(tensors.get("conv1.weight")!.shape).toEqual([6, 3, 5, 5]);
    expect(tensors.get("fc1.weight")!.shape).toEqual([120, 400]);
    const moved = tensors.get("momentum.fc3.weight")!.data as Float32Array;
    expect(moved.some((value) => value !== 0)).toBe(true);
    expect(metadata).toMatchObject({
      format: "3",
      step: "4",
      epoch: "2",
      epochsDone: "2",
      records: "6",
      lossScale: "1",
      goodSteps: "0",
      skippedSteps: "0",
    });
    expect(metadata["config"]).toMatch(/^[0-9a-f]{64}$/);
    const best = weightsOf("a", "best.safetensors");
    const { epoch } = summaryOf("a").best;
    expect(best.metadata).toMatchObject({ epoch: String(epoch) });
    expect(best.tensors.get("fc1.weight")!.shape).toEqual([120, 400]);
  });

  it("is told on stdout by one line of JSON, with --json", () => {
    expect(first.stdout.trimEnd().split("\n")).toHaveLength(1);
    expect(JSON.parse(first.stdout)).toEqual({ out: "a", ...summaryOf("a") });
    expect(first.stderr).toContain("62,006 parameters");
  });
});

describe("the same seed", () => {
  it("gives the same weights, losses and tables; another seed does not", () => {
    expect(run(`${base} --out again`).code).toBe(0);
    expect(summaryOf("again").weightsSha256).toBe(summaryOf("a").weightsSha256);
    expect(timeless(metricsOf("again"))).toEqual(timeless(metricsOf("a")));
    for (const file of ["pr.csv", "test_logits.safetensors", "labels.npy"])
      expect(
        readFileSync(at("again", file)).equals(readFileSync(at("a", file))),
        file,
      ).toBe(true);
    expect(run(`${base} --seed 4 --out other`).code).toBe(0);
    expect(summaryOf("other").weightsSha256).not.toBe(
      summaryOf("a").weightsSha256,
    );
  });
});

describe("--max-steps", () => {
  it("ends early on the same course", () => {
    expect(run(`${base} --max-steps 3 --out early`).code).toBe(0);
    const steps = (name: string) =>
      timeless(metricsOf(name)).filter(({ kind }) => kind === "step");
    expect(steps("early")).toEqual(steps("a").slice(0, 3));
    expect(metricsOf("early").at(-1)).toMatchObject({
      kind: "eval",
      step: 3,
      epoch: 2,
    });
    expect(summaryOf("early")).toMatchObject({ steps: 3, epochs: 2 });
    expect(weightsOf("early", "last.safetensors").metadata).toMatchObject({
      step: "3",
    });
  });
});

describe("--overwrite", () => {
  it("replaces a run as a whole, and nothing else", () => {
    expect(run(`${base} --max-steps 1 --out replaced`).code).toBe(0);
    writeFileSync(at("replaced", "pr.csv.7.tmp"), "");
    writeFileSync(at("replaced", "notes.txt"), "mine");
    expect(run(`${base} --max-steps 3 --overwrite --out replaced`).code).toBe(
      0,
    );
    rmSync(at("replaced", "notes.txt"));
    expect(readdirSync(at("replaced"))).toEqual(readdirSync(at("a")));
    expect(summaryOf("replaced")["steps"]).toBe(3);
  });
});

describe("--init", () => {
  it("starts from a checkpoint's weights", () => {
    const still = "--lr 1e-30 --weight-decay 0 --max-steps 1";
    const init = "--init a/checkpoints/last.safetensors";
    expect(run(`${base} ${still} ${init} --out resting`).code).toBe(0);
    expect(summaryOf("resting").weightsSha256).toBe(
      summaryOf("a").weightsSha256,
    );
    // However short a run is, it has a speed.
    expect(summaryOf("resting")["imagesPerSecond"]).toBeGreaterThan(0);
  });
});

describe("tarnish eval", () => {
  it("finds what the run found", () => {
    const { code, stdout } = run("eval --run a --out evaluated --json");
    expect(code).toBe(0);
    const { loss, top1, top5, ece } = summaryOf("a").last;
    const result = JSON.parse(stdout) as unknown;
    expect(result).toMatchObject({ loss, top1, top5, ece, count: 50 });
    expect(json("evaluated", "summary.json")).toEqual(result);
    for (const file of [
      "per_class.csv",
      "confusion.csv",
      "pr.csv",
      "test_logits.safetensors",
    ])
      expect(
        readFileSync(at("evaluated", file)).equals(readFileSync(at("a", file))),
        file,
      ).toBe(true);
  });

  it("evaluates a file of weights, on the training images too", () => {
    const weights = "--weights a/checkpoints/last.safetensors --model lenet";
    const common = `eval ${weights} --data sample --test-limit 50 --train-limit 50 --json`;
    const { top1, loss } = summaryOf("a").last;
    const onTest = run(common);
    expect(onTest.code).toBe(0);
    expect(JSON.parse(onTest.stdout)).toMatchObject({ top1, loss });
    expect(onTest.stderr).toContain("airplane");
    const onTrain = JSON.parse(run(`${common} --split train`).stdout) as Record<
      string,
      unknown
    >;
    expect(onTrain).toMatchObject({ split: "train", count: 50 });
    expect(onTrain["loss"]).not.toBe(loss);
  });
});

describe("a run that diverges", () => {
  it("ends with code 1, says so, and leaves no table with NaN", () => {
    const result = run(`${base} --epochs 20 --lr 1e6 --out wild`);
    expect(result.code).toBe(1);
    expect(complaint(result)).toMatch(
      /^tarnish: training diverged at step \d+: the (loss is|weights are|logits are) not finite; (the last checkpoint is from step \d+, before that|there is no checkpoint from before)\. Try a lower --lr \(now 1000000\) or a --warmup\.(\nThe weights after step \d+ are in wild[\\/]checkpoints[\\/]last\.safetensors\.)?$/,
    );
    expect(existsSync(at("wild", "summary.json"))).toBe(false);
    expect(existsSync(at("wild", "per_class.csv"))).toBe(false);
    // JSON has no NaN: it would be null.
    expect(text("wild", "metrics.jsonl")).not.toMatch(/NaN|Inf|"loss":null/);
  });
});

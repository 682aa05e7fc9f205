/** The commands that a report gives to make its runs again: `tarnish train` takes them, and makes the same runs. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addTrainingOptions, register } from "../../src/cli/commands/train.js";
import { parseNoiseKind } from "../../src/experiments/poison.js";
import { trainCommand } from "../../src/experiments/report/commands.js";
import { readStudy } from "../../src/experiments/report/node-read.js";
import { parseRun } from "../../src/experiments/report/study.js";
import { checkBatch, defaultSettings, resolveSettings, type TrainSettings } from "../../src/experiments/settings.js"; // prettier-ignore
import { planSweep } from "../../src/experiments/sweep.js";
import { builtInSweeps, demoSweep } from "../../src/experiments/sweep-definition.js"; // prettier-ignore
import type { ResultRow } from "../../src/experiments/tables.js";
import { evenly } from "../experiments/planned-data.js";
import { shell, tarnish, temporaryFolder } from "./command.js";
import { metricsOf, summaryOf } from "./run-folders.js";

/** The command of a run with these settings, in the words that a shell makes of it. */
function wordsOf(settings: TrainSettings, run = "runs/a"): string[] {
  const facts = { version: "1.2.3", adapter: "llvmpipe", classes: ["a"], images: 40, totalSteps: 4 }; // prettier-ignore
  const row = { model: settings.model, arm: "baseline", level: 0, seed: 0, status: "done", run } as ResultRow; // prettier-ignore
  const config = JSON.stringify({ ...settings, ...facts });
  const command = trainCommand(parseRun(row, { "config.json": config }, run))!;
  const words = command.match(/'[^']*'|\S+/g)!;
  return words.map((word) => word.replaceAll("'", ""));
}

/** What `tarnish train` makes of words. @throws what it refuses them with, for a training set of so many images */
function read(words: readonly string[], images: number) {
  const program = new Command().exitOverride();
  register(program);
  const [train] = program.commands;
  let read: Record<string, unknown> = {};
  train!.exitOverride().action((options: typeof read) => {
    read = options;
  });
  program.parse(words.slice(2), { from: "user" });
  expect(train!.getOptionValueSource("epochs") === "cli" && "steps" in read).toBe(false); // prettier-ignore
  checkBatch(read["batch"] as number | undefined, images);
  const known = [...addTrainingOptions(new Command()).options.map((option) => option.attributeName()), "labels"]; // prettier-ignore
  const own = Object.entries(read).filter(([name]) => known.includes(name));
  const given = Object.fromEntries(own) as Partial<TrainSettings>;
  return {
    out: read["out"],
    settings: resolveSettings({ ...given, noiseKind: parseNoiseKind(given.noiseKind!) }), // prettier-ignore
  };
}

/** A value of its own for each setting. */
const all: Required<TrainSettings> = {
  model: "resnet8", width: 0.5, stem: "imagenet", data: "my photos", coarse: true, trainLimit: 200, testLimit: 100,
  dataSplit: "random", splitSeed: 7, valFraction: 0.3, imageSize: 48, labels: "labels.npy", epochs: 5, steps: 90,
  maxSteps: 60, batch: 50, microBatch: 25, recompute: true, lr: 1e-7, momentum: 0.8, weightDecay: 0, nesterov: true,
  warmup: 0.5, labelSmoothing: 0.1, noise: 0.2, noiseKind: "matrix:m.json", keep: 0.3, augment: "none",
  order: "sequential", seed: 3, init: "a.safetensors", precision: "mixed", evalEvery: 2, logEvery: 5,
}; // prettier-ignore

describe("the command of a run", () => {
  it("says every setting", () => {
    const { settings, out } = read(wordsOf(all), 200);
    // Beside steps epochs say nothing, and train takes one of the two.
    expect(settings).toEqual({ ...all, epochs: defaultSettings.epochs });
    expect(out).toBe("runs/a");
    const inEpochs: TrainSettings = { ...all, steps: undefined };
    expect(read(wordsOf(inEpochs), 200).settings).toEqual(inEpochs);
  });

  it("leaves a default batch to train, which may be more than there is", () => {
    const settings = resolveSettings({ trainLimit: 50 });
    expect(read(wordsOf(settings, "."), 50)).toEqual({ settings });
  });

  it("is one for each run of a sweep, and none goes into another's folder", async () => {
    const outs = new Set<unknown>();
    for (const sweep of [...builtInSweeps, demoSweep(0, 8)])
      for (const job of await planSweep(sweep, evenly(2000))) {
        const { settings, out } = read(wordsOf(job.settings, job.folder), 2000);
        const { epochs } = job.settings.steps ? settings : job.settings;
        expect(settings).toEqual({ ...job.settings, epochs });
        expect(out).toBe(job.folder);
        outs.add(out);
      }
    expect(outs.size).toBeGreaterThan(100);
  });
});

describe("a run made again by its command", () => {
  const folder = temporaryFolder();
  const labels = Array.from({ length: 40 }, (_, i) => i % 10);
  writeFileSync(join(folder, "labels.json"), JSON.stringify(labels));
  it.each([
    ["steps", "--train-limit 60 --batch 20 --steps 5 --data-split random --split-seed 4 --eval-every 2 --log-every 2 --noise 0.2"],
    ["batch", "--train-limit 40 --epochs 2 --labels labels.json --keep 0.5"],
  ])("is the same: %s", async (name, flags) => {
    const args = `train ${flags} --test-limit 20 --augment none --out ${name}`;
    expect(tarnish(args.split(" "), { cwd: folder }).code).toBe(0);
    const { runs } = await readStudy(join(folder, name));
    const command = trainCommand(runs[0]!)!.replace("npx ", "");
    const { code, stderr } = shell(`${command} --out again-${name}`, folder);
    expect(stderr).not.toContain("tarnish: ");
    expect(code).toBe(0);
    const [again, first] = [`again-${name}`, name].map((run) => {
      const at = join(folder, run);
      const config = JSON.parse(readFileSync(join(at, "config.json"), "utf8")) as object; // prettier-ignore
      const { weightsSha256, last } = summaryOf(at);
      return { config, weightsSha256, last, metrics: metricsOf(at) };
    });
    expect(again).toEqual(first);
  }); // prettier-ignore
});

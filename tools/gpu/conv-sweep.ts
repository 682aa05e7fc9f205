/**
 * Measures kernel variants on the convolutions of ResNet-18, and a training step with and without the autotuner.
 *
 *   node dist/tools/gpu/conv-sweep.js [--seconds 200] [--mixed] [--tiny] [--adapter auto] [--out FILE.json]
 *
 * `--mixed`: between tensors of f16, on matrix units. Most important shapes first; it stops in time. Each variant's result is compared with the register kernel's.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Device } from "../../src/engine/device.js";
import { openDevice } from "../../src/engine/open-device.js";
import type { Dispatch, KernelTarget } from "../../src/engine/graph.js";
import { halfToFloat } from "../../src/engine/float16.js";
import { KernelTimer } from "../../src/engine/kernel-timer.js";
import { Session } from "../../src/engine/session.js";
import { bytesOf, type Tensor } from "../../src/engine/tensor.js";
import { Tuner } from "../../src/engine/tuning.js";
import { buildModel } from "../../src/models/registry.js";
import {
  candidateNames,
  matrixNames,
  matrixSplitNames,
  splitNames,
} from "./candidates.js";
import {
  dispatchesOf,
  flops,
  passes,
  resnet18,
  splitsFor,
  tiny,
  type ConvProblem,
  type Pass,
} from "./conv-problems.js";
import { copySpeed, peakFlops } from "./peaks.js";

interface Row {
  readonly problem: string;
  readonly pass: Pass;
  readonly variant: string;
  readonly ms?: number;
  readonly tflops?: number;
  readonly error?: number;
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "200" },
    tiny: { type: "boolean", default: false },
    mixed: { type: "boolean", default: false },
    adapter: { type: "string", default: "auto" },
    out: { type: "string" },
  },
});
const limit = Number(values.seconds);
const elapsed = () => performance.now() / 1000;
const report: Record<string, unknown> = {};
const rows: Row[] = [];

function save(): void {
  const folder = process.env["OUT"];
  const file = values.out ?? (folder && join(folder, "conv-sweep.json"));
  if (file) writeFileSync(file, JSON.stringify({ ...report, rows }));
}

/** Start, middle and end of a result, in bytes. */
function windows(result: Tensor): { at: number; size: number }[] {
  const bytes = bytesOf(result);
  const size = Math.min(bytes, 1 << 16);
  return [0, (bytes - size) >> 1, bytes - size].map((at) => ({
    at: at & ~15,
    size,
  }));
}

function numbersOf(bytes: ArrayBuffer, type: Tensor["type"]): Float32Array {
  return type === "f16"
    ? Float32Array.from(new Uint16Array(bytes), halfToFloat)
    : new Float32Array(bytes);
}

interface Candidate {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
  readonly result: Tensor;
}

/** Races candidates of one problem against each other; the first is the reference that results are compared with. */
async function race(
  device: Device,
  timer: KernelTimer,
  candidates: readonly Candidate[],
) {
  const parts = windows(candidates[0]!.result);
  const length = parts.reduce((sum, { size }) => sum + size, 0);
  const results = device.buffer(
    "results",
    length * candidates.length,
    GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
  );
  try {
    const seconds = await timer.race(
      candidates.map(({ dispatches }) => dispatches),
      {
        afterFirst(encoder, i) {
          const { dispatches, result } = candidates[i]!;
          const buffer = timer.buffers(dispatches).get(result)!;
          let to = i * length;
          for (const { at, size } of parts) {
            encoder.copyBufferToBuffer(buffer, at, results, to, size);
            to += size;
          }
        },
      },
    );
    const words = numbersOf(
      await device.read(results),
      candidates[0]!.result.type,
    );
    const count = words.length / candidates.length;
    const reference = words.subarray(0, count);
    const scale = reference.reduce(
      (most, value) => Math.max(most, Math.abs(value)),
      0,
    );
    return seconds.map((time, i) => {
      let worst = 0;
      for (let k = 0; k < count; k++) {
        const difference = Math.abs(words[i * count + k]! - reference[k]!);
        worst = Math.max(
          worst,
          Number.isFinite(difference) ? difference : Infinity,
        );
      }
      return { seconds: time, error: worst / scale };
    });
  } finally {
    results.destroy();
  }
}

function candidatesOf(
  target: KernelTarget,
  problem: ConvProblem,
  pass: Pass,
): Candidate[] {
  const columns = pass === "gradInput" ? problem.cin : problem.cout;
  const make = (name: string, label = name): Candidate => ({
    name: label,
    ...dispatchesOf(problem, pass, target, name, values.mixed),
  });
  const splits = (tile: string) => splitsFor(problem, target, tile);
  const named = (tile: string) =>
    pass === "gradWeight" ? `${tile}/s${splits(tile)}` : tile;
  const reference = make(
    pass === "gradWeight" ? "r8x8/w32/s64" : "r4x8/w32",
    "reference",
  );
  const tiles = values.mixed
    ? matrixNames(columns, target.matrices)
    : values.tiny
      ? ["t32x32x8/4x4/u2", "t32x32x8/4x4/db"]
      : candidateNames(columns);
  const rule = dispatchesOf(problem, pass, target, undefined, values.mixed);
  const candidates = [
    reference,
    { name: `${rule.dispatches[0]!.choice!.variant} (rule)`, ...rule },
    ...tiles.map((tile) => make(named(tile))),
  ];
  if (pass === "gradWeight" && !values.tiny)
    for (const tile of values.mixed ? matrixSplitNames : splitNames)
      for (const by of [0.5, 0.75, 1.5, 2]) {
        const s = Math.max(1, Math.round(splits(tile) * by));
        candidates.push(make(`${tile}/s${s}`));
      }
  return candidates;
}

async function sweep(
  device: Device,
  target: KernelTarget,
  until: number,
): Promise<void> {
  const timer = new KernelTimer(device);
  const problems = values.tiny ? tiny : resnet18;
  const todo = problems.flatMap((problem) =>
    passes.map((pass) => ({ problem, pass })),
  );
  const prepare = (k: number) => {
    const item = todo[k];
    if (!item) return undefined;
    const candidates = candidatesOf(target, item.problem, item.pass);
    for (const { dispatches } of candidates)
      for (const dispatch of dispatches)
        device.pipeline(dispatch).catch(() => undefined);
    return { ...item, candidates };
  };
  let ahead = prepare(0);
  for (let k = 0; ahead && elapsed() < until; k++) {
    const { problem, pass, candidates } = ahead;
    // Software adapters compile for minutes: nothing ahead there.
    if (!device.isSoftware) ahead = prepare(k + 1);
    const begun = elapsed();
    const times = await race(device, timer, candidates);
    if (device.isSoftware)
      ahead = elapsed() < until ? prepare(k + 1) : undefined;
    const found = candidates.map(({ name }, i): Row => {
      const { seconds, error } = times[i]!;
      return {
        problem: problem.name,
        pass,
        variant: name,
        ...(seconds !== undefined && {
          ms: seconds * 1e3,
          tflops: flops(problem) / seconds / 1e12,
          error,
        }),
      };
    });
    rows.push(...found);
    const ran = found
      .filter((row) => row.ms !== undefined)
      .sort((a, b) => a.ms! - b.ms!);
    const failed = found
      .filter((row) => row.ms === undefined)
      .map(({ variant }) => variant);
    const wrong = ran
      .filter(({ error }) => !(error! < (values.mixed ? 2e-3 : 1e-4)))
      .map(({ variant, error }) => `${variant} ${error}`);
    console.log(
      `${problem.name} ${pass}: ${ran.length} variants, ${(elapsed() - begun).toFixed(1)} s${failed.length > 0 ? `; FAILED ${failed.join(" ")}` : ""}${wrong.length > 0 ? `; WRONG ${wrong.join(" ")}` : ""}`,
    );
    for (const row of ran.filter(
      ({ variant }, i) => i < 8 || variant.includes("(rule)"),
    ))
      console.log(
        `    ${row.variant.padEnd(36)} ${row.ms!.toFixed(4).padStart(9)} ms ${row.tflops!.toFixed(2).padStart(6)} TFLOP/s  error ${row.error!.toExponential(1)}`,
      );
    save();
  }
  timer.destroy();
}

/** Images per second of a training step, by rule and with the tuner, and how long the tuner took. */
async function trainingStep(
  device: Device,
  model: string,
  batch: number,
): Promise<void> {
  const record: Record<string, unknown> = { model, batch };
  for (const tuned of [false, true]) {
    device.tuner = tuned ? new Tuner(device) : undefined;
    const started = elapsed();
    const session = await Session.create(device, {
      model: buildModel(model, 10, { width: 1, stem: "cifar" }),
      source: { kind: "host", input: [32, 32, 3] },
      batch,
      optimizer: { momentum: 0.9, weightDecay: 5e-4 },
      precision: values.mixed ? "mixed" : "f32",
    });
    const compiled = elapsed() - started;
    session.feed(
      Float32Array.from(
        { length: batch * 3072 },
        (_, i) => ((i * 7919) % 1000) / 500 - 1,
      ),
      Array.from({ length: batch }, (_, i) => i % 10),
    );
    let step = 1;
    const run = async (steps: number) => {
      for (let i = 0; i < steps; i++)
        await session.train({ step: step++, learningRate: 0.01 });
      await device.idle();
    };
    await run(values.tiny ? 1 : 10);
    const steps = values.tiny ? 1 : 40;
    const start = performance.now();
    await run(steps);
    const ms = (performance.now() - start) / steps;
    const what = tuned ? "tuned" : "by rule";
    console.log(
      `${model} batch ${batch} ${what}: ${ms.toFixed(2)} ms a step, ${((batch / ms) * 1000).toFixed(0)} images/s; compiled${tuned ? " and tuned" : ""} in ${compiled.toFixed(1)} s; loss ${await session.loss(step - 1)}`,
    );
    record[what] = { ms, compiled, kernels: session.kernels };
    if (tuned)
      for (const [problem, variant] of Object.entries(session.kernels))
        console.log(`    ${problem}: ${variant}`);
    session.destroy();
  }
  device.tuner = undefined;
  report[model] = record;
  save();
}

async function main(): Promise<void> {
  const device = await openDevice(values.adapter, { tune: false });
  const target: KernelTarget = { ...device.target, family: "tiled" };
  console.log(`${device.adapterName}, limits ${JSON.stringify(target.limits)}`);
  const peaks = new KernelTimer(device);
  const { tiny: small } = values;
  const tflops = await peakFlops(
    peaks,
    small ? 8 : 132 * 64,
    small ? 64 : 2048,
  );
  const copied = await copySpeed(peaks, device, small ? 8 : 1024);
  peaks.destroy();
  console.log(
    `peak ${tflops.toFixed(2)} TFLOP/s, copy ${copied.toFixed(0)} GB/s`,
  );
  Object.assign(report, {
    adapter: device.adapterName,
    peakTflops: tflops,
    copyGBs: copied,
  });
  await sweep(device, target, 0.6 * limit);
  const models = small
    ? ([["resnet8", 2]] as const)
    : ([
        ["resnet18", 512],
        ["resnet8", 512],
      ] as const);
  for (const [model, batch] of models)
    if (elapsed() < limit) {
      try {
        await trainingStep(device, model, batch);
      } catch (error) {
        console.log(`${model}: ${(error as Error).message.slice(0, 500)}`);
      }
    }
  console.log(`done in ${elapsed().toFixed(0)} s`);
  save();
}

await main();
process.exit(0);

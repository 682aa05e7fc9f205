/**
 * Measures every sensible kernel variant on the convolutions of ResNet-18, on the adapter at hand.
 *
 *   node dist/tools/gpu/conv-sweep.js [--seconds 150] [--tiny] [--adapter auto] [--out FILE.json]
 *
 * Most important shapes first; it stops in time. Each variant's result is compared with the register kernel's.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create } from "webgpu";
import { experiments } from "../../shaders/gemm-tiled.js";
import { Device, openDevice } from "../../src/engine/device.js";
import type { KernelTarget } from "../../src/engine/graph.js";
import { KernelTimer } from "../../src/engine/kernel-timer.js";
import { bytesOf } from "../../src/engine/tensor.js";
import {
  dispatchesOf,
  flops,
  passes,
  resnet18,
  tiny,
  type ConvProblem,
  type Pass,
} from "./conv-problems.js";
import { copySpeed, peakFlops } from "./peaks.js";
import { candidateNames } from "./candidates.js";

interface Row {
  problem: string;
  pass: Pass;
  variant: string;
  ms?: number;
  tflops?: number;
  error?: number;
  failure?: string;
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "150" },
    tiny: { type: "boolean", default: false },
    adapter: { type: "string", default: "auto" },
    out: { type: "string" },
  },
});
const started = performance.now();
const elapsed = () => (performance.now() - started) / 1000;
const limit = Number(values.seconds);
const late = (share = 1) => elapsed() > limit * share;
const rows: Row[] = [];
const report: Record<string, unknown> = { rows };

function save(): void {
  const folder = process.env["OUT"];
  const file = values.out ?? (folder && join(folder, "conv-sweep.json"));
  if (file) writeFileSync(file, JSON.stringify(report));
}

/** Parts of a result: its start, middle and end. */
async function windows(device: Device, buffer: GPUBuffer, bytes: number) {
  const size = Math.min(bytes, 1 << 18);
  const starts = [0, (bytes - size) >> 1, bytes - size].map((at) => at & ~15);
  const parts: Float32Array[] = [];
  for (const at of starts)
    parts.push(new Float32Array(await device.read(buffer, at, size & ~15)));
  return parts;
}

function difference(a: readonly Float32Array[], b: readonly Float32Array[]) {
  let most = 0;
  let scale = 0;
  a.forEach((part, i) => {
    part.forEach((value, j) => {
      const other = b[i]![j]!;
      most = Math.max(
        most,
        Number.isFinite(value) ? Math.abs(value - other) : Infinity,
      );
      scale = Math.max(scale, Math.abs(other));
    });
  });
  return most / scale;
}

class Sweep {
  readonly timer: KernelTimer;
  readonly references = new Map<string, Float32Array[]>();

  constructor(
    readonly device: Device,
    readonly target: KernelTarget,
  ) {
    this.timer = new KernelTimer(device);
  }

  async result(problem: ConvProblem, pass: Pass, variant?: string) {
    const { dispatches, result } = dispatchesOf(
      problem,
      pass,
      this.target,
      variant,
    );
    const seconds = await this.timer.time(dispatches);
    const buffer = this.timer.buffers(dispatches).get(result)!;
    return {
      seconds,
      parts: () => windows(this.device, buffer, bytesOf(result)),
    };
  }

  async reference(problem: ConvProblem, pass: Pass) {
    const key = `${problem.name} ${pass}`;
    let parts = this.references.get(key);
    if (!parts) {
      const name = pass === "gradWeight" ? "r8x8/w32/s64" : "r4x8/w32";
      const { dispatches, result } = dispatchesOf(
        problem,
        pass,
        this.target,
        name,
      );
      await this.timer.time(dispatches, 1);
      parts = await windows(
        this.device,
        this.timer.buffers(dispatches).get(result)!,
        bytesOf(result),
      );
      this.references.set(key, parts);
    }
    return parts;
  }

  /** Measures these variants of a problem, compiling ahead, and returns the fastest first. */
  async measure(
    problem: ConvProblem,
    pass: Pass,
    names: readonly string[],
    label = "",
    check = true,
  ): Promise<Row[]> {
    const found: Row[] = [];
    const reference = check ? await this.reference(problem, pass) : undefined;
    const batch = 24;
    const compile = (from: number) => {
      for (const name of names.slice(from, from + batch))
        for (const dispatch of dispatchesOf(problem, pass, this.target, name)
          .dispatches)
          this.device.pipeline(dispatch).catch(() => undefined);
    };
    compile(0);
    for (let i = 0; i < names.length && !late(); i++) {
      if (i % batch === 0) compile(i + batch);
      const variant = names[i]!;
      const row: Row = {
        problem: problem.name,
        pass,
        variant: variant + label,
      };
      try {
        const { seconds, parts } = await this.result(problem, pass, variant);
        row.ms = seconds * 1e3;
        row.tflops = flops(problem) / seconds / 1e12;
        if (reference) row.error = difference(await parts(), reference);
      } catch (error) {
        row.failure = (error as Error).message.slice(0, 300);
      }
      found.push(row);
      rows.push(row);
    }
    return found.filter((row) => row.ms).sort((a, b) => a.ms! - b.ms!);
  }
}

function show(found: readonly Row[], count = 5): void {
  for (const { variant, ms, tflops, error } of found.slice(0, count))
    console.log(
      `    ${variant.padEnd(34)} ${ms!.toFixed(4).padStart(9)} ms ${tflops!.toFixed(2).padStart(6)} TFLOP/s  error ${error?.toExponential(1) ?? "-"}`,
    );
}

async function main(): Promise<void> {
  const device = await openDevice(values.adapter);
  const target: KernelTarget = { ...device.target, family: "tiled" };
  console.log(`${device.adapterName}, limits ${JSON.stringify(target.limits)}`);
  report["adapter"] = device.adapterName;
  const sweep = new Sweep(device, target);
  const small = values.tiny;
  const peaks = new KernelTimer(device);
  for (let i = 0; i < 3; i++) {
    const peak = await peakFlops(peaks, small ? 8 : 132 * 64, small ? 32 : 512);
    const copy = await copySpeed(peaks, device, small ? 8 : 1024);
    console.log(
      `peak ${peak.toFixed(2)} TFLOP/s, copy ${copy.toFixed(0)} GB/s`,
    );
    report["peakTflops"] = peak;
    report["copyGBs"] = copy;
  }
  peaks.destroy();
  const problems = small ? tiny : resnet18;
  const leaders: Record<Pass, Map<string, number>> = {
    forward: new Map(),
    gradInput: new Map(),
    gradWeight: new Map(),
  };
  const bests: { problem: ConvProblem; pass: Pass; variant: string }[] = [];
  const tile = (name: string) => name.replace(/\/s\d+$/, "");
  for (const [i, problem] of problems.entries())
    for (const pass of passes) {
      if (late(0.85)) continue;
      const all = candidateNames(target, problem, pass, small);
      // The first two shapes get all candidates, the others those whose tile did well there.
      const scores = leaders[pass];
      const good = new Set(
        [...scores]
          .sort((a, b) => b[1] - a[1])
          .slice(0, 20)
          .map(([name]) => name),
      );
      const names = small
        ? all.slice(0, 2)
        : i < 2
          ? all
          : all.filter((name) => good.has(tile(name)));
      const begun = elapsed();
      const found = await sweep.measure(problem, pass, names);
      const failures = rows.filter(
        (row) =>
          row.problem === problem.name && row.pass === pass && row.failure,
      );
      const wrong = found.filter(({ error }) => !(error! < 1e-4));
      console.log(
        `${problem.name} ${pass}: ${found.length} of ${names.length} variants in ${(elapsed() - begun).toFixed(1)} s${failures.length ? `, ${failures.length} failed: ${failures[0]!.variant}: ${failures[0]!.failure}` : ""}${wrong.length ? `, WRONG: ${wrong.map(({ variant, error }) => `${variant} ${error}`).join("; ")}` : ""}`,
      );
      show(found);
      if (found[0]) {
        bests.push({ problem, pass, variant: found[0].variant });
        for (const { variant, ms } of found) {
          const relative = found[0].ms! / ms!;
          scores.set(
            tile(variant),
            Math.max(scores.get(tile(variant)) ?? 0, relative),
          );
        }
      }
      try {
        const rule = dispatchesOf(problem, pass, target);
        const name = rule.dispatches[0]!.choice!.variant;
        show(await sweep.measure(problem, pass, [name], " (rule)"), 1);
      } catch (error) {
        console.log(`rule: ${(error as Error).message.slice(0, 200)}`);
      }
      // Layout experiments on the best few.
      if (!late() && (small ? i === 0 : i < 2)) {
        const few = found.slice(0, small ? 1 : 3).map(({ variant }) => variant);
        for (const [lanes, select] of [
          [16, false],
          [4, false],
          [8, true],
        ] as const) {
          Object.assign(experiments, { lanes, select });
          show(
            await sweep.measure(
              problem,
              pass,
              few,
              ` lanes=${lanes} select=${select}`,
            ),
            3,
          );
        }
        Object.assign(experiments, { lanes: 8, select: false });
        if (pass === "gradWeight") {
          const splits = (name: string, by: number) =>
            name.replace(/\d+$/, (s) =>
              String(Math.max(1, Math.round(Number(s) * by))),
            );
          show(
            await sweep.measure(
              problem,
              pass,
              few.flatMap((name) =>
                [0.5, 0.7, 1.5, 2].map((by) => splits(name, by)),
              ),
            ),
            4,
          );
        }
      }
      save();
    }
  for (const toggles of [
    "enable-dawn-features=allow_unsafe_apis,disable_robustness",
    "enable-dawn-features=allow_unsafe_apis,disable_workgroup_init",
    "enable-dawn-features=allow_unsafe_apis,skip_validation",
    "enable-dawn-features=allow_unsafe_apis,disable_robustness,disable_workgroup_init,vulkan_use_zero_initialize_workgroup_memory_extension",
  ]) {
    const gpu = create([
      toggles,
      "disable-dawn-features=timestamp_quantization",
    ]);
    const adapter = await gpu.requestAdapter({
      powerPreference: "high-performance",
    });
    if (!adapter) continue;
    const other = new Sweep(
      await Device.open({ adapter, source: toggles }),
      target,
    );
    console.log(`${toggles} at ${elapsed().toFixed(0)} s`);
    for (const { problem, pass, variant } of bests.slice(0, 6))
      if (!late(1.1))
        show(
          await other.measure(
            problem,
            pass,
            [variant],
            ` ${toggles.slice(40)}`,
            false,
          ),
          1,
        );
    save();
    other.timer.destroy();
    gpu;
  }
  console.log(`done in ${elapsed().toFixed(0)} s, ${rows.length} measurements`);
  save();
}

await main();
process.exit(0);

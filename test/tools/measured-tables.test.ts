/** The tables that tools make of measurements: the performance page's, and the GPU check's verdicts. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";

const folder = mkdtempSync(join(tmpdir(), "tarnish-tables-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function node(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: packageRoot(),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const model = (batch: number, rate: number) => ({
  model: "lenet",
  width: 1,
  batch,
  msPerStep: 2,
  imagesPerSecond: rate,
  dispatches: 33,
  hostMicrosecondsPerDispatch: 3.456,
  planBytes: 3 * 2 ** 20,
});

it("fills the page's tables and leaves those without a file", () => {
  const page = join(folder, "page.md");
  const write = (name: string, value: object) => {
    writeFileSync(join(folder, name), JSON.stringify(value));
  };
  writeFileSync(
    page,
    "A\n\n<!-- batch-* models -->\nold\n<!-- end -->\n\n<!-- kernels conv -->\nold\n<!-- end -->\n\nZ\n",
  );
  write("batch-2.json", { adapter: "a GPU", models: [model(2, 1234.5)] });
  write("batch-10.json", { adapter: "a GPU", models: [model(10, 56.78)] });
  const fill = () => {
    node("tools/performance/fill.mjs", folder, page);
    return readFileSync(page, "utf8");
  };
  const text = fill();
  expect(text.split("\n").filter((line) => line.startsWith("|"))).toEqual([
    "| model | batch | images/s | ms/step | launches | host µs each | plan |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    "| lenet | 2 | 1,235 | 2 | 33 | 3.46 | 3 MiB |",
    "| lenet | 10 | 56.8 | 2 | 33 | 3.46 | 3 MiB |",
  ]);
  expect(text).toContain("<!-- kernels conv -->\nold\n<!-- end -->\n\nZ\n");
  expect(fill()).toBe(text);
});

it("gives every acceptance line its verdict", () => {
  const contestant = (label: string, rate: number) => ({
    label,
    name: label,
    version: "",
    settings: "",
    tracks: [
      {
        name: "training",
        rate: { median: rate, min: rate, max: rate },
        value: { warm: 1 },
        tarnishRatio: 1,
        shareOfMatmul: null,
      },
    ],
  });
  const conv = (shape: string, shareOfPeak: number) => ({
    shape,
    pass: "forward",
    variant: "tiled",
    ms: 1,
    gflops: 1,
    shareOfPeak,
    shareOfMatmul: 1,
  });
  const report = {
    machine: { gpu: null, cores: 2 },
    sections: {
      correctness: { passed: 3, failed: 0, failures: [] },
      repeat: { steps: 5, sums: ["a".repeat(64), "b".repeat(64)] },
      convolutions: {
        peakGflops: 1000,
        copyGigabytesPerSecond: 12,
        peaks: [],
        // The narrow one and the 1×1 one do not count.
        conv: [
          conv("512x32x32x64-3x3-64", 0.1),
          conv("512x16x16x128-1x1-256-s2", 0.1),
          conv("512x16x16x128-3x3-128", 0.6),
          conv("512x16x16x128-3x3-256-s2", 0.5),
        ],
      },
      step: { models: [model(512, 9000)] },
      pytorch: {
        task: { model: "resnet18", batch: 512, kind: "training" },
        unit: "images/s",
        contestants: [
          contestant("tarnish", 700),
          contestant("pytorch", 800),
          contestant("pytorch+benchmark", 1000),
          contestant("pytorch+channels-last+bf16", 5000),
        ],
        skipped: [{ contestant: "tarnish+mixed", reason: "not built" }],
        objections: [],
      },
      cifar10: {
        settings: ["--epochs", "2"],
        best: 0.945,
        trainSeconds: 20,
        curve: [
          { epoch: 1, top1: 0.5, trainSeconds: 10 },
          { epoch: 2, top1: 0.945, trainSeconds: 20 },
        ],
      },
      "cifar10-pytorch": { best: 0.94, trainSeconds: 30, curve: [] },
      tfjs: { error: "no peers" },
    },
  };
  writeFileSync(join(folder, "report.json"), JSON.stringify(report));
  const script = `
    import { readFileSync } from "node:fs";
    import { markdown } from "./tools/gpu-check/acceptance.mjs";
    process.stdout.write(markdown(JSON.parse(readFileSync(process.argv[1], "utf8"))));`;
  const text = node(
    ...["--input-type=module", "--eval", script, join(folder, "report.json")],
  );
  const [, , ...verdicts] = text
    .split("\n\n")[2]!
    .split("\n")
    .map((line) => line.split(" | ").slice(1).join(" ").replace(/ \|$/, ""));
  expect(verdicts).toEqual([
    "pass 3 tests passed, 0 failed",
    "FAIL 5 steps: aaaaaaaaaaaa and bbbbbbbbbbbb",
    "pass 50.0 % (512x16x16x128-3x3-256-s2 forward) to 60.0 % (512x16x16x128-3x3-128 forward) of 1,000 GFLOP/s",
    "pass 3.46 µs each of 33",
    "FAIL 700 images/s, 0.7× the fastest of pytorch+benchmark 1,000, pytorch 800",
    "not measured not built",
    "not measured no peers",
    "pass after 20 s of training; best 94.5 % in 2 epochs, 20 s of training; PyTorch's AMP on the same images: 94.0 %, 30 s",
  ]);
});

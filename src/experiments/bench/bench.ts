/** `tarnish bench`: what an adapter gives, from single convolutions to the training of whole models. */
import type { Device } from "../../engine/device.js";
import type { Precision } from "../../engine/precision.js";
import { Profiler, type Profile } from "../../engine/profiler.js";
import { BenchGraphs } from "./bench-graph.js";
import { type ConvPass, convWork } from "./conv.js";
import { ModelWork } from "./models.js";
import { copyWork, type PeakKind, peakWorks } from "./peak.js";
import { type ConvShape, formatConvShape } from "./shapes.js";
import { timeInTurn, type TimingOptions } from "./timing.js";

export interface BenchOptions extends TimingOptions {
  readonly models: readonly string[];
  readonly width: number;
  readonly batch: number;
  readonly shapes: readonly ConvShape[];
  readonly passes: readonly ConvPass[];
  readonly precision: Precision;
  /** Also where a step of each model goes, kernel by kernel. */
  readonly profile: boolean;
}

export interface PeakResult {
  readonly kind: PeakKind;
  readonly kernel: string;
  readonly ms: number;
  readonly gflops: number;
}

export interface ConvResult {
  readonly shape: string;
  readonly pass: ConvPass;
  readonly variant: string;
  readonly ms: number;
  readonly gflops: number;
  /** Of the fastest peak kernel, and of the fastest plain matrix product. */
  readonly shareOfPeak: number;
  readonly shareOfMatmul: number;
}

export interface ModelResult {
  readonly model: string;
  readonly width: number;
  readonly batch: number;
  readonly msPerStep: number;
  readonly imagesPerSecond: number;
  readonly dispatches: number;
  readonly hostMicrosecondsPerDispatch: number;
  readonly planBytes: number;
  /** Mean loss of the last step: a model that computes nonsense is not fast. */
  readonly loss: number;
  readonly profile?: Profile | undefined;
}

export interface BenchResult {
  readonly adapter: string;
  readonly precision: Precision;
  /** The fastest of `peaks`. */
  readonly peakGflops: number;
  /** Read and written by a copy. */
  readonly copyGigabytesPerSecond: number;
  readonly peaks: readonly PeakResult[];
  readonly conv: readonly ConvResult[];
  readonly models: readonly ModelResult[];
}

/** Measures everything that is asked for. `say` gets a line before each part. */
export async function bench(
  device: Device,
  options: BenchOptions,
  say: (line: string) => void = () => undefined,
): Promise<BenchResult> {
  const { peaks, conv, copyGigabytesPerSecond } = await kernels(
    device,
    options,
    say,
  );
  const models = await trainings(device, options, say);
  return {
    adapter: device.adapterName,
    precision: options.precision,
    peakGflops: fastest(peaks),
    copyGigabytesPerSecond,
    peaks,
    conv,
    models,
  };
}

const fastest = (results: readonly PeakResult[]) =>
  Math.max(...results.map(({ gflops }) => gflops));

async function kernels(
  device: Device,
  options: BenchOptions,
  say: (line: string) => void,
): Promise<Pick<BenchResult, "peaks" | "conv" | "copyGigabytesPerSecond">> {
  const graphs = new BenchGraphs(device);
  try {
    const peaks = await peakWorks(device, graphs);
    const copy = await copyWork(device, graphs);
    const convs = [];
    for (const shape of options.shapes)
      for (const pass of options.passes)
        convs.push(
          await convWork(device, graphs, shape, pass, options.precision),
        );
    say(`${peaks.length} peak kernels, ${convs.length} convolutions`);
    const timings = await timeInTurn(
      device,
      [...peaks, ...convs, copy],
      options,
    );
    const rate = (flops: number, ms: number) => flops / ms / 1e6;
    const peakResults = peaks.map(({ kind, kernel, flops }, i): PeakResult => {
      const { ms } = timings[i]!;
      return { kind, kernel, ms, gflops: rate(flops, ms) };
    });
    const peak = fastest(peakResults);
    const matmul = fastest(peakResults.filter(({ kind }) => kind === "matmul"));
    const conv = convs.map(
      ({ shape, pass, variant, flops, launches }, i): ConvResult => {
        const ms = timings[peaks.length + i]!.ms / launches;
        const gflops = rate(flops, ms);
        return {
          shape: formatConvShape(shape),
          pass,
          variant,
          ms,
          gflops,
          shareOfPeak: gflops / peak,
          shareOfMatmul: gflops / matmul,
        };
      },
    );
    const copyGigabytesPerSecond = copy.bytes / timings.at(-1)!.ms / 1e6;
    return { peaks: peakResults, conv, copyGigabytesPerSecond };
  } finally {
    graphs.destroy();
  }
}

async function trainings(
  device: Device,
  options: BenchOptions,
  say: (line: string) => void,
): Promise<ModelResult[]> {
  const { models, width, batch } = options;
  const works: ModelWork[] = [];
  try {
    for (const model of models) {
      say(`${model}, batch ${batch}`);
      works.push(await ModelWork.create(device, model, options));
    }
    const timings = await timeInTurn(device, works, options);
    const results: ModelResult[] = [];
    for (const [i, work] of works.entries()) {
      const { ms } = timings[i]!;
      const { dispatches, microseconds } = await work.host();
      results.push({
        model: work.model,
        width,
        batch,
        msPerStep: ms,
        imagesPerSecond: (1000 * batch) / ms,
        dispatches,
        hostMicrosecondsPerDispatch: microseconds,
        planBytes: work.planBytes,
        loss: await work.loss(),
        ...(options.profile && {
          profile: await profileOf(device, work),
        }),
      });
    }
    return results;
  } finally {
    for (const work of works) work.destroy();
  }
}

/** Steps of a profile. */
const profileSteps = 8;

async function profileOf(
  device: Device,
  work: ModelWork,
): Promise<Profile | undefined> {
  const profiler = (device.profiler = new Profiler(device));
  try {
    for (let step = 0; step < profileSteps; step++) await work.run();
    return await profiler.report();
  } finally {
    device.profiler = undefined;
    profiler.destroy();
  }
}

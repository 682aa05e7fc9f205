/** How fast an adapter computes, by running the engine's own kernels for a moment. */
import type { Device } from "../engine/device.js";
import { Graph } from "../engine/graph.js";
import { conv2d } from "../engine/ops/conv2d.js";
import { ParameterStore } from "../engine/parameters.js";
import { BufferPool, Plan } from "../engine/plan.js";
import { RandomStream } from "../engine/random.js";
import { wordsOf, type Shape, type Tensor } from "../engine/tensor.js";

/** A convolution to time: x NHWC by weights [kh, kw, Cin, Cout], stride 1, same padding. 1×1 is a matrix product. */
interface Problem {
  readonly what: string;
  readonly x: Shape;
  readonly weights: Shape;
}

export interface Measurement {
  /** The problem, for people. */
  readonly what: string;
  /** Milliseconds of one pass over it. */
  readonly ms: number;
  readonly gflops: number;
}

/** Big enough to keep the adapter busy, small enough for a software one to be done in a moment. */
function problems(isSoftware: boolean): Problem[] {
  return isSoftware
    ? [
        {
          what: "matrix product 1024×256 by 256×256",
          x: [1, 32, 32, 256],
          weights: [1, 1, 256, 256],
        },
        {
          what: "3×3 convolution, 16 images of 16×16, 64 to 64 channels",
          x: [16, 16, 16, 64],
          weights: [3, 3, 64, 64],
        },
      ]
    : [
        {
          what: "matrix product 16384×1024 by 1024×1024",
          x: [16, 32, 32, 1024],
          weights: [1, 1, 1024, 1024],
        },
        {
          what: "3×3 convolution, 128 images of 32×32, 128 to 128 channels",
          x: [128, 32, 32, 128],
          weights: [3, 3, 128, 128],
        },
      ];
}

/** Launches in one submission. */
const BATCH = 4;
/** How long to measure each problem, and how much work to queue at most, in seconds. */
const MEASURE_SECONDS = 0.6;
const MAX_SUBMISSIONS = 200;

/** Measures a matrix product and a 3×3 convolution; a second or two in all. */
export async function measureSpeed(device: Device): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const problem of problems(device.isSoftware))
    measurements.push(await measure(device, problem));
  return measurements;
}

async function measure(
  device: Device,
  { what, x, weights }: Problem,
): Promise<Measurement> {
  const graph = new Graph();
  const buffers = new Map<string, GPUBuffer>();
  const input = (name: string, shape: Shape, layout: Tensor["layout"]) => {
    const tensor = graph.external(name, shape, layout, {
      kind: "resource",
      name,
    });
    buffers.set(name, device.upload(name, randomWords(tensor)));
    return tensor;
  };
  const pool = new BufferPool();
  try {
    const inputs = [input("x", x, "nhwc"), input("w", weights, "weight")];
    const padding = (weights[0] - 1) / 2;
    for (let launch = 0; launch < BATCH; launch++)
      graph.add(conv2d, inputs, { stride: 1, padding });
    const plan = await Plan.compile(device, graph, {
      store: new ParameterStore(),
      resources: buffers,
      pool,
    });
    const seconds = await timePasses(device, plan);
    const [n, h, w] = x;
    const flops = 2 * n * h * w * weights.reduce((a, b) => a * b, 1);
    return { what, ms: seconds * 1e3, gflops: flops / seconds / 1e9 };
  } finally {
    pool.destroy();
    for (const buffer of buffers.values()) buffer.destroy();
  }
}

/** Seconds of one launch. */
async function timePasses(device: Device, plan: Plan): Promise<number> {
  const time = async (submissions: number, sleepSeconds: number) => {
    const start = performance.now();
    for (let i = 0; i < submissions; i++) await plan.run();
    if (sleepSeconds > 0)
      await new Promise((resolve) => setTimeout(resolve, sleepSeconds * 1000));
    await device.idle();
    return (performance.now() - start) / 1000;
  };
  await time(1, 0); // compiles and touches all memory
  const first = await time(1, 0);
  const submissions = Math.min(
    MAX_SUBMISSIONS,
    Math.max(1, Math.round(MEASURE_SECONDS / first)),
  );
  // While a promise of the GPU is pending, Dawn polls on this thread and takes CPU time from a software adapter: sleep
  // through the part of the work that is sure to take its time before asking.
  const sleep = device.isSoftware ? 0.6 * first * submissions : 0;
  return (await time(submissions, sleep)) / submissions / BATCH;
}

/** Numbers in [−1, 1): zeros would flatter hardware that gates its clocks by the data. */
function randomWords(tensor: Tensor): Float32Array {
  const stream = new RandomStream(0, 0);
  const words = new Float32Array(wordsOf(tensor));
  const period = Math.min(words.length, 4099);
  for (let i = 0; i < period; i++) words[i] = 2 * stream.float() - 1;
  for (let i = period; i < words.length; i++) words[i] = words[i - period]!;
  return words;
}

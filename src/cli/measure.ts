/** How fast an adapter computes, by running the engine's own convolutions for a moment. */
import type { Device } from "../engine/device.js";
import { BenchGraphs } from "../experiments/bench/bench-graph.js";
import { convWork, type ConvWork } from "../experiments/bench/conv.js";
import type { ConvShape } from "../experiments/bench/shapes.js";
import { timeInTurn } from "../experiments/bench/timing.js";

/** A convolution to time. 1×1 is a matrix product. */
interface Problem {
  readonly what: string;
  readonly shape: ConvShape;
}

export interface Measurement {
  /** The problem, for people. */
  readonly what: string;
  /** Milliseconds of one pass over it. */
  readonly ms: number;
  readonly gflops: number;
}

const square = (channels: number, kernel: number) =>
  ({ kernel, out: channels, stride: 1 }) as const;

/** Big enough to keep the adapter busy, small enough for a software one to be done in a moment. */
function problems(isSoftware: boolean): Problem[] {
  return isSoftware
    ? [
        {
          what: "matrix product 1024×256 by 256×256",
          shape: { x: [1, 32, 32, 256], ...square(256, 1) },
        },
        {
          what: "3×3 convolution, 16 images of 16×16, 64 to 64 channels",
          shape: { x: [16, 16, 16, 64], ...square(64, 3) },
        },
      ]
    : [
        {
          what: "matrix product 16384×1024 by 1024×1024",
          shape: { x: [16, 32, 32, 1024], ...square(1024, 1) },
        },
        {
          what: "3×3 convolution, 128 images of 32×32, 128 to 128 channels",
          shape: { x: [128, 32, 32, 128], ...square(128, 3) },
        },
      ];
}

/** Measures a matrix product and a 3×3 convolution; a second or two in all. */
export async function measureSpeed(device: Device): Promise<Measurement[]> {
  const graphs = new BenchGraphs(device);
  try {
    const works: ConvWork[] = [];
    const chosen = problems(device.isSoftware);
    for (const { shape } of chosen)
      works.push(await convWork(device, graphs, shape, "forward", "f32"));
    const timings = await timeInTurn(device, works, {
      rounds: 3,
      seconds: 0.6,
    });
    return chosen.map(({ what }, i) => {
      const { flops, launches } = works[i]!;
      const ms = timings[i]!.ms / launches;
      return { what, ms, gflops: flops / ms / 1e6 };
    });
  } finally {
    graphs.destroy();
  }
}

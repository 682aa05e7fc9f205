/** The most that an adapter computes and moves: plain matrix products, on hardware multiply-adds on registers alone; a copy. */
import {
  plainMatmul,
  plainMatmulGrid,
  type PlainMatmulOptions,
} from "../../../shaders/plain-matmul.wgsl.js";
import {
  registerFma,
  registerFmaFlops,
} from "../../../shaders/register-fma.wgsl.js";
import { grid, streamGrid } from "../../../shaders/common.js";
import { copy } from "../../../shaders/copy.wgsl.js";
import type { Device } from "../../engine/device.js";
import type { OpDefinition } from "../../engine/graph.js";
import type { BenchGraphs } from "./bench-graph.js";
import type { Work } from "./clock.js";

/** `matmul` is plain WGSL without extensions. */
export type PeakKind = "matmul" | "subgroup matmul" | "fma";

export interface PeakWork extends Work {
  readonly kind: PeakKind;
  /** For people: "matmul 4096×4096×4096, tiles of 128, 8 rows × 2 vec4". */
  readonly kernel: string;
  readonly flops: number;
}

/** Attributes of the one op below: a kernel given as text. */
interface Kernel {
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
  /** vec4s that it writes. */
  readonly vectors: number;
}

/** Runs a kernel that reads its inputs and writes one tensor of words. */
const kernelOp: OpDefinition<Kernel> = {
  name: "peak",
  infer: (_, { vectors }) => [
    { label: "peak", shape: [1, 1, 1, vectors * 4], layout: "words" },
  ],
  lower({ inputs, outputs, attributes }, { emit }) {
    const { wgsl, workgroups } = attributes;
    emit({
      label: "peak",
      wgsl,
      workgroups,
      bindings: [
        ...inputs.map((tensor) => ({ tensor, access: "read" }) as const),
        { tensor: outputs[0]!, access: "write" },
      ],
    });
  },
};

/**
 * Sizes and kernels that did best somewhere; which is best here is measured. Software adapters get the product that a 3×3
 * convolution of 64 channels is: rows of a power of two would fall into the same lines of a CPU's cache.
 */
function matmuls({ isSoftware, target }: Device): PlainMatmulOptions[] {
  const block = (rows: number, vectors: number) => ({ rows, vectors });
  if (!isSoftware) {
    const size = { m: 4096, n: 4096, k: 4096 };
    return [
      { ...size, block: block(4, 1), tile: 64 },
      { ...size, block: block(8, 1), tile: 64 },
      { ...size, block: block(8, 2), tile: 128 },
      { ...size, block: block(8, 2), workgroup: 64 },
    ];
  }
  const size = { m: 4096, n: 64, k: 576, workgroup: 8 };
  const broadcast = target.subgroup;
  return [
    { ...size, block: block(4, 2) },
    { ...size, block: block(8, 2) },
    { ...size, block: block(8, 1) },
    ...(broadcast > 0 ? [2, 4] : []).map((vectors) => ({
      ...size,
      block: block(4, vectors),
      workgroup: broadcast,
      broadcast,
    })),
  ];
}

/** Everything whose fastest is the adapter's peak. */
export async function peakWorks(
  device: Device,
  graphs: BenchGraphs,
): Promise<PeakWork[]> {
  const works: PeakWork[] = [];
  for (const options of matmuls(device)) {
    const { m, n, k, block, tile, workgroup, broadcast } = options;
    const matrix = (rows: number, columns: number) =>
      ({ shape: [1, 1, rows, columns], layout: "words" }) as const;
    const plan = await graphs.compile(
      [matrix(m, k), matrix(k, n)],
      "f32",
      (graph, inputs) => {
        graph.add(kernelOp, inputs, {
          wgsl: plainMatmul(options),
          workgroups: plainMatmulGrid(options),
          vectors: (m * n) / 4,
        });
      },
    );
    works.push({
      kind: broadcast ? "subgroup matmul" : "matmul",
      kernel: [
        `matmul ${m}×${k} by ${k}×${n}`,
        tile ? `tiles of ${tile}` : `workgroups of ${workgroup!}`,
        `${block.rows} rows × ${block.vectors} vec4`,
        ...(broadcast ? ["subgroup broadcasts"] : []),
      ].join(", "),
      flops: 2 * m * n * k,
      run: () => plan.run(),
    });
  }
  if (!device.isSoftware)
    for (const chains of [4, 8, 16]) works.push(await fmaWork(graphs, chains));
  return works;
}

export interface CopyWork extends Work {
  /** Read and written. */
  readonly bytes: number;
}

/** The most that an adapter moves: a copy of more than its caches hold. */
export async function copyWork(
  { isSoftware }: Device,
  graphs: BenchGraphs,
): Promise<CopyWork> {
  const vectors = (isSoftware ? 64 : 256) << 16;
  const plan = await graphs.compile(
    [{ shape: [1, 1, 1, vectors * 4], layout: "words" }],
    "f32",
    (graph, inputs) => {
      graph.add(kernelOp, inputs, {
        wgsl: copy(vectors),
        workgroups: streamGrid(vectors),
        vectors,
      });
    },
  );
  return { bytes: 2 * 16 * vectors, run: () => plan.run() };
}

/** About a millisecond of arithmetic on a large GPU. */
export function spinWork(graphs: BenchGraphs): Promise<Work> {
  return fmaWork(graphs, 8);
}

async function fmaWork(graphs: BenchGraphs, chains: number): Promise<PeakWork> {
  const options = {
    workgroups: 8192,
    workgroup: 256,
    chains,
    rounds: 4096 / chains,
  };
  const plan = await graphs.compile(
    [{ shape: [1, 1, 1, 4], layout: "words" }],
    "f32",
    (graph, inputs) => {
      graph.add(kernelOp, inputs, {
        wgsl: registerFma(options),
        workgroups: grid(options.workgroups),
        vectors: options.workgroups * options.workgroup,
      });
    },
  );
  return {
    kind: "fma",
    kernel: `multiply-adds on registers, ${chains} vec4 each`,
    flops: registerFmaFlops(options),
    run: () => plan.run(),
  };
}

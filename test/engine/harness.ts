/** Runs an op on the GPU from logical f64 arrays: packs inputs, compiles a plan, differentiates, reads back. */
import { differentiate } from "../../src/engine/autodiff.js";
import type { Device } from "../../src/engine/device.js";
import { type GpuApi, openDevice } from "../../src/engine/open-device.js";
import { floatToHalf, halfToFloat } from "../../src/engine/float16.js";
import { fuseBackward, fuseForward } from "../../src/engine/fusion.js";
import { Graph, type KernelTarget } from "../../src/engine/graph.js";
import { ParameterStore } from "../../src/engine/parameters.js";
import { BufferPool, lower, Plan } from "../../src/engine/plan.js";
import { storeHalves } from "../../src/engine/precision.js";
import { recomputeActivations } from "../../src/engine/recompute.js";
import { RandomStream } from "../../src/engine/random.js";
import {
  pad4,
  elementsOf,
  type Layout,
  type Shape,
  type Tensor,
} from "../../src/engine/tensor.js";
import type { KernelRecord } from "../../src/engine/tuning.js";
import {
  ref,
  type Ref,
  type Sum,
  errorFactor,
  map,
} from "../reference/tensor.js";

let shared: Promise<Device> | undefined;

const { TARNISH_ADAPTER = "auto", TARNISH_GPU_API } = import.meta.env;

/**
 * The adapter under test, opened once per test file. `TARNISH_ADAPTER` chooses it as `--adapter` does and
 * `TARNISH_GPU_API` whose WebGPU it is, as `--gpu-api` does.
 */
export function testDevice(): Promise<Device> {
  shared ??= openDevice(
    TARNISH_ADAPTER,
    TARNISH_GPU_API ? { api: TARNISH_GPU_API as GpuApi } : {},
  );
  return shared;
}

/**
 * Every kernel family, whatever the adapter prefers; subgroup broadcasts where it has them. A small parallelism makes
 * splits and chunks uneven. On a hardware adapter also its own choice.
 */
export async function targets(): Promise<(KernelTarget & { name: string })[]> {
  const { isSoftware, target } = await testDevice();
  const { subgroup, limits } = target;
  const register = {
    name: "register",
    family: "register",
    parallelism: 5,
    subgroup: 0,
    half: undefined,
    limits,
  } as const;
  return [
    register,
    ...(subgroup > 0 && subgroup <= 8
      ? [{ ...register, name: "register, subgroups", subgroup }]
      : []),
    // Little room makes the tiles small, which compile in a moment on software adapters.
    {
      ...register,
      name: "tiled",
      family: "tiled",
      limits: { workgroupBytes: 8192, invocations: 64 },
    },
    ...(isSoftware ? [] : [{ ...target, name: "native" }]),
  ];
}

/** Random values, uniform in [−1, 1), exactly representable in f32. */
export function random(shape: readonly number[], seed: number): Ref {
  const stream = new RandomStream(seed, 99);
  const values = ref(shape);
  for (let i = 0; i < values.data.length; i++)
    values.data[i] = 2 * stream.float() - 1;
  return values;
}

/** The same values as f16 holds them. */
export function halves(values: Ref): Ref {
  return map(values, (value) => halfToFloat(floatToHalf(value)));
}

/** Logical values → the padded words of a layout. */
export function pack(values: Ref, shape: Shape, layout: Layout): Float32Array {
  const [a, b, c, d] = shape;
  const words = new Float32Array(
    Math.ceil(elementsOf({ shape, layout }) / 4) * 4,
  );
  const inner = layout === "words" ? d : pad4(d);
  const middle = layout === "weight" ? pad4(c) : c;
  let i = 0;
  for (let ab = 0; ab < a * b; ab++)
    for (let m = 0; m < c; m++)
      for (let k = 0; k < d; k++)
        words[(ab * middle + m) * inner + k] = values.data[i++]!;
  return words;
}

/** Padded words → logical values; padding channels must be exactly zero. */
export function unpack(
  words: Float32Array,
  { shape, layout, label }: Tensor,
): Ref {
  const [a, b, c, d] = shape;
  const inner = layout === "words" ? d : pad4(d);
  const middle = layout === "weight" ? pad4(c) : c;
  const values = ref([a, b, c, d]);
  let i = 0;
  for (let ab = 0; ab < a * b; ab++)
    for (let m = 0; m < middle; m++)
      for (let k = 0; k < inner; k++) {
        const word = words[(ab * middle + m) * inner + k]!;
        if (m < c && k < d) values.data[i++] = word;
        else if (word !== 0)
          throw new Error(`${label}: padding holds ${word}, not 0`);
      }
  return values;
}

export interface Input {
  readonly values: Ref;
  readonly layout: Layout;
  /** Whether the test wants its gradient. */
  readonly gradient?: boolean;
  /** Bit pattern to upload instead of floats (labels, ids, uniforms). */
  readonly words?: Uint32Array<ArrayBuffer>;
}

/** An input of 32-bit words that no op differentiates: labels, ids, the step uniform, counters. */
export function wordsInput(words: ArrayLike<number> | ArrayBuffer): Input {
  const bits =
    words instanceof ArrayBuffer
      ? new Uint32Array(words)
      : Uint32Array.from(words);
  return { values: ref([bits.length]), layout: "words", words: bits };
}

type Build = (graph: Graph, inputs: Tensor[]) => Tensor[];

interface RunOptions {
  /** Gradient of some result with respect to output 0. */
  readonly upstream?: Ref;
  readonly target?: KernelTarget;
  readonly fuse?: boolean;
  /** Whether outputs may lie over inputs (default true), and batch norm's outputs are computed again (default false). */
  readonly inPlace?: boolean;
  readonly recompute?: boolean;
  /** Stores activations and weights as f16, those of the inputs too (give them values that f16 holds). */
  readonly mixed?: boolean;
}

const fourD = (shape: readonly number[]): Shape =>
  [...Array<number>(4 - shape.length).fill(1), ...shape] as unknown as Shape;

/** Fills what it hands out with NaN, as f32 and as f16: whoever reads what nobody wrote is found. */
class DirtyPool extends BufferPool {
  override take(device: Device, sizes: readonly number[]): GPUBuffer[] {
    const buffers = super.take(device, sizes);
    for (const buffer of buffers)
      device.gpu.queue.writeBuffer(
        buffer,
        0,
        new Uint32Array(buffer.size / 4).fill(0x7fc0_7e00),
      );
    return buffers;
  }
}

/** A compiled graph whose inputs can be rewritten between runs, as a session does with the step uniform. */
export class Compiled {
  private constructor(
    private readonly device: Device,
    private readonly plan: Plan,
    private readonly resources: ReadonlyMap<string, GPUBuffer>,
    private readonly pool: BufferPool,
    readonly inputs: readonly Tensor[],
    readonly outputs: readonly Tensor[],
    /** In the order of the inputs; undefined where none was asked for. */
    readonly gradients: readonly (Tensor | undefined)[],
    /** Labels of the dispatches whose output lies over an input. */
    readonly inPlace: readonly string[],
  ) {}

  static async make(
    inputs: readonly Input[],
    build: Build,
    options: RunOptions = {},
  ): Promise<Compiled> {
    const device = await testDevice();
    const graph = new Graph();
    const resources = new Map<string, GPUBuffer>();
    const add = (name: string, { values, layout, words }: Input): Tensor => {
      const shape = fourD(values.shape);
      const half = options.mixed && (layout === "nhwc" || layout === "weight");
      const packed = words ?? pack(values, shape, layout);
      const data = half ? Uint16Array.from(packed, floatToHalf) : packed;
      const buffer = device.buffer(
        name,
        Math.max(16, Math.ceil(data.byteLength / 16) * 16),
        GPUBufferUsage.STORAGE |
          GPUBufferUsage.UNIFORM |
          GPUBufferUsage.COPY_SRC |
          GPUBufferUsage.COPY_DST,
      );
      device.gpu.queue.writeBuffer(
        buffer,
        0,
        data as GPUAllowSharedBufferSource,
      );
      resources.set(name, buffer);
      const tensor = graph.external(name, shape, layout, {
        kind: "resource",
        name,
      });
      if (half) tensor.type = "f16";
      return tensor;
    };
    const tensors = inputs.map((input, i) => add(`input ${i}`, input));
    const outputs = build(graph, tensors);
    if (options.fuse) fuseForward(graph, outputs.slice(1));
    const wanted = tensors.filter((_, i) => inputs[i]!.gradient);
    let found = new Map<Tensor, Tensor>();
    const forward = new Set(graph.nodes);
    if (options.upstream) {
      const [output] = outputs as [Tensor];
      const seed = add("upstream", {
        values: options.upstream,
        layout: output.layout,
      });
      found = differentiate(graph, output, seed, wanted).gradients;
    }
    const gradients = tensors.map((tensor, i) =>
      inputs[i]!.gradient ? found.get(tensor) : undefined,
    );
    const keep = [
      ...outputs,
      ...gradients.filter((tensor) => tensor !== undefined),
    ];
    if (options.fuse) fuseBackward(graph, keep);
    if (options.recompute) recomputeActivations(graph, forward, keep);
    if (options.mixed) storeHalves(graph);
    const pool = new DirtyPool();
    const plan = await Plan.compile(device, graph, {
      store: new ParameterStore(),
      resources,
      pool,
      keep,
      inPlace: options.inPlace ?? true,
      ...(options.target && { target: options.target }),
    });
    const apart = lower(graph, options.target ?? device.target);
    const inPlace = plan.dispatches.flatMap(({ label, bindings }, i) =>
      bindings.length < apart[i]!.bindings.length ? [label] : [],
    );
    return new Compiled(
      device,
      plan,
      resources,
      pool,
      tensors,
      outputs,
      gradients,
      inPlace,
    );
  }

  /** Labels of the plan's dispatches. */
  get dispatches(): readonly string[] {
    return this.plan.dispatches.map(({ label }) => label);
  }

  /** The kernel variants by problem, where there was a choice. */
  get kernels(): KernelRecord {
    return this.plan.kernels;
  }

  /** Replaces the words of an input. */
  write(input: number, words: ArrayBuffer | Float32Array<ArrayBuffer>): void {
    const buffer = this.resources.get(`input ${input}`)!;
    this.device.gpu.queue.writeBuffer(buffer, 0, words);
  }

  async run(): Promise<void> {
    await this.plan.run();
  }

  /** The bits of an input, output or gradient; of two halves in a word. */
  async words(tensor: Tensor): Promise<Uint32Array> {
    const { storage } = tensor;
    const { buffer, offset } =
      storage.kind === "resource"
        ? { buffer: this.resources.get(storage.name)!, offset: 0 }
        : this.plan.slice(tensor);
    const words = elementsOf(tensor) / (tensor.type === "f16" ? 2 : 1);
    const bytes = await this.device.read(
      buffer,
      offset,
      Math.ceil(words / 4) * 16,
    );
    return new Uint32Array(bytes, 0, words);
  }

  /** The logical values of an input, output or gradient. */
  async read(tensor: Tensor): Promise<Ref> {
    const { buffer } = await this.words(tensor);
    return unpack(
      tensor.type === "f16"
        ? Float32Array.from(new Uint16Array(buffer), halfToFloat)
        : new Float32Array(buffer),
      tensor,
    );
  }

  destroy(): void {
    this.pool.destroy();
    for (const buffer of this.resources.values()) buffer.destroy();
  }
}

export interface GraphRun {
  readonly outputs: Ref[];
  /** In the order of the inputs; undefined where none was asked for. */
  readonly gradients: (Ref | undefined)[];
  readonly dispatches: readonly string[];
  readonly kernels: KernelRecord;
  /** The inputs after the run, for ops that write in place; empty unless asked for. */
  readonly inputsAfter: Ref[];
}

/**
 * Builds a graph on the inputs, runs it once, and reads its outputs and the inputs' gradients for the given upstream
 * gradient of output 0.
 */
export async function runGraph(
  inputs: readonly Input[],
  build: Build,
  options: RunOptions & { readonly keepInputs?: boolean } = {},
): Promise<GraphRun> {
  const compiled = await Compiled.make(inputs, build, options);
  await compiled.run();
  const outputs: Ref[] = [];
  const gradients: (Ref | undefined)[] = [];
  const inputsAfter: Ref[] = [];
  for (const tensor of compiled.outputs)
    outputs.push(await compiled.read(tensor));
  for (const tensor of compiled.gradients)
    gradients.push(tensor && (await compiled.read(tensor)));
  if (options.keepInputs)
    for (const tensor of compiled.inputs)
      inputsAfter.push(await compiled.read(tensor));
  const { dispatches, kernels } = compiled;
  compiled.destroy();
  return { outputs, gradients, dispatches, kernels, inputsAfter };
}

/** The largest c in |error| ≤ c·terms·eps·magnitude. */
export function factor(actual: Ref | undefined, expected: Sum): number {
  if (!actual) throw new Error("no result to compare");
  return errorFactor(actual.data, expected);
}

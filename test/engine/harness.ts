/** Runs an op on the GPU from logical f64 arrays: packs inputs, compiles a plan, differentiates, reads back. */
import { differentiate } from "../../src/engine/autodiff.js";
import { Device, openDevice } from "../../src/engine/device.js";
import { fuseBackward, fuseForward } from "../../src/engine/fusion.js";
import { Graph, type KernelTarget } from "../../src/engine/graph.js";
import { ParameterStore } from "../../src/engine/parameters.js";
import { BufferPool, Plan } from "../../src/engine/plan.js";
import { RandomStream } from "../../src/engine/random.js";
import {
  pad4,
  wordsOf,
  type Layout,
  type Shape,
  type Tensor,
} from "../../src/engine/tensor.js";
import { ref, type Ref, type Sum, errorFactor } from "../reference/tensor.js";

let shared: Promise<Device> | undefined;

/** The adapter under test, opened once per test file. `TARNISH_ADAPTER` chooses it as `--adapter` does. */
export function testDevice(): Promise<Device> {
  shared ??= openDevice(process.env["TARNISH_ADAPTER"] ?? "auto");
  return shared;
}

/**
 * Every kernel family, whatever the adapter prefers; subgroup broadcasts where it has them. A small parallelism makes
 * splits and chunks uneven.
 */
export async function targets(): Promise<(KernelTarget & { name: string })[]> {
  const { subgroup } = (await testDevice()).target;
  const register = {
    name: "register",
    family: "register",
    parallelism: 5,
    subgroup: 0,
  } as const;
  return [
    register,
    ...(subgroup > 0 && subgroup <= 8
      ? [{ ...register, name: "register, subgroups", subgroup }]
      : []),
    { name: "tiled", family: "tiled", parallelism: 5, subgroup: 0 },
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

/** Logical values → the padded words of a layout. */
export function pack(values: Ref, shape: Shape, layout: Layout): Float32Array {
  const [a, b, c, d] = shape;
  const words = new Float32Array(Math.ceil(wordsOf({ shape, layout }) / 4) * 4);
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
  /** Bit pattern to upload instead of floats (labels, ids). */
  readonly words?: Uint32Array<ArrayBuffer>;
}

export interface GraphRun {
  readonly outputs: Ref[];
  /** In the order of the inputs; undefined where none was asked for. */
  readonly gradients: (Ref | undefined)[];
  readonly dispatches: readonly string[];
}

const fourD = (shape: readonly number[]): Shape =>
  [...Array<number>(4 - shape.length).fill(1), ...shape] as unknown as Shape;

/**
 * Builds a graph on the inputs, runs it, and reads its outputs and the inputs' gradients for the given upstream gradient
 * of output 0. Input buffers stay readable through `inputs` of the callback (for ops that write in place).
 */
export async function runGraph(
  inputs: readonly Input[],
  build: (graph: Graph, inputs: Tensor[]) => Tensor[],
  options: {
    upstream?: Ref;
    target?: KernelTarget;
    fuse?: boolean;
    keepInputs?: boolean;
  } = {},
): Promise<GraphRun & { inputsAfter: Ref[] }> {
  const device = await testDevice();
  const graph = new Graph();
  const resources = new Map<string, GPUBuffer>();
  const add = (name: string, { values, layout, words }: Input): Tensor => {
    const shape = fourD(values.shape);
    const data = words ?? pack(values, shape, layout);
    const usage =
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.UNIFORM |
      GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST;
    const buffer = device.buffer(
      name,
      Math.max(16, Math.ceil(data.byteLength / 16) * 16),
      usage,
    );
    device.gpu.queue.writeBuffer(buffer, 0, data as GPUAllowSharedBufferSource);
    resources.set(name, buffer);
    return graph.external(name, shape, layout, { kind: "resource", name });
  };
  const tensors = inputs.map((input, i) => add(`input ${i}`, input));
  const outputs = build(graph, tensors);
  if (options.fuse) fuseForward(graph, outputs.slice(1));
  const wanted = tensors.filter((_, i) => inputs[i]!.gradient);
  let gradients = new Map<Tensor, Tensor>();
  if (options.upstream) {
    const seed = add("upstream", {
      values: options.upstream,
      layout: outputs[0]!.layout,
    });
    gradients = differentiate(graph, outputs[0]!, seed, wanted).gradients;
  }
  const wantedGradients = tensors.map((tensor, i) =>
    inputs[i]!.gradient ? gradients.get(tensor) : undefined,
  );
  const keep = [
    ...outputs,
    ...wantedGradients.filter((tensor) => tensor !== undefined),
  ];
  if (options.fuse) fuseBackward(graph, keep);
  const pool = new BufferPool();
  const store = new ParameterStore();
  const plan = await Plan.compile(device, graph, {
    store,
    resources,
    pool,
    keep,
    ...(options.target && { target: options.target }),
  });
  await plan.run();
  const read = async (tensor: Tensor): Promise<Ref> => {
    const { storage } = tensor;
    const { buffer, offset } =
      storage.kind === "resource"
        ? { buffer: resources.get(storage.name)!, offset: 0 }
        : plan.slice(tensor);
    const bytes = await device.read(
      buffer,
      offset,
      Math.ceil(wordsOf(tensor) / 4) * 16,
    );
    return unpack(new Float32Array(bytes), tensor);
  };
  const result = {
    outputs: [] as Ref[],
    gradients: [] as (Ref | undefined)[],
    dispatches: plan.dispatches.map(({ label }) => label),
    inputsAfter: [] as Ref[],
  };
  for (const tensor of outputs) result.outputs.push(await read(tensor));
  for (const tensor of wantedGradients)
    result.gradients.push(tensor && (await read(tensor)));
  if (options.keepInputs)
    for (const tensor of tensors) result.inputsAfter.push(await read(tensor));
  pool.destroy();
  for (const buffer of resources.values()) buffer.destroy();
  return result;
}

/** The largest c in |error| ≤ c·terms·eps·magnitude. */
export function factor(actual: Ref | undefined, expected: Sum): number {
  if (!actual) throw new Error("no result to compare");
  return errorFactor(actual.data, expected);
}

/** Compiles small graphs whose inputs are numbers that nobody looks at. */
import type { Device } from "../../engine/device.js";
import { floatToHalf } from "../../engine/float16.js";
import { Graph } from "../../engine/graph.js";
import { ParameterStore } from "../../engine/parameters.js";
import { BufferPool, Plan } from "../../engine/plan.js";
import { RandomStream } from "../../engine/random.js";
import {
  elementsOf,
  type Layout,
  type Shape,
  type Tensor,
} from "../../engine/tensor.js";

/** Makes plans whose inputs and results share buffers: only one of them runs at a time. */
export class BenchGraphs {
  readonly #pool = new BufferPool();
  readonly #inputs: GPUBuffer[] = [];

  constructor(private readonly device: Device) {}

  /**
   * Compiles what `build` adds to a graph.
   *
   * @param inputs shapes and layouts of the tensors that `build` gets
   * @param type how they are stored
   */
  async compile(
    inputs: readonly { readonly shape: Shape; readonly layout: Layout }[],
    type: Tensor["type"],
    build: (graph: Graph, inputs: readonly Tensor[]) => void,
  ): Promise<Plan> {
    const graph = new Graph();
    const resources = new Map<string, GPUBuffer>();
    const tensors = inputs.map(({ shape, layout }, i) => {
      const name = `${type} input ${i}`;
      resources.set(
        name,
        this.#input(name, elementsOf({ shape, layout }), type),
      );
      return {
        ...graph.external(name, shape, layout, { kind: "resource", name }),
        type,
      };
    });
    build(graph, tensors);
    return Plan.compile(this.device, graph, {
      store: new ParameterStore(),
      resources,
      pool: this.#pool,
    });
  }

  /** Inputs of one name, of whatever plan, lie in one buffer, or in a few that grow. */
  #input(name: string, elements: number, type: Tensor["type"]): GPUBuffer {
    const bytes = elements * (type === "f16" ? 2 : 4);
    const fits = this.#inputs.find(
      ({ label, size }) => label === name && size >= bytes,
    );
    if (fits) return fits;
    const made = this.device.upload(
      name,
      type === "f16" ? randomHalves(elements) : randomWords(elements),
    );
    this.#inputs.push(made);
    return made;
  }

  destroy(): void {
    this.#pool.destroy();
    for (const buffer of this.#inputs) buffer.destroy();
  }
}

/** Values after which random numbers repeat. */
const period = 4099;

/** Numbers in [−1, 1): zeros would flatter hardware that gates its clocks by the data. */
function randomWords(count: number): Float32Array {
  const stream = new RandomStream(0, 0);
  return repeated(new Float32Array(count), () => 2 * stream.float() - 1);
}

function randomHalves(count: number): Uint8Array {
  const stream = new RandomStream(0, 0);
  const halves = repeated(new Uint16Array(count), () =>
    floatToHalf(2 * stream.float() - 1),
  );
  return new Uint8Array(halves.buffer);
}

function repeated<T extends Float32Array | Uint16Array>(
  values: T,
  next: () => number,
): T {
  const fresh = Math.min(values.length, period);
  for (let i = 0; i < fresh; i++) values[i] = next();
  for (let i = fresh; i < values.length; i++) values[i] = values[i - period]!;
  return values;
}

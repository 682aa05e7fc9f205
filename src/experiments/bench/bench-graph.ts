/** Compiles small graphs whose inputs are numbers that nobody looks at. */
import type { Device } from "../../engine/device.js";
import { Graph } from "../../engine/graph.js";
import { ParameterStore } from "../../engine/parameters.js";
import { BufferPool, Plan } from "../../engine/plan.js";
import { RandomStream } from "../../engine/random.js";
import {
  wordsOf,
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
   */
  async compile(
    inputs: readonly { readonly shape: Shape; readonly layout: Layout }[],
    build: (graph: Graph, inputs: readonly Tensor[]) => void,
  ): Promise<Plan> {
    const graph = new Graph();
    const resources = new Map<string, GPUBuffer>();
    const tensors = inputs.map(({ shape, layout }, i) => {
      const name = `input ${i}`;
      resources.set(name, this.#input(i, wordsOf({ shape, layout })));
      return graph.external(name, shape, layout, { kind: "resource", name });
    });
    build(graph, tensors);
    return Plan.compile(this.device, graph, {
      store: new ParameterStore(),
      resources,
      pool: this.#pool,
    });
  }

  /** Input i of every plan lies in one buffer, or in a few that grow. */
  #input(i: number, words: number): GPUBuffer {
    const fits = this.#inputs.find(
      ({ label, size }) => label === `input ${i}` && size >= words * 4,
    );
    if (fits) return fits;
    const made = this.device.upload(`input ${i}`, randomWords(words));
    this.#inputs.push(made);
    return made;
  }

  destroy(): void {
    this.#pool.destroy();
    for (const buffer of this.#inputs) buffer.destroy();
  }
}

/** Numbers in [−1, 1): zeros would flatter hardware that gates its clocks by the data. */
function randomWords(count: number): Float32Array {
  const stream = new RandomStream(0, 0);
  const words = new Float32Array(count);
  const period = Math.min(words.length, 4099);
  for (let i = 0; i < period; i++) words[i] = 2 * stream.float() - 1;
  for (let i = period; i < words.length; i++) words[i] = words[i - period]!;
  return words;
}

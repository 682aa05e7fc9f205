import { describe, expect, it } from "vitest";
import {
  elementwiseGrid,
  elementwiseMain,
  storage,
} from "../../../shaders/common.js";
import { philox } from "../../../shaders/random.wgsl.js";
import type { OpDefinition } from "../../../src/engine/graph.js";
import { bind } from "../../../src/engine/ops/elementwise.js";
import { philox4x32, RandomStream } from "../../../src/engine/random.js";
import { Compiled, wordsInput } from "../harness.js";

/** Inputs: (counter, key) pairs of 4 + 2 words. Outputs: the block's 4 words each, and `unit` of the first. */
const blocks: OpDefinition<{ readonly count: number }> = {
  name: "philox blocks",
  infer: (_, { count }) => [
    { label: "blocks", shape: [1, 1, count, 4], layout: "words" },
    { label: "units", shape: [1, 1, 1, count], layout: "words" },
  ],
  lower({ inputs, outputs, attributes: { count } }, { emit }) {
    emit({
      label: "philox",
      wgsl: `${storage(0, "read", "counters", "array<u32>")}
${storage(1, "read_write", "blocks", "array<vec4<u32>>")}
${storage(2, "read_write", "units", "array<f32>")}
${philox}
${elementwiseMain(count)}
  let at = i * 6u;
  let counter = vec4<u32>(counters[at], counters[at + 1u], counters[at + 2u], counters[at + 3u]);
  blocks[i] = philox4x32(counter, vec2<u32>(counters[at + 4u], counters[at + 5u]));
  units[i] = unit(blocks[i].x);
}`,
      bindings: bind(inputs, outputs),
      workgroups: elementwiseGrid(count),
    });
  },
};

describe("Philox4x32-10 on the GPU", () => {
  it("draws the CPU's words for random and extreme counters and keys", async () => {
    const stream = new RandomStream(7, 99);
    const extremes = [0, 1, 0xffff, 0x10000, 0x7fffffff, 0xffffffff];
    const words = Array.from({ length: 5000 * 6 }, (_, i) =>
      i < 2000 * 6 ? extremes[stream.integer(6)]! : stream.uint32(),
    );
    const count = words.length / 6;
    const compiled = await Compiled.make([wordsInput(words)], (graph, inputs) =>
      graph.add(blocks, inputs, { count }),
    );
    await compiled.run();
    const [drawn, units] = await Promise.all(
      compiled.outputs.map((tensor) => compiled.words(tensor)),
    );
    const expected = Array.from({ length: count }, (_, i) => {
      const [a, b, c, d, e, f] = words.slice(i * 6) as [
        ...[number, number, number],
        ...[number, number, number],
      ];
      return philox4x32([a, b, c, d], [e, f]);
    });
    expect([...drawn!]).toEqual(expected.flat());
    const floats = new Float32Array(units!.buffer, 0, count);
    expect([...floats]).toEqual(expected.map(([x]) => (x >>> 8) * 2 ** -24));
    compiled.destroy();
  });
});

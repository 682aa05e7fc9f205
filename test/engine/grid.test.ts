/** Dispatches of more workgroups than one dimension holds. */
import { describe, expect, it } from "vitest";
import { grid, storage, workgroupIndex } from "../../shaders/common.js";
import { bind } from "../../src/engine/ops/elementwise.js";
import type { OpDefinition } from "../../src/engine/graph.js";
import { Compiled, wordsInput } from "./harness.js";

const most = 65_535;

/** Counts at a word per workgroup who came by. */
const visit: OpDefinition<{ readonly workgroups: number }> = {
  name: "visit",
  infer: () => [],
  lower({ inputs, attributes: { workgroups } }, { emit }) {
    emit({
      label: "visit",
      wgsl: `${storage(0, "read_write", "visits", "array<u32>")}
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3<u32>) {
  ${workgroupIndex(workgroups)}
  visits[index] += 1u;
}`,
      bindings: bind([], inputs),
      workgroups: grid(workgroups),
    });
  },
};

describe("a grid of workgroups", () => {
  it.each([1, 2, most, most + 1, 2 * most + 1, 1_000_003])(
    "covers %i, with fewer to spare than it has rows",
    (workgroups) => {
      const [x, y, z] = grid(workgroups);
      expect(z).toBe(1);
      expect(x).toBeLessThanOrEqual(most);
      expect(y).toBeLessThanOrEqual(most);
      const spare = x * y - workgroups;
      expect(spare).toBeGreaterThanOrEqual(0);
      expect(spare).toBeLessThan(y);
    },
  );

  it.each([7, most, most + 2, 2 * most + 1])(
    "runs each of %i once, and those to spare not at all",
    async (workgroups) => {
      const room = workgroups + 8;
      const compiled = await Compiled.make(
        [wordsInput(new Uint32Array(room))],
        (graph, inputs) => graph.add(visit, inputs, { workgroups }),
      );
      await compiled.run();
      const visits = await compiled.words(compiled.inputs[0]!);
      compiled.destroy();
      expect(visits.findIndex((n, i) => n !== (i < workgroups ? 1 : 0))).toBe(
        -1,
      );
    },
  );
});

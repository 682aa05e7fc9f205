import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Graph, type Dispatch } from "../../src/engine/graph.js";
import { planMemory } from "../../src/engine/memory-plan.js";
import { bytesOf, type Tensor } from "../../src/engine/tensor.js";

/** Dispatches that bind tensors at random: any may be read or written at any time, some live outside the plan. */
const programs = fc
  .record({
    sizes: fc.array(fc.integer({ min: 1, max: 2000 }), {
      minLength: 1,
      maxLength: 25,
    }),
    external: fc.array(fc.nat(24), { maxLength: 3 }),
    steps: fc.array(fc.array(fc.nat(24), { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 40,
    }),
    kept: fc.array(fc.nat(24), { maxLength: 4 }),
  })
  .map(({ sizes, external, steps, kept }) => {
    const graph = new Graph();
    const tensors = sizes.map((words, i) =>
      external.includes(i)
        ? graph.external(`t${i}`, [1, 1, 1, words], "words", {
            kind: "resource",
            name: `t${i}`,
          })
        : graph.temporary(`t${i}`, words),
    );
    const pick = (i: number) => tensors[i % tensors.length]!;
    const dispatches = steps.map((bound, i): Dispatch => ({
      label: `d${i}`,
      wgsl: "",
      workgroups: [1, 1, 1],
      bindings: bound.map((b, j) => ({
        tensor: pick(b),
        access: j === 0 ? "write" : "read",
      })),
    }));
    return { tensors, dispatches, keep: kept.map(pick) };
  });

type Program = typeof programs extends fc.Arbitrary<infer T> ? T : never;

/** The planned tensors whose contents matter while dispatch i runs (i = dispatches.length: after the last). */
function alive({ tensors, dispatches, keep }: Program, i: number): Set<Tensor> {
  const binds = ({ bindings }: Dispatch, tensor: Tensor) =>
    bindings.some((binding) => binding.tensor === tensor);
  const used = (tensor: Tensor, from: number, to: number) =>
    dispatches.slice(from, to).some((dispatch) => binds(dispatch, tensor));
  return new Set(
    tensors.filter(
      (tensor) =>
        tensor.storage.kind === "planned" &&
        used(tensor, 0, i + 1) &&
        (used(tensor, i, dispatches.length) || keep.includes(tensor)),
    ),
  );
}

describe("planMemory", () => {
  it("never lets two tensors that are alive at once share a slot", () => {
    fc.assert(
      fc.property(programs, (program) => {
        const { dispatches, keep } = program;
        const { slotOf, slots } = planMemory(dispatches, keep);
        for (let i = 0; i <= dispatches.length; i++) {
          const living = [...alive(program, i)];
          const held = living.map((tensor) => slotOf.get(tensor)!);
          expect(new Set(held).size).toBe(living.length);
          for (const tensor of living)
            expect(slots[slotOf.get(tensor)!]).toBeGreaterThanOrEqual(
              bytesOf(tensor),
            );
        }
      }),
    );
  });

  it("gives slots to what is planned and used, no more than without sharing and no less than what is alive at once", () => {
    fc.assert(
      fc.property(programs, (program) => {
        const { tensors, dispatches, keep } = program;
        const { slotOf, slots, naiveBytes } = planMemory(dispatches, keep);
        const used = tensors.filter(
          (tensor) =>
            tensor.storage.kind === "planned" &&
            dispatches.some(({ bindings }) =>
              bindings.some((binding) => binding.tensor === tensor),
            ),
        );
        expect(new Set(slotOf.keys())).toEqual(new Set(used));
        const sum = (of: Iterable<Tensor>) =>
          [...of].reduce((bytes, tensor) => bytes + bytesOf(tensor), 0);
        expect(naiveBytes).toBe(sum(used));
        const total = slots.reduce((a, b) => a + b, 0);
        expect(total).toBeLessThanOrEqual(naiveBytes);
        for (let i = 0; i <= dispatches.length; i++)
          expect(total).toBeGreaterThanOrEqual(sum(alive(program, i)));
      }),
    );
  });

  it("runs a chain of equal tensors in two slots", () => {
    const graph = new Graph();
    const chain = Array.from({ length: 10 }, (_, i) =>
      graph.temporary(`t${i}`, 100),
    );
    const dispatches = chain.slice(1).map((to, i): Dispatch => ({
      label: `d${i}`,
      wgsl: "",
      workgroups: [1, 1, 1],
      bindings: [
        { tensor: chain[i]!, access: "read" },
        { tensor: to, access: "write" },
      ],
    }));
    expect(planMemory(dispatches, []).slots).toEqual([400, 400]);
    // The first tensor is read at the end: its slot is its own.
    expect(planMemory(dispatches, [chain[0]!]).slots).toHaveLength(3);
  });
});

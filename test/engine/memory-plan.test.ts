import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storage } from "../../shaders/common.js";
import { Graph, type Binding, type Dispatch } from "../../src/engine/graph.js";
import { type MemoryPlan, planMemory } from "../../src/engine/memory-plan.js";
import { bytesOf, type Tensor } from "../../src/engine/tensor.js";

/** Declarations are all that the planner looks at. */
const kernel = (bindings: readonly Binding[]): string =>
  bindings
    .map(({ access }, i) =>
      storage(i, access === "write" ? "read_write" : "read", `b${i}`),
    )
    .join("\n");

/** Dispatches that bind tensors at random: any may be read or written at any time, some live outside the plan. */
const programs = fc
  .record({
    sizes: fc.array(
      fc.oneof(fc.constantFrom(60, 500), fc.integer({ min: 1, max: 2000 })),
      {
        minLength: 1,
        maxLength: 25,
      },
    ),
    external: fc.array(fc.nat(24), { maxLength: 3 }),
    // Mostly what was made a moment ago, so that lifetimes end and chains form.
    steps: fc.array(
      fc.record({
        recent: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
        any: fc.array(fc.nat(24), { maxLength: 1 }),
      }),
      { minLength: 1, maxLength: 40 },
    ),
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
    const dispatches = steps.map(({ recent, any }, i): Dispatch => {
      const bound = [
        ...any,
        ...recent.map((back) => Math.max(0, i - back)),
        i + 1,
      ];
      // Each tensor once, the written one last; any input may be written over.
      const bindings = [...new Set(bound.map(pick))].map(
        (tensor, j, { length }) =>
          ({ tensor, access: j === length - 1 ? "write" : "read" }) as const,
      );
      const output = bindings.length - 1;
      return {
        label: `d${i}`,
        wgsl: kernel(bindings),
        workgroups: [1, 1, 1],
        bindings,
        inPlace: bindings.slice(0, -1).map((_, input) => ({ input, output })),
      };
    });
    return { tensors, dispatches, keep: kept.map(pick) };
  });

type Program = typeof programs extends fc.Arbitrary<infer T> ? T : never;

/**
 * The planned tensors whose contents matter while dispatch i runs (i = dispatches.length: after the last). An input that
 * dispatch i writes over is its output by then.
 */
function alive(
  { tensors, dispatches, keep }: Program,
  plan: MemoryPlan,
  i: number,
): Tensor[] {
  const binds = (dispatch: Dispatch | undefined, tensor: Tensor) =>
    dispatch?.bindings.some((binding) => binding.tensor === tensor) ?? false;
  return tensors.filter(
    (tensor) =>
      tensor.storage.kind === "planned" &&
      dispatches.slice(0, i + 1).some((d) => binds(d, tensor)) &&
      (binds(plan.dispatches[i], tensor) ||
        dispatches.slice(i + 1).some((d) => binds(d, tensor)) ||
        keep.includes(tensor)),
  );
}

const sum = (bytes: readonly number[]) => bytes.reduce((a, b) => a + b, 0);
const bytes = (tensors: readonly Tensor[]) => sum(tensors.map(bytesOf));

/** Whether two tensors have a byte in common. */
function overlap({ places }: MemoryPlan, a: Tensor, b: Tensor): boolean {
  const [p, q] = [places.get(a)!, places.get(b)!];
  return (
    p.slot === q.slot &&
    p.offset < q.offset + bytesOf(b) &&
    q.offset < p.offset + bytesOf(a)
  );
}

describe("planMemory", () => {
  it("never lets two tensors that are alive at once have a byte in common", () => {
    fc.assert(
      fc.property(programs, (program) => {
        const plan = planMemory(program.dispatches, program);
        const { dispatches, places, slots } = plan;
        expect(dispatches).toHaveLength(program.dispatches.length);
        for (let i = 0; i <= dispatches.length; i++) {
          const living = alive(program, plan, i);
          living.forEach((tensor, n) => {
            const { slot, offset } = places.get(tensor)!;
            expect(offset + bytesOf(tensor)).toBeLessThanOrEqual(slots[slot]!);
            expect(offset % 256).toBe(0);
            for (const other of living.slice(0, n))
              expect(overlap(plan, tensor, other)).toBe(false);
          });
        }
      }),
    );
  });

  it("never binds one buffer for reading and for writing in a dispatch", () => {
    fc.assert(
      fc.property(programs, (program) => {
        const { dispatches, places } = planMemory(program.dispatches, program);
        for (const { bindings } of dispatches) {
          const slots = (access: string) =>
            bindings.flatMap((binding) =>
              binding.access === access && places.has(binding.tensor)
                ? [places.get(binding.tensor)!.slot]
                : [],
            );
          const written = slots("write");
          expect(new Set(written).size).toBe(written.length);
          for (const slot of slots("read")) expect(written).not.toContain(slot);
        }
      }),
    );
  });

  it("writes over an input only where nothing needs it any more", () => {
    let inPlace = 0;
    fc.assert(
      fc.property(programs, (program) => {
        const { dispatches, places } = planMemory(program.dispatches, program);
        dispatches.forEach(({ bindings, wgsl }, i) => {
          const before = program.dispatches[i]!;
          const dropped = before.bindings.filter(
            (binding) => !bindings.includes(binding),
          );
          expect(wgsl.match(/@binding\((\d+)\)/g)).toEqual(
            bindings.map((_, n) => `@binding(${n})`),
          );
          if (dropped.length === 0) return;
          inPlace++;
          const [{ tensor }] = dropped as [Binding];
          expect(dropped).toHaveLength(1);
          expect(places.get(tensor)).toEqual(
            places.get(bindings.at(-1)!.tensor),
          );
          expect(program.keep).not.toContain(tensor);
          // Not as it was before dispatch i, at least: nothing later reads it.
          for (const later of program.dispatches.slice(i + 1))
            expect(later.bindings.map((b) => b.tensor)).not.toContain(tensor);
        });
        const apart = planMemory(program.dispatches, {
          ...program,
          inPlace: false,
        });
        expect(apart.dispatches).toEqual(program.dispatches);
        expect(apart.naiveBytes).toBeGreaterThanOrEqual(apart.bytes);
      }),
      { numRuns: 300 },
    );
    expect(inPlace).toBeGreaterThan(5);
  });

  it("gives places to what is planned and used, no more than without sharing and no less than what is alive at once", () => {
    fc.assert(
      fc.property(programs, (program) => {
        const plan = planMemory(program.dispatches, program);
        const { dispatches, places, slots } = plan;
        const used = program.tensors.filter(
          (tensor) =>
            tensor.storage.kind === "planned" &&
            program.dispatches.some(({ bindings }) =>
              bindings.some((binding) => binding.tensor === tensor),
            ),
        );
        expect(new Set(places.keys())).toEqual(new Set(used));
        expect(plan.naiveBytes).toBe(bytes(used));
        expect(plan.bytes).toBe(sum(slots));
        expect(plan.bytes).toBeLessThanOrEqual(plan.naiveBytes);
        const living = Array.from({ length: dispatches.length + 1 }, (_, i) =>
          bytes(alive(program, plan, i)),
        );
        expect(plan.liveBytes).toBe(Math.max(...living));
        expect(plan.bytes).toBeGreaterThanOrEqual(plan.liveBytes);
      }),
    );
  });

  /** A chain of equal tensors, each made from the one before it. */
  const chainOf = (length: number, mayOverwrite: boolean) => {
    const graph = new Graph();
    const chain = Array.from({ length }, (_, i) =>
      graph.temporary(`t${i}`, 100),
    );
    const dispatches = chain.slice(1).map((to, i): Dispatch => {
      const bindings: Binding[] = [
        { tensor: chain[i]!, access: "read" },
        { tensor: to, access: "write" },
      ];
      return {
        label: `d${i}`,
        wgsl: kernel(bindings),
        workgroups: [1, 1, 1],
        bindings,
        inPlace: mayOverwrite ? [{ input: 0, output: 1 }] : [],
      };
    });
    return { chain, dispatches };
  };

  it("runs a chain of equal tensors in two slots, or in one in place", () => {
    const { chain, dispatches } = chainOf(10, false);
    expect(planMemory(dispatches).slots).toEqual([400, 400]);
    // The first tensor is read at the end: its slot is its own.
    expect(planMemory(dispatches, { keep: [chain[0]!] }).slots).toHaveLength(3);
    expect(planMemory(chainOf(10, true).dispatches).slots).toEqual([400]);
  });

  it("lays small tensors side by side in a large one's buffer once that is free", () => {
    const graph = new Graph();
    const [large, a, b, end] = [300, 100, 100, 4].map((words, i) =>
      graph.temporary(`t${i}`, words),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const dispatch = (to: Tensor, ...from: Tensor[]): Dispatch => ({
      label: "d",
      wgsl: "",
      workgroups: [1, 1, 1],
      bindings: [
        ...from.map((tensor) => ({ tensor, access: "read" }) as const),
        { tensor: to, access: "write" },
      ],
    });
    const { slots, places } = planMemory([
      dispatch(large),
      dispatch(end, large),
      dispatch(a),
      dispatch(b),
      dispatch(end, a, b),
    ]);
    expect(slots).toEqual([1200, 16]);
    expect(places.get(a)).toEqual({ slot: 0, offset: 0 });
    expect(places.get(b)).toEqual({ slot: 0, offset: 512 });
  });
});

/**
 * Memory by lifetime: tensors whose lifetimes do not overlap share a slot. Greedy by size (Pisarchyk & Lee, "Efficient
 * memory management for deep neural net inference", 2020): the largest tensor first, each into the first slot that is free
 * for its whole lifetime. A slot becomes one GPUBuffer, since hazards are tracked per buffer.
 */
import type { Dispatch } from "./graph.js";
import { bytesOf, type Tensor } from "./tensor.js";

export interface MemoryPlan {
  /** Slot of each planned tensor. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  /** What the same tensors would take without sharing. */
  readonly naiveBytes: number;
}

interface Lifetime {
  readonly tensor: Tensor;
  readonly bytes: number;
  readonly first: number;
  last: number;
}

/** @param keep tensors that are read after the plan has run: they live to the end. */
export function planMemory(
  dispatches: readonly Dispatch[],
  keep: readonly Tensor[],
): MemoryPlan {
  const lifetimes = new Map<Tensor, Lifetime>();
  dispatches.forEach(({ bindings }, i) => {
    for (const { tensor } of bindings) {
      if (tensor.storage.kind !== "planned") continue;
      const known = lifetimes.get(tensor);
      if (known) known.last = i;
      else
        lifetimes.set(tensor, {
          tensor,
          bytes: bytesOf(tensor),
          first: i,
          last: i,
        });
    }
  });
  for (const tensor of keep) {
    const lifetime = lifetimes.get(tensor);
    if (lifetime) lifetime.last = dispatches.length;
  }

  const slots: { bytes: number; held: Lifetime[] }[] = [];
  const slotOf = new Map<Tensor, number>();
  const bySize = [...lifetimes.values()].sort(
    (a, b) => b.bytes - a.bytes || a.first - b.first,
  );
  for (const lifetime of bySize) {
    const free = (held: Lifetime[]) =>
      held.every(
        ({ first, last }) => lifetime.last < first || last < lifetime.first,
      );
    let slot = slots.findIndex(({ held }) => free(held));
    if (slot < 0) slot = slots.push({ bytes: lifetime.bytes, held: [] }) - 1;
    slots[slot]!.held.push(lifetime);
    slotOf.set(lifetime.tensor, slot);
  }
  return {
    slotOf,
    slots: slots.map(({ bytes }) => bytes),
    naiveBytes: bySize.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/**
 * Memory by lifetime: an output takes the place of an input that is needed no more where its kernel allows it, and tensors
 * whose lifetimes do not overlap share memory. Greedy by size (Pisarchyk & Lee, "Efficient memory management for deep neural
 * net inference", 2020): the largest tensor first, each into the first slot with room for its whole lifetime.
 *
 * A slot becomes one GPUBuffer. A buffer may not be read and written in one dispatch, not even at different places, so
 * tensors that meet like that in a dispatch never share a slot; others may lie side by side in it.
 */
import { inPlaceForm } from "../../shaders/in-place.js";
import type { Dispatch } from "./graph.js";
import { bytesOf, type Tensor } from "./tensor.js";

/** A slot and the byte in it where a tensor begins. */
export interface Place {
  readonly slot: number;
  readonly offset: number;
}

/** Bindings begin at multiples of this (WebGPU's default minStorageBufferOffsetAlignment). */
const alignment = 256;

export interface MemoryPlan {
  /** The dispatches, in-place ones in their in-place form. */
  readonly dispatches: readonly Dispatch[];
  /** Where each planned tensor lies. */
  readonly places: ReadonlyMap<Tensor, Place>;
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  /** All slots together. */
  readonly bytes: number;
  /** What the same tensors would take without sharing. */
  readonly naiveBytes: number;
  /** What is alive at once at the worst moment: no plan can do with less. */
  readonly liveBytes: number;
}

/** Tensors that follow each other in one place: one, or a chain of in-place results. From dispatch `first` to `last`. */
interface Tenancy {
  readonly tensors: Tensor[];
  readonly bytes: number;
  readonly first: number;
  last: number;
  /** Those that a dispatch binds together with this one while it writes one of the two. */
  readonly apart: Set<Tenancy>;
}

export interface MemoryOptions {
  /** Tensors that are read after the plan has run: they live to the end. */
  readonly keep?: readonly Tensor[];
  /** Whether outputs may take the place of inputs (default true). */
  readonly inPlace?: boolean;
  /** Whether tensors may lie side by side in a slot (default true). */
  readonly sideBySide?: boolean;
}

export function planMemory(
  dispatches: readonly Dispatch[],
  { keep = [], inPlace = true, sideBySide = true }: MemoryOptions = {},
): MemoryPlan {
  const tenancies = tenanciesOf(dispatches, keep);
  const naiveBytes = totalBytes(new Set(tenancies.values()));
  const planned = inPlace ? placeOver(dispatches, tenancies) : dispatches;
  const all = [...new Set(tenancies.values())];
  keepApart(planned, tenancies);
  const slots = fill(all, sideBySide);
  const places = new Map<Tensor, Place>();
  slots.forEach(({ held }, slot) => {
    for (const { tenancy, offset } of held)
      for (const tensor of tenancy.tensors)
        places.set(tensor, { slot, offset });
  });
  return {
    dispatches: planned,
    places,
    slots: slots.map(({ bytes }) => bytes),
    bytes: totalBytes(slots),
    naiveBytes,
    liveBytes: mostAlive(all, dispatches.length),
  };
}

function totalBytes(items: Iterable<{ readonly bytes: number }>): number {
  let sum = 0;
  for (const { bytes } of items) sum += bytes;
  return sum;
}

/** Each planned tensor by itself, from the first dispatch that binds it to the last. */
function tenanciesOf(
  dispatches: readonly Dispatch[],
  keep: readonly Tensor[],
): Map<Tensor, Tenancy> {
  const tenancies = new Map<Tensor, Tenancy>();
  dispatches.forEach(({ bindings }, i) => {
    for (const { tensor } of bindings) {
      if (tensor.storage.kind !== "planned") continue;
      const known = tenancies.get(tensor);
      if (known) known.last = i;
      else
        tenancies.set(tensor, {
          tensors: [tensor],
          bytes: bytesOf(tensor),
          first: i,
          last: i,
          apart: new Set(),
        });
    }
  });
  for (const tensor of keep) {
    const tenancy = tenancies.get(tensor);
    if (tenancy) tenancy.last = dispatches.length;
  }
  return tenancies;
}

/** Gives outputs their inputs' places: joins the tenancies and puts in-place forms in the dispatches' stead. */
function placeOver(
  dispatches: readonly Dispatch[],
  tenancies: Map<Tensor, Tenancy>,
): Dispatch[] {
  return dispatches.map((dispatch, i) => {
    const { bindings, inPlace } = dispatch;
    for (const { input, output } of inPlace ?? []) {
      const [from, to] = [bindings[input]!.tensor, bindings[output]!.tensor];
      const before = tenancies.get(from);
      const after = tenancies.get(to);
      if (!before || !after || before.bytes !== after.bytes) continue;
      if (from.type !== to.type) continue;
      const boundOnce =
        bindings.filter(({ tensor }) => tensor === from).length === 1;
      if (!boundOnce || before.last !== i || after.first !== i) continue;
      before.tensors.push(to);
      before.last = after.last;
      tenancies.set(to, before);
      return {
        ...dispatch,
        wgsl: inPlaceForm(dispatch.wgsl, input, output),
        bindings: bindings.filter((_, binding) => binding !== input),
        inPlace: [],
      };
    }
    return dispatch;
  });
}

/** Notes which tenancies may not share a buffer. */
function keepApart(
  dispatches: readonly Dispatch[],
  tenancies: ReadonlyMap<Tensor, Tenancy>,
): void {
  for (const { bindings } of dispatches) {
    for (const { tensor, access } of bindings) {
      const written = access === "write" && tenancies.get(tensor);
      if (!written) continue;
      for (const other of bindings) {
        const met = tenancies.get(other.tensor);
        if (!met || met === written) continue;
        written.apart.add(met);
        met.apart.add(written);
      }
    }
  }
}

interface Held {
  readonly tenancy: Tenancy;
  readonly offset: number;
}

interface Slot {
  readonly bytes: number;
  readonly held: Held[];
}

function fill(tenancies: readonly Tenancy[], sideBySide: boolean): Slot[] {
  const slots: Slot[] = [];
  const bySize = [...tenancies].sort(
    (a, b) => b.bytes - a.bytes || a.first - b.first,
  );
  for (const tenancy of bySize) {
    let offset: number | undefined;
    const slot = slots.find(
      (candidate) =>
        (offset = room(candidate, tenancy, sideBySide)) !== undefined,
    );
    if (slot) slot.held.push({ tenancy, offset: offset! });
    else slots.push({ bytes: tenancy.bytes, held: [{ tenancy, offset: 0 }] });
  }
  return slots;
}

/** The first byte of a slot from which on there is room for a tenancy during its whole life. */
function room(
  { bytes, held }: Slot,
  tenancy: Tenancy,
  sideBySide: boolean,
): number | undefined {
  const neighbours: Held[] = [];
  for (const other of held) {
    const { first, last } = other.tenancy;
    if (tenancy.last < first || last < tenancy.first) continue;
    if (!sideBySide || tenancy.apart.has(other.tenancy)) return undefined;
    neighbours.push(other);
  }
  neighbours.sort((a, b) => a.offset - b.offset);
  let offset = 0;
  for (const other of neighbours) {
    if (other.offset - offset >= tenancy.bytes) break;
    const end = other.offset + other.tenancy.bytes;
    offset = Math.max(offset, Math.ceil(end / alignment) * alignment);
  }
  return offset + tenancy.bytes <= bytes ? offset : undefined;
}

/** The most bytes that are alive during one dispatch (the last entry: after all of them). */
function mostAlive(tenancies: readonly Tenancy[], dispatches: number): number {
  const change = new Float64Array(dispatches + 2);
  for (const { first, last, bytes } of tenancies) {
    change[first]! += bytes;
    change[last + 1]! -= bytes;
  }
  let alive = 0;
  let most = 0;
  for (const bytes of change) most = Math.max(most, (alive += bytes));
  return most;
}

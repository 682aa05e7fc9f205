/** What the element-wise ops share: shape agreement and the dispatch over vec4s. */
import { elementwiseGrid } from "../../../shaders/common.js";
import { ShapeError } from "../errors.js";
import type { Binding, Dispatch, OutputSpec } from "../graph.js";
import { formatShape, wordsOf, type Tensor } from "../tensor.js";

/** vec4s in a padded tensor. */
export function vectorsOf(tensor: Tensor): number {
  return Math.ceil(wordsOf(tensor) / 4);
}

/** The output of an op whose inputs all have one shape. */
export function sameShapeOutput(
  op: string,
  inputs: readonly Tensor[],
): OutputSpec[] {
  const [first, ...others] = inputs;
  if (!first) throw new ShapeError(`${op} needs an input`);
  for (const other of others) {
    if (formatShape(first.shape) !== formatShape(other.shape)) {
      throw new ShapeError(
        `${op}: shapes differ: ${formatShape(first.shape)} and ${formatShape(other.shape)}`,
      );
    }
  }
  return [{ label: op, shape: first.shape, layout: first.layout }];
}

/** Bindings: all reads in order, then all writes in order. */
export function bind(
  reads: readonly Tensor[],
  writes: readonly Tensor[],
): Binding[] {
  return [
    ...reads.map((tensor): Binding => ({ tensor, access: "read" })),
    ...writes.map((tensor): Binding => ({ tensor, access: "write" })),
  ];
}

/** One dispatch with an invocation per vec4 of the first written tensor. */
export function elementwiseDispatch(
  label: string,
  wgsl: (vectors: number) => string,
  reads: readonly Tensor[],
  writes: readonly Tensor[],
): Dispatch {
  const vectors = vectorsOf(writes[0]!);
  return {
    label,
    wgsl: wgsl(vectors),
    bindings: bind(reads, writes),
    workgroups: elementwiseGrid(vectors),
  };
}

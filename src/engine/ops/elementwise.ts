/** What the element-wise ops share: shape agreement and the dispatch over vec4s. */
import { elementwiseGrid, streamGrid } from "../../../shaders/common.js";
import { ShapeError } from "../errors.js";
import type { Binding, Dispatch, InPlace, OutputSpec } from "../graph.js";
import { formatShape, elementsOf, type Tensor } from "../tensor.js";

/** vec4s in a padded tensor. */
export function vectorsOf(tensor: Tensor): number {
  return Math.ceil(elementsOf(tensor) / 4);
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

/** The output, bound last, may lie over any of these inputs. */
export function over(
  bindings: readonly Binding[],
  ...inputs: readonly number[]
): InPlace[] {
  return inputs.map((input) => ({ input, output: bindings.length - 1 }));
}

/**
 * One dispatch with an invocation per vec4 of the first written tensor.
 *
 * @param mayOverwrite positions in `reads` whose place the one output may take.
 */
export function elementwiseDispatch(
  label: string,
  wgsl: (vectors: number) => string,
  reads: readonly Tensor[],
  writes: readonly Tensor[],
  mayOverwrite: readonly number[] = [],
): Dispatch {
  const vectors = vectorsOf(writes[0]!);
  const bindings = bind(reads, writes);
  return {
    label,
    wgsl: wgsl(vectors),
    bindings,
    workgroups: elementwiseGrid(vectors),
    inPlace: over(bindings, ...mayOverwrite),
  };
}

/** Likewise for a streaming kernel (`streamMain`). */
export function streamDispatch(
  ...args: Parameters<typeof elementwiseDispatch>
): Dispatch {
  const [, , , writes] = args;
  const vectors = vectorsOf(writes[0]!);
  return { ...elementwiseDispatch(...args), workgroups: streamGrid(vectors) };
}

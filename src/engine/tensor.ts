/** Symbolic tensors: a shape, a memory layout and where the words live. Values exist only on the GPU. */
import { pad4 } from "../../shaders/common.js";

export { pad4 };

/** `[N, H, W, C]` for activations, `[kh, kw, Cin, Cout]` for weights, `[1, 1, 1, n]` for vectors and plain words. */
export type Shape = readonly [number, number, number, number];

/**
 * How a shape is laid out in elements.
 * - `nhwc`: activations, channels padded to a multiple of 4 (padding holds zeros, always).
 * - `weight`: `[kh][kw][Cin][Cout]`, both channel counts padded to a multiple of 4 with zeros.
 * - `vector`: one value per channel, padded to a multiple of 4 with zeros.
 * - `words`: unpadded 32-bit words (labels, indices, counters, scratch).
 */
export type Layout = "nhwc" | "weight" | "vector" | "words";

/** Where a tensor lives: planned by lifetime into a pooled buffer, or in a buffer that outlives the plan. */
export type Storage =
  | { readonly kind: "planned" }
  | { readonly kind: "parameter" | "gradient" | "state"; readonly name: string }
  | { readonly kind: "resource"; readonly name: string };

export interface Tensor {
  readonly id: number;
  readonly label: string;
  readonly shape: Shape;
  readonly layout: Layout;
  /** How an element is stored. Mixed precision turns f32 into f16, once, when a graph is complete. */
  type: "f32" | "f16";
  /** Reassigned once at most: autodiff turns a planned tensor into a parameter's gradient. */
  storage: Storage;
}

/** Number of elements, padding included. */
export function elementsOf({
  shape,
  layout,
}: Pick<Tensor, "shape" | "layout">): number {
  const [a, b, c, d] = shape;
  switch (layout) {
    case "nhwc":
      return a * b * c * pad4(d);
    case "weight":
      return a * b * pad4(c) * pad4(d);
    case "vector":
      return pad4(d);
    case "words":
      return a * b * c * d;
  }
}

/** Bytes the tensor occupies, as a buffer size (multiple of 16, never 0). Elements are f32 or other 32-bit words where nothing is said. */
export function bytesOf(
  tensor: Pick<Tensor, "shape" | "layout"> & Partial<Pick<Tensor, "type">>,
): number {
  const bytes = elementsOf(tensor) * (tensor.type === "f16" ? 2 : 4);
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** Rows of padded channels → rows of `classes` values. */
export function dropPadding(
  padded: Float32Array,
  rows: number,
  classes: number,
): Float32Array {
  const values = new Float32Array(rows * classes);
  const stride = pad4(classes);
  for (let row = 0; row < rows; row++) {
    values.set(
      padded.subarray(row * stride, row * stride + classes),
      row * classes,
    );
  }
  return values;
}

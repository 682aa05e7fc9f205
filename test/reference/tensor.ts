/**
 * The arrays of the CPU reference: f64, row-major, in logical layouts (no padded channels).
 * Activations are `[N, H, W, C]`, convolution weights `[kh, kw, Cin, Cout]`, per-channel values `[C]`, logits `[N, C]`.
 */
export interface Ref {
  shape: number[];
  data: Float64Array;
}

/**
 * The result of an op that adds products, with what an error bound needs.
 *
 * A floating-point evaluation of Σ aᵢbᵢ over `terms` products in any order is off by at most about
 * `terms · eps · Σ|aᵢbᵢ|` (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., section 3.1), where eps is
 * the unit roundoff of the arithmetic under test. A test therefore asks for |actual − value| ≤ c · terms · eps · magnitude.
 */
export interface Sum {
  value: Ref;
  /** Σ|aᵢbᵢ| behind each element of `value`; the same shape. */
  magnitude: Ref;
  /** How many products the longest sum has. */
  terms: number;
}

/** Unit roundoff of f32, 2^-24. */
export const F32_EPS = 2 ** -24;

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** A tensor of this shape: zeros, or a copy of `data`, whose length must fit. */
export function ref(shape: readonly number[], data?: ArrayLike<number>): Ref {
  const size = sizeOf(shape);
  if (data === undefined) {
    return { shape: [...shape], data: new Float64Array(size) };
  }
  if (data.length !== size) {
    throw new RangeError(
      `shape [${shape.join(", ")}] holds ${size} values, got ${data.length}`,
    );
  }
  return { shape: [...shape], data: Float64Array.from(data) };
}

/** A new tensor of the same shape with `f` applied to every element. */
export function map(x: Ref, f: (value: number, index: number) => number): Ref {
  return { shape: [...x.shape], data: x.data.map((v, i) => f(v, i)) };
}

/** Throws unless both tensors have the same shape. */
export function sameShape(a: Ref, b: Ref): void {
  if (a.shape.join() !== b.shape.join()) {
    throw new RangeError(
      `shapes differ: [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`,
    );
  }
}

/** The four extents of a rank-4 tensor. */
export function extents4(x: Ref): [number, number, number, number] {
  const [a, b, c, d] = x.shape;
  if (
    x.shape.length !== 4 ||
    a === undefined ||
    b === undefined ||
    c === undefined ||
    d === undefined
  ) {
    throw new RangeError(`expected rank 4, got [${x.shape.join(", ")}]`);
  }
  return [a, b, c, d];
}

/** Linear index of element (a, b, c, d) of a row-major rank-4 tensor. */
export function index4(
  x: Ref,
  a: number,
  b: number,
  c: number,
  d: number,
): number {
  return ((a * x.shape[1]! + b) * x.shape[2]! + c) * x.shape[3]! + d;
}

/** Output extent of a convolution or pooling window (floor mode): floor((input + 2·padding − kernel) / stride) + 1. */
export function outputExtent(
  input: number,
  kernel: number,
  stride: number,
  padding: number,
): number {
  const extent = Math.floor((input + 2 * padding - kernel) / stride) + 1;
  if (extent < 1) {
    throw new RangeError(
      `kernel ${kernel} with padding ${padding} does not fit into ${input}`,
    );
  }
  return extent;
}

/**
 * The largest |actual − value| in units of `terms · eps · magnitude`: the smallest c for which `actual` keeps the bound
 * of {@link Sum}. Infinity where the magnitude is 0 and the values differ, or where `actual` is NaN.
 */
export function errorFactor(
  actual: ArrayLike<number>,
  sum: Sum,
  eps = F32_EPS,
): number {
  if (actual.length !== sum.value.data.length) {
    throw new RangeError(
      `expected ${sum.value.data.length} values, got ${actual.length}`,
    );
  }
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - sum.value.data[i]!);
    if (error === 0) continue;
    const unit = sum.terms * eps * sum.magnitude.data[i]!;
    const factor = error / unit;
    worst = Math.max(worst, Number.isNaN(factor) ? Infinity : factor);
  }
  return worst;
}

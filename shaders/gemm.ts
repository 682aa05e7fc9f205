/**
 * The one GEMM core under convolution forward, input gradient and weight gradient: a register block of R rows by
 * 4·V columns per invocation, accumulated from fragments a (of A) and b (of B). Only how fragments are loaded differs.
 *
 * Styles, by the direction of the vec4s (c[row][v] is a vec4 along n):
 * - `kn`: a[row] holds 4 consecutive k of one row; b[j*V + v] holds 4 columns of row k+j.   (forward)
 * - `nk`: a[row] as above; b[j*V + v] holds 4 consecutive k of column 4v+j.                  (input gradient)
 * - `mn`: a[row / 4] holds 4 rows at one k; b[v] holds 4 columns of that k.                  (weight gradient)
 */
import { repeat } from "./common.js";

export type GemmStyle = "kn" | "nk" | "mn";

/** A register block: `rows` rows (a multiple of 4 for `mn`) by `vectors` vec4s of columns. */
export interface Block {
  readonly rows: number;
  readonly vectors: number;
}

const lanes = ["x", "y", "z", "w"] as const;

/** Declares the accumulators c{row}_{v}, zeroed. */
export function declareAccumulators({ rows, vectors }: Block): string {
  return repeat(rows, (r) =>
    repeat(vectors, (v) => `var c${r}_${v} = vec4<f32>();`, " "),
  );
}

/** How many vec4 fragments of A and B one multiplication step consumes, and how many k it covers. */
export function fragmentCounts(
  style: GemmStyle,
  { rows, vectors }: Block,
): { a: number; b: number; k: number } {
  return style === "mn"
    ? { a: rows / 4, b: vectors, k: 1 }
    : { a: rows, b: 4 * vectors, k: 4 };
}

/**
 * How a subgroup of `size` lanes loads `count` fragments of B that all its lanes read: load l of a lane is fragment
 * `fragment(l)`, in at most ⌈count / size⌉ loads, and every lane takes fragment i with `take(name, i)` from loads named name{l}.
 */
export function sharedFragments(count: number, size: number) {
  return {
    loads: Math.ceil(count / size),
    // Where there are more lanes than fragments left, some load the last one again.
    fragment: (l: number) => `min(lane + ${l * size}u, ${count - 1}u)`,
    take: (name: string, i: number) =>
      `subgroupBroadcast(${name}${Math.floor(i / size)}, ${i % size}u)`,
  };
}

/** c += a·b for one step, from fragments named a{i} and b{i}. */
export function multiplyAccumulate(
  style: GemmStyle,
  { rows, vectors }: Block,
): string {
  const each = (text: (r: number, v: number) => string) =>
    repeat(rows, (r) => repeat(vectors, (v) => text(r, v)));
  switch (style) {
    case "kn":
      return repeat(4, (j) =>
        each(
          (r, v) =>
            `c${r}_${v} = fma(vec4<f32>(a${r}.${lanes[j]!}), b${j * vectors + v}, c${r}_${v});`,
        ),
      );
    case "nk":
      return each((r, v) => {
        const dots = repeat(4, (j) => `dot(a${r}, b${j * vectors + v})`, ", ");
        return `c${r}_${v} += vec4<f32>(${dots});`;
      });
    case "mn":
      return each(
        (r, v) =>
          `c${r}_${v} = fma(vec4<f32>(a${r >> 2}.${lanes[r & 3]!}), b${v}, c${r}_${v});`,
      );
  }
}

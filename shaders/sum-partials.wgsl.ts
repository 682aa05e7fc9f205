/**
 * Adds `splits` partial matrices in fixed order: out[i] = Σ_s partials[s][i]. The first `first` vec4s go to output 0, the
 * rest (a bias gradient) to output 1.
 *
 * Bindings: 0 partials, 1 out, 2 rest (only if there is a rest). Dispatch: elementwiseGrid(total).
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { elementwiseMain, storage } from "./common.js";

export interface SumPartialsOptions {
  readonly splits: number;
  /** vec4s that go to output 0 and to output 1. */
  readonly first: number;
  readonly rest: number;
}

export function sumPartials({
  splits,
  first,
  rest,
}: SumPartialsOptions): string {
  const total = first + rest;
  return wgsl`${storage(0, "read", "partials")}
${storage(1, "read_write", "result")}
#if ${rest > 0}
${storage(2, "read_write", "rest")}
#endif
${elementwiseMain(total)}
  var sum = partials[i];
  for (var s = 1u; s < ${splits}u; s++) { sum += partials[s * ${total}u + i]; }
#if ${rest > 0}
  if (i >= ${first}u) { rest[i - ${first}u] = sum; return; }
#endif
  result[i] = sum;
}`;
}

/**
 * Prediction, top-1, top-5 and confusion counts of a batch. The rank of the true class counts strictly larger logits and
 * equal ones with a lower index, so that ties are settled as in argmax. Counters are integers, so atomics stay exact.
 * A row with NaN or Inf (by bit pattern: compilers may remove x != x) counts as `invalid` and as nothing else.
 *
 * Bindings: 0 logits (f32 rows of `stride`), 1 labels, 2 ids (where the row goes), 3 counters
 * `[invalid, correct1, correct5, …, confusion (true · classes + predicted) from word 4]`, 4 all logits `[images][classes]`.
 * Dispatch: elementwiseGrid(samples).
 */
import { elementwiseMain, storage } from "./common.js";

export interface EvaluateOptions {
  readonly samples: number;
  readonly classes: number;
  readonly stride: number;
}

export function evaluate({
  samples,
  classes,
  stride,
}: EvaluateOptions): string {
  return `${storage(0, "read", "logits", "array<f32>")}
${storage(1, "read", "labels", "array<u32>")}
${storage(2, "read", "ids", "array<u32>")}
${storage(3, "read_write", "counters", "array<atomic<u32>>")}
${storage(4, "read_write", "all_logits", "array<f32>")}
${elementwiseMain(samples)}
  let row = i * ${stride}u;
  let label = labels[i];
  let own = logits[row + label];
  var predicted = 0u;
  var rank = 0u;
  var invalid = false;
  for (var c = 0u; c < ${classes}u; c++) {
    let value = logits[row + c];
    all_logits[ids[i] * ${classes}u + c] = value;
    invalid = invalid || (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u;
    if (value > logits[row + predicted]) { predicted = c; }
    if (value > own || (value == own && c < label)) { rank++; }
  }
  if (invalid) { atomicAdd(&counters[0], 1u); return; }
  if (rank < 1u) { atomicAdd(&counters[1], 1u); }
  if (rank < 5u) { atomicAdd(&counters[2], 1u); }
  atomicAdd(&counters[4u + label * ${classes}u + predicted], 1u);
}`;
}

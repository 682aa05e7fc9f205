/**
 * Inverted dropout: y = x·keep/(1−p), the mask a counter-based function of (seed, epoch, sample, layer, element), so that
 * backward recomputes it and the CPU reference draws the same. The element index counts logical NHWC elements.
 */
import { elementwiseMain, storage } from "./common.js";
import { philox, Purpose } from "./random.wgsl.js";
import { stepUniform } from "./step.wgsl.js";

export interface DropoutOptions {
  /** Values per sample: pixels × channels, and the channel count padded to 4. */
  readonly samples: number;
  readonly pixels: number;
  readonly channels: number;
  readonly columns4: number;
  readonly p: number;
  /** Distinguishes the dropout layers of a model. */
  readonly layer: number;
}

/**
 * Bindings: 0 x, 1 sample ids (u32 per sample), 2 step uniform, 3 y. Also its own gradient with dy for x.
 * Dispatch: elementwiseGrid(samples·pixels·columns4).
 */
export function dropout(o: DropoutOptions): string {
  const perSample = o.pixels * o.columns4;
  return `${storage(0, "read", "x")}
${storage(1, "read", "samples", "array<u32>")}
${stepUniform(2)}
${storage(3, "read_write", "y")}
${philox}
${elementwiseMain(o.samples * perSample)}
  let in_sample = i % ${perSample}u;
  let element = (in_sample / ${o.columns4}u) * ${o.channels}u + (in_sample % ${o.columns4}u) * 4u;
  let stream = samples[i / ${perSample}u] ^ ${Math.imul(o.layer, 0x9e3779b9) >>> 0}u;
  let first = philox4x32(vec4<u32>(element / 4u, stream, step.epoch, ${Purpose.dropout}u), step.seed);
  let second = philox4x32(vec4<u32>(element / 4u + 1u, stream, step.epoch, ${Purpose.dropout}u), step.seed);
  var words = array<u32, 8>(first.x, first.y, first.z, first.w, second.x, second.y, second.z, second.w);
  let value = x[i];
  var kept = vec4<f32>();
  for (var lane = 0u; lane < 4u; lane++) {
    if (unit(words[element % 4u + lane]) >= ${Math.fround(o.p)}) { kept[lane] = value[lane] / ${Math.fround(1 - o.p)}; }
  }
  y[i] = kept;
}`;
}

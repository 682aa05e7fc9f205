/**
 * Copies a range of channels from one tensor into a range of another: concat along C is one such copy per input, its
 * gradient (a split) one per output. Works channel by channel, since the ranges need not start at a multiple of 4.
 */
import { elementwiseMain, storage } from "./common.js";

export interface CopyChannelsOptions {
  readonly rows: number;
  /** Channels to copy, and for each side the first channel and the padded row length. */
  readonly channels: number;
  readonly from: number;
  readonly fromStride: number;
  readonly to: number;
  readonly toStride: number;
  /** The copy also writes zeros up to this many channels (the destination's padding). */
  readonly zeroTo: number;
}

/** Bindings: 0 source, 1 destination (both f32). Dispatch: elementwiseGrid(rows·max(channels, zeroTo)). */
export function copyChannels(o: CopyChannelsOptions): string {
  const width = Math.max(o.channels, o.zeroTo);
  return `${storage(0, "read", "source", "array<f32>")}
${storage(1, "read_write", "destination", "array<f32>")}
${elementwiseMain(o.rows * width)}
  let row = i / ${width}u;
  let c = i % ${width}u;
  var value = 0.0;
  if (c < ${o.channels}u) { value = source[row * ${o.fromStride}u + ${o.from}u + c]; }
  destination[row * ${o.toStride}u + ${o.to}u + c] = value;
}`;
}

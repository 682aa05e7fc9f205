/**
 * Concatenation along the channels: y[n,h,w,offset_k + c] = x_k[n,h,w,c] with offset_k = Σ_{j<k} C_j.
 * Its backward is the split of dy at the same offsets. Exact: only copies.
 */
import { extents4, index4, ref, type Ref } from "./tensor.js";

/** Inputs `[N,H,W,C_k]` → `[N,H,W,ΣC_k]`. */
export function concat(inputs: readonly Ref[]): Ref {
  const [batch, height, width] = extents4(inputs[0]!);
  const channels = inputs.map((x) => extents4(x)[3]);
  const y = ref([batch, height, width, channels.reduce((a, b) => a + b, 0)]);
  let offset = 0;
  for (const x of inputs) {
    const [n0, h0, w0, c0] = extents4(x);
    if (n0 !== batch || h0 !== height || w0 !== width) {
      throw new RangeError("concat needs equal N, H and W");
    }
    copyChannels(x, y, offset, "join");
    offset += c0;
  }
  return y;
}

/** dy `[N,H,W,ΣC_k]` and the channel counts C_k → the gradient of each input. */
export function concatBackward(dy: Ref, channels: readonly number[]): Ref[] {
  const [batch, height, width, total] = extents4(dy);
  if (channels.reduce((a, b) => a + b, 0) !== total) {
    throw new RangeError(`channels ${channels.join("+")} are not ${total}`);
  }
  let offset = 0;
  return channels.map((count) => {
    const dx = ref([batch, height, width, count]);
    copyChannels(dx, dy, offset, "split");
    offset += count;
    return dx;
  });
}

/** Copies the narrow tensor to ("join") or from ("split") the channels of the wide one that start at `offset`. */
function copyChannels(
  narrow: Ref,
  wide: Ref,
  offset: number,
  direction: "join" | "split",
): void {
  const [batch, height, width, channels] = extents4(narrow);
  for (let n = 0; n < batch; n++) {
    for (let h = 0; h < height; h++) {
      for (let w = 0; w < width; w++) {
        for (let c = 0; c < channels; c++) {
          const at = index4(narrow, n, h, w, c);
          const from = index4(wide, n, h, w, offset + c);
          if (direction === "join") wide.data[from] = narrow.data[at]!;
          else narrow.data[at] = wide.data[from]!;
        }
      }
    }
  }
}

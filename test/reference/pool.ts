/**
 * Pooling in floor mode, one window of kernel × kernel per output pixel and channel:
 *
 *   max:    y = max of the window; padding counts as −∞; dx gets dy at the first maximum in row-major window order.
 *   avg:    y = Σ window / kernel²; padding counts as 0 and is counted (count_include_pad = true); dx = Σ dy / kernel².
 *   global: y[n,0,0,c] = Σ_{h,w} x[n,h,w,c] / (H·W); dx = dy / (H·W).
 *
 * Source: torch.nn.MaxPool2d, AvgPool2d and AdaptiveAvgPool2d(1) with their default options. Finite values only.
 */
import {
  extents4,
  index4,
  outputExtent,
  ref,
  sizeOf,
  type Ref,
  type Sum,
} from "./tensor.js";

/** Square windows; stride and padding in pixels. PyTorch asks for padding ≤ kernel / 2. */
export interface PoolOptions {
  kernel: number;
  stride: number;
  padding: number;
}

/** Shape of the pooled tensor. */
function pooledShape(shape: readonly number[], o: PoolOptions): number[] {
  return [
    shape[0]!,
    outputExtent(shape[1]!, o.kernel, o.stride, o.padding),
    outputExtent(shape[2]!, o.kernel, o.stride, o.padding),
    shape[3]!,
  ];
}

/** Calls `visit` for every (input element, output element) pair that a window joins, outputs and windows in row-major order. */
function forEachPair(
  x: Ref,
  y: Ref,
  { kernel, stride, padding }: PoolOptions,
  visit: (xi: number, yi: number) => void,
): void {
  const [, height, width] = extents4(x);
  const [batch, outHeight, outWidth, channels] = extents4(y);
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < outHeight; p++) {
      for (let q = 0; q < outWidth; q++) {
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < kernel; i++) {
            for (let j = 0; j < kernel; j++) {
              const h = p * stride + i - padding;
              const w = q * stride + j - padding;
              if (h < 0 || h >= height || w < 0 || w >= width) continue;
              visit(index4(x, n, h, w, c), index4(y, n, p, q, c));
            }
          }
        }
      }
    }
  }
}

/** x `[N,H,W,C]` → the maxima `[N,Ho,Wo,C]` and the linear index into x of each (the first, row-major, on ties). */
export function maxPool(
  x: Ref,
  options: PoolOptions,
): { value: Ref; argmax: Int32Array } {
  const value = ref(pooledShape(x.shape, options));
  value.data.fill(-Infinity);
  const argmax = new Int32Array(value.data.length).fill(-1);
  forEachPair(x, value, options, (xi, yi) => {
    if (x.data[xi]! > value.data[yi]!) {
      value.data[yi] = x.data[xi]!;
      argmax[yi] = xi;
    }
  });
  return { value, argmax };
}

/** dy `[N,Ho,Wo,C]` and the forward pass's argmax → dx of shape `inputShape`; overlapping windows add up. */
export function maxPoolBackward(
  dy: Ref,
  argmax: Int32Array,
  inputShape: readonly number[],
  { kernel, stride }: PoolOptions,
): Sum {
  const value = ref(inputShape);
  const magnitude = ref(inputShape);
  dy.data.forEach((d, yi) => {
    value.data[argmax[yi]!]! += d;
    magnitude.data[argmax[yi]!]! += Math.abs(d);
  });
  return { value, magnitude, terms: Math.ceil(kernel / stride) ** 2 };
}

/** x `[N,H,W,C]` → `[N,Ho,Wo,C]`. */
export function avgPool(x: Ref, options: PoolOptions): Sum {
  const value = ref(pooledShape(x.shape, options));
  const magnitude = ref(value.shape);
  const area = options.kernel ** 2;
  forEachPair(x, value, options, (xi, yi) => {
    value.data[yi]! += x.data[xi]! / area;
    magnitude.data[yi]! += Math.abs(x.data[xi]!) / area;
  });
  return { value, magnitude, terms: area };
}

/** dy `[N,Ho,Wo,C]` → dx of shape `inputShape`. */
export function avgPoolBackward(
  dy: Ref,
  inputShape: readonly number[],
  options: PoolOptions,
): Sum {
  const value = ref(inputShape);
  const magnitude = ref(inputShape);
  const { kernel, stride } = options;
  forEachPair(value, dy, options, (xi, yi) => {
    value.data[xi]! += dy.data[yi]! / kernel ** 2;
    magnitude.data[xi]! += Math.abs(dy.data[yi]!) / kernel ** 2;
  });
  return { value, magnitude, terms: Math.ceil(kernel / stride) ** 2 };
}

/** x `[N,H,W,C]` → `[N,1,1,C]`. */
export function globalAvgPool(x: Ref): Sum {
  const [batch, height, width, channels] = extents4(x);
  const value = ref([batch, 1, 1, channels]);
  const magnitude = ref(value.shape);
  const area = height * width;
  for (let n = 0; n < batch; n++) {
    for (let h = 0; h < height; h++) {
      for (let w = 0; w < width; w++) {
        for (let c = 0; c < channels; c++) {
          const v = x.data[index4(x, n, h, w, c)]! / area;
          value.data[n * channels + c]! += v;
          magnitude.data[n * channels + c]! += Math.abs(v);
        }
      }
    }
  }
  return { value, magnitude, terms: area };
}

/** dy `[N,1,1,C]` → dx of shape `inputShape` `[N,H,W,C]`. */
export function globalAvgPoolBackward(
  dy: Ref,
  inputShape: readonly number[],
): Ref {
  const dx = ref(inputShape);
  const [, height, width, channels] = extents4(dx);
  const perSample = sizeOf(inputShape.slice(1));
  for (let i = 0; i < dx.data.length; i++) {
    const n = Math.floor(i / perSample);
    dx.data[i] = dy.data[n * channels + (i % channels)]! / (height * width);
  }
  return dx;
}

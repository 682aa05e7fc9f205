/**
 * Two-dimensional convolution (cross-correlation, as torch.nn.functional.conv2d computes it) and its gradients:
 *
 *   y[n,p,q,o]  = bias[o] + Σ_{i,j,c} x[n, p·s+i−pad, q·s+j−pad, c] · w[i,j,c,o]      (x is 0 outside)
 *   dx[n,h,v,c] = Σ_{p,q,i,j,o : p·s+i−pad = h, q·s+j−pad = v} dy[n,p,q,o] · w[i,j,c,o]
 *   dw[i,j,c,o] = Σ_{n,p,q} x[n, p·s+i−pad, q·s+j−pad, c] · dy[n,p,q,o]
 *   db[o]       = Σ_{n,p,q} dy[n,p,q,o]
 *
 * A linear layer is the convolution whose kernel covers the whole input. Source: Goodfellow, Bengio and Courville,
 * "Deep Learning", section 9.5; the PyTorch documentation of torch.nn.Conv2d.
 */
import {
  extents4,
  index4,
  outputExtent,
  ref,
  type Ref,
  type Sum,
} from "./tensor.js";

/** The same stride and zero padding (in pixels) in both directions. */
export interface ConvOptions {
  stride: number;
  padding: number;
}

/** One product of a convolution: the linear indices of the elements of x, w and y that it joins. */
type Visit = (x: number, w: number, y: number) => void;

/** Calls `visit` with the linear indices of every product x·w that goes into y. All three passes share this loop. */
function forEachProduct(
  x: Ref,
  w: Ref,
  y: Ref,
  { stride, padding }: ConvOptions,
  visit: Visit,
): void {
  const [, height, width, channels] = extents4(x);
  const [kh, kw, weightChannels, outputs] = extents4(w);
  const [batch, outHeight, outWidth, outChannels] = extents4(y);
  if (
    weightChannels !== channels ||
    outChannels !== outputs ||
    x.shape[0] !== batch ||
    outHeight !== outputExtent(height, kh, stride, padding) ||
    outWidth !== outputExtent(width, kw, stride, padding)
  ) {
    throw new RangeError(
      `x [${x.shape.join(", ")}], w [${w.shape.join(", ")}] and y [${y.shape.join(", ")}] do not fit`,
    );
  }
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < outHeight; p++) {
      for (let q = 0; q < outWidth; q++) {
        for (let i = 0; i < kh; i++) {
          for (let j = 0; j < kw; j++) {
            const h = p * stride + i - padding;
            const v = q * stride + j - padding;
            if (h < 0 || h >= height || v < 0 || v >= width) continue;
            for (let c = 0; c < channels; c++) {
              for (let o = 0; o < outputs; o++) {
                visit(
                  index4(x, n, h, v, c),
                  index4(w, i, j, c, o),
                  index4(y, n, p, q, o),
                );
              }
            }
          }
        }
      }
    }
  }
}

/** x `[N,H,W,Cin]`, w `[kh,kw,Cin,Cout]`, bias `[Cout]` or null → y `[N,Ho,Wo,Cout]`. */
export function conv2d(
  x: Ref,
  w: Ref,
  bias: Ref | null,
  options: ConvOptions,
): Sum {
  const [batch, height, width] = extents4(x);
  const [kh, kw, channels, outputs] = extents4(w);
  const value = ref([
    batch,
    outputExtent(height, kh, options.stride, options.padding),
    outputExtent(width, kw, options.stride, options.padding),
    outputs,
  ]);
  const magnitude = ref(value.shape);
  forEachProduct(x, w, value, options, (xi, wi, yi) => {
    const product = x.data[xi]! * w.data[wi]!;
    value.data[yi]! += product;
    magnitude.data[yi]! += Math.abs(product);
  });
  if (bias !== null) {
    for (let yi = 0; yi < value.data.length; yi++) {
      value.data[yi]! += bias.data[yi % outputs]!;
      magnitude.data[yi]! += Math.abs(bias.data[yi % outputs]!);
    }
  }
  return { value, magnitude, terms: kh * kw * channels + (bias ? 1 : 0) };
}

/** dy `[N,Ho,Wo,Cout]`, w `[kh,kw,Cin,Cout]` → dx of shape `inputShape` `[N,H,W,Cin]`. */
export function conv2dGradInput(
  dy: Ref,
  w: Ref,
  options: ConvOptions & { inputShape: readonly number[] },
): Sum {
  const [kh, kw, , outputs] = extents4(w);
  const value = ref(options.inputShape);
  const magnitude = ref(options.inputShape);
  forEachProduct(value, w, dy, options, (xi, wi, yi) => {
    const product = dy.data[yi]! * w.data[wi]!;
    value.data[xi]! += product;
    magnitude.data[xi]! += Math.abs(product);
  });
  return { value, magnitude, terms: kh * kw * outputs };
}

/** x `[N,H,W,Cin]`, dy `[N,Ho,Wo,Cout]`, kernel `[kh,kw]` → dw `[kh,kw,Cin,Cout]`. */
export function conv2dGradWeight(
  x: Ref,
  dy: Ref,
  options: ConvOptions & { kernel: readonly [number, number] },
): Sum {
  const [batch, outHeight, outWidth, outputs] = extents4(dy);
  const value = ref([...options.kernel, extents4(x)[3], outputs]);
  const magnitude = ref(value.shape);
  forEachProduct(x, value, dy, options, (xi, wi, yi) => {
    const product = x.data[xi]! * dy.data[yi]!;
    value.data[wi]! += product;
    magnitude.data[wi]! += Math.abs(product);
  });
  return { value, magnitude, terms: batch * outHeight * outWidth };
}

/** dy `[N,Ho,Wo,Cout]` → db `[Cout]`. */
export function biasGrad(dy: Ref): Sum {
  const [batch, outHeight, outWidth, outputs] = extents4(dy);
  const value = ref([outputs]);
  const magnitude = ref([outputs]);
  dy.data.forEach((d, yi) => {
    value.data[yi % outputs]! += d;
    magnitude.data[yi % outputs]! += Math.abs(d);
  });
  return { value, magnitude, terms: batch * outHeight * outWidth };
}

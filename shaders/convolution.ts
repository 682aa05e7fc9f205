/** Geometry of a convolution and the two index functions that turn it into a GEMM without an im2col buffer. */
import { pad4 } from "./common.js";

/** A convolution from x `[n, h, w, cin]` to y `[n, oh, ow, cout]`, weights `[kh][kw][cin][cout]`. */
export interface ConvGeometry {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly cin: number;
  readonly oh: number;
  readonly ow: number;
  readonly cout: number;
  readonly kh: number;
  readonly kw: number;
  readonly stride: number;
  readonly padding: number;
}

/**
 * The same convolution in the fewest dimensions. A 1×1 kernel (stride 1, no padding) and a kernel that covers the whole
 * input (a linear layer) are plain matrix products: all pixels then form one row of an image, so that no kernel has to
 * decode positions or taps. Memory layouts are unchanged.
 */
export function simplify(g: ConvGeometry): ConvGeometry {
  const plain = {
    n: 1,
    h: 1,
    oh: 1,
    kh: 1,
    kw: 1,
    stride: 1,
    padding: 0,
    cout: g.cout,
  };
  if (
    g.padding === 0 &&
    g.oh === 1 &&
    g.ow === 1 &&
    g.kh === g.h &&
    g.kw === g.w
  ) {
    return { ...plain, w: g.n, ow: g.n, cin: g.kh * g.kw * pad4(g.cin) };
  }
  if (g.padding === 0 && g.kh === 1 && g.kw === 1 && g.stride === 1) {
    const pixels = g.n * g.h * g.w;
    return { ...plain, w: pixels, ow: pixels, cin: g.cin };
  }
  return g;
}

/** Operations of one pass over it (forward, input or weight gradient), two per multiply-add. */
export function convFlops(g: ConvGeometry): number {
  return 2 * g.n * g.oh * g.ow * g.kh * g.kw * g.cin * g.cout;
}

/** Channel counts in vec4s. */
export function vec4Channels({ cin, cout }: ConvGeometry): {
  cin4: number;
  cout4: number;
} {
  return { cin4: pad4(cin) / 4, cout4: pad4(cout) / 4 };
}

/**
 * `pixel(m)`: decodes output pixel m of `[n, oh, ow]` into (image offset in vec4s, top row, left column) of x.
 * `tap(p, kh, kw)`: the vec4 index of x's first channel under that tap, or −1 in the zero padding.
 */
export function forwardIndex(g: ConvGeometry): string {
  const { cin4 } = vec4Channels(g);
  const inside =
    g.padding === 0
      ? ""
      : `if (y < 0 || y >= ${g.h} || x < 0 || x >= ${g.w}) { return -1; }`;
  return /* wgsl */ `
fn pixel(m: u32) -> vec3<i32> {
  let in_image = m % ${g.oh * g.ow}u;
  return vec3<i32>(
    i32(m / ${g.oh * g.ow}u) * ${g.h * g.w * cin4},
    i32(in_image / ${g.ow}u) * ${g.stride} - ${g.padding},
    i32(in_image % ${g.ow}u) * ${g.stride} - ${g.padding});
}

fn tap(p: vec3<i32>, kh: i32, kw: i32) -> i32 {
  let y = p.y + kh;
  let x = p.z + kw;
  ${inside}
  return p.x + (y * ${g.w} + x) * ${cin4};
}
`;
}

/**
 * The transpose, in gather form, of one class of input pixels (conv2d-gather-rows.ts), at stride 1 of all of them:
 * `pixel(m, y0, x0)` decodes row m of `[n, rowsH, rowsW]`, whose pixel (0, 0) has output pixel (y0, x0) under its tap (0, 0);
 * `tap` finds the output pixel of dy under tap (ty, tx), or −1 when there is none.
 */
export function backwardIndex(
  g: ConvGeometry,
  rowsH: number,
  rowsW: number,
): string {
  const { cout4 } = vec4Channels(g);
  return /* wgsl */ `
fn pixel(m: u32, y0: i32, x0: i32) -> vec3<i32> {
  let in_image = m % ${rowsH * rowsW}u;
  return vec3<i32>(
    i32(m / ${rowsH * rowsW}u) * ${g.oh * g.ow * cout4},
    i32(in_image / ${rowsW}u) + y0,
    i32(in_image % ${rowsW}u) + x0);
}

fn tap(p: vec3<i32>, ty: i32, tx: i32) -> i32 {
  let y = p.y - ty;
  let x = p.z - tx;
  if (y < 0 || y >= ${g.oh} || x < 0 || x >= ${g.ow}) { return -1; }
  return p.x + (y * ${g.ow} + x) * ${cout4};
}
`;
}

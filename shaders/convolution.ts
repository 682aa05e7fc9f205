/** Geometry of a convolution and the two index functions that turn it into a GEMM without an im2col buffer. */
import { pad4 } from "../src/engine/tensor.js";

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
 * The transpose, in gather form: `pixel(m)` decodes input pixel m of `[n, h, w]`; `tap` finds the output pixel of dy
 * whose window has that input pixel under tap (kh, kw), or −1 when there is none.
 */
export function backwardIndex(g: ConvGeometry): string {
  const { cout4 } = vec4Channels(g);
  const strided =
    g.stride === 1
      ? ""
      : `if (y % ${g.stride} != 0 || x % ${g.stride} != 0) { return -1; }`;
  return /* wgsl */ `
fn pixel(m: u32) -> vec3<i32> {
  let in_image = m % ${g.h * g.w}u;
  return vec3<i32>(
    i32(m / ${g.h * g.w}u) * ${g.oh * g.ow * cout4},
    i32(in_image / ${g.w}u) + ${g.padding},
    i32(in_image % ${g.w}u) + ${g.padding});
}

fn tap(p: vec3<i32>, kh: i32, kw: i32) -> i32 {
  let y = p.y - kh;
  let x = p.z - kw;
  if (y < 0 || x < 0) { return -1; }
  ${strided}
  let oy = y / ${g.stride};
  let ox = x / ${g.stride};
  if (oy >= ${g.oh} || ox >= ${g.ow}) { return -1; }
  return p.x + (oy * ${g.ow} + ox) * ${cout4};
}
`;
}

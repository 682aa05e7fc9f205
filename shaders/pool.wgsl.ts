/**
 * Max pooling, average pooling and global average pooling, forward and backward. Backward gathers: each input position
 * visits the windows that cover it, so no atomics are needed and the order of additions is fixed.
 */
import { wgsl } from "wgsl-preprocessor/wgsl-preprocessor.js";
import { elementwiseMain, rectified, storage } from "./common.js";

/** Pooling from `[n, h, w, 4·columns4]` to `[n, oh, ow, 4·columns4]`. */
export interface PoolGeometry {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly oh: number;
  readonly ow: number;
  readonly columns4: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** Decodes `i` over [n, height, width, columns4] into c, x, y and the image number. */
function decode(height: number, width: number, columns4: number): string {
  return `let c = i % ${columns4}u;
  let x0 = i32((i / ${columns4}u) % ${width}u);
  let y0 = i32((i / ${columns4 * width}u) % ${height}u);
  let image = i / ${columns4 * width * height}u;`;
}

/** Loops over the input positions of the window of output (y0, x0); `at` is the input's index, `position` the place. */
function windowLoop(g: PoolGeometry, body: string): string {
  return wgsl`for (var ky = 0; ky < ${g.kernel}; ky++) {
    let y = y0 * ${g.stride} - ${g.padding} + ky;
    #if ${g.padding > 0}if (y < 0 || y >= ${g.h}) { continue; }#endif 
    for (var kx = 0; kx < ${g.kernel}; kx++) {
      let x = x0 * ${g.stride} - ${g.padding} + kx;
      #if ${g.padding > 0}if (x < 0 || x >= ${g.w}) { continue; }#endif 
      let position = u32(ky * ${g.kernel} + kx);
      let at = ((image * ${g.h}u + u32(y)) * ${g.w}u + u32(x)) * ${g.columns4}u + c;
      ${body}
    }
  }`;
}

/** Loops over the windows that cover input (y0, x0); `at` is the output's index, `position` the input's place in it. */
function coveringLoop(g: PoolGeometry, body: string): string {
  return `let top = max((y0 + ${g.padding} - ${g.kernel - 1} + ${g.stride - 1}) / ${g.stride}, 0);
  let left = max((x0 + ${g.padding} - ${g.kernel - 1} + ${g.stride - 1}) / ${g.stride}, 0);
  let bottom = min((y0 + ${g.padding}) / ${g.stride}, ${g.oh - 1});
  let right = min((x0 + ${g.padding}) / ${g.stride}, ${g.ow - 1});
  for (var oy = top; oy <= bottom; oy++) {
    for (var ox = left; ox <= right; ox++) {
      let position = u32((y0 + ${g.padding} - oy * ${g.stride}) * ${g.kernel} + x0 + ${g.padding} - ox * ${g.stride});
      let at = ((image * ${g.oh}u + u32(oy)) * ${g.ow}u + u32(ox)) * ${g.columns4}u + c;
      ${body}
    }
  }`;
}

/** By the bits: a compiler may take comparisons for such of numbers. */
const isNan = /* wgsl */ `
fn is_nan(v: vec4<f32>) -> vec4<bool> { return (bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u); }
`;

/**
 * Max pooling with the place of each maximum (the first in row-major order, or NaN, as in PyTorch), one byte per channel.
 * Bindings: 0 x, 1 y, 2 places (u32 per vec4). Dispatch: elementwiseGrid(n·oh·ow·columns4). The kernel is at most 16.
 */
export function maxPool(g: PoolGeometry, relu: boolean): string {
  return wgsl`${storage(0, "read", "x_in")}
${storage(1, "read_write", "y_out")}
${storage(2, "read_write", "places", "array<u32>")}
${isNan}
${elementwiseMain(g.n * g.oh * g.ow * g.columns4)}
  ${decode(g.oh, g.ow, g.columns4)}
  var best = vec4<f32>(-3.4028234663852886e38);
  var place = vec4<u32>();
  ${windowLoop(g, "let value = x_in[at]; let more = (value > best) | is_nan(value); place = select(place, vec4<u32>(position), more); best = select(best, value, more);")}
#if ${relu}
  best = ${rectified("best")};
#endif
  y_out[i] = best;
  places[i] = place.x | (place.y << 8u) | (place.z << 16u) | (place.w << 24u);
}`;
}

/** Bindings: 0 dy, 1 places, 2 dx. Dispatch: elementwiseGrid(n·h·w·columns4). */
export function maxPoolGrad(g: PoolGeometry): string {
  return `${storage(0, "read", "dy")}
${storage(1, "read", "places", "array<u32>")}
${storage(2, "read_write", "dx")}
${elementwiseMain(g.n * g.h * g.w * g.columns4)}
  ${decode(g.h, g.w, g.columns4)}
  var sum = vec4<f32>();
  ${coveringLoop(
    g,
    `let place = (vec4<u32>(places[at]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
      sum += select(vec4<f32>(), dy[at], place == vec4<u32>(position));`,
  )}
  dx[i] = sum;
}`;
}

/** Average pooling; the divisor is the whole kernel (PyTorch's count_include_pad). Bindings: 0 x, 1 y. */
export function averagePool(g: PoolGeometry): string {
  return `${storage(0, "read", "x_in")}
${storage(1, "read_write", "y_out")}
${elementwiseMain(g.n * g.oh * g.ow * g.columns4)}
  ${decode(g.oh, g.ow, g.columns4)}
  var sum = vec4<f32>();
  ${windowLoop(g, "_ = position; sum += x_in[at];")}
  y_out[i] = sum / ${g.kernel * g.kernel}.0;
}`;
}

/** Bindings: 0 dy, 1 dx. Dispatch: elementwiseGrid(n·h·w·columns4). */
export function averagePoolGrad(g: PoolGeometry): string {
  return `${storage(0, "read", "dy")}
${storage(1, "read_write", "dx")}
${elementwiseMain(g.n * g.h * g.w * g.columns4)}
  ${decode(g.h, g.w, g.columns4)}
  var sum = vec4<f32>();
  ${coveringLoop(g, "_ = position; sum += dy[at];")}
  dx[i] = sum / ${g.kernel * g.kernel}.0;
}`;
}

/** Mean over all `pixels` of an image. Bindings: 0 x, 1 y. Dispatch: elementwiseGrid(n·columns4). */
export function globalAveragePool(
  n: number,
  pixels: number,
  columns4: number,
): string {
  return `${storage(0, "read", "x")}
${storage(1, "read_write", "y")}
${elementwiseMain(n * columns4)}
  var sum = vec4<f32>();
  let first = (i / ${columns4}u) * ${pixels * columns4}u + i % ${columns4}u;
  for (var p = 0u; p < ${pixels}u; p++) { sum += x[first + p * ${columns4}u]; }
  y[i] = sum / ${pixels}.0;
}`;
}

/** Bindings: 0 dy, 1 dx. Dispatch: elementwiseGrid(n·pixels·columns4). */
export function globalAveragePoolGrad(
  n: number,
  pixels: number,
  columns4: number,
): string {
  return `${storage(0, "read", "dy")}
${storage(1, "read_write", "dx")}
${elementwiseMain(n * pixels * columns4)}
  dx[i] = dy[(i / ${pixels * columns4}u) * ${columns4}u + i % ${columns4}u] / ${pixels}.0;
}`;
}

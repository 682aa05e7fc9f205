/**
 * Scales an image so that its shorter side has a given size, and crops the centre: for pages, whose own scaling differs
 * from browser to browser. As libvips does it for sharp in Node, to about one level in 256: whole blocks of pixels are
 * averaged down to between two and four times the size, then a Lanczos filter takes the rest of the way; what is smaller
 * is enlarged by a cubic.
 */
export interface PixelRows {
  readonly width: number;
  readonly height: number;
  /** `count` rows from `top` on, R, G, B and a fourth byte that counts for nothing, row-major. */
  rows(top: number, count: number): Uint8ClampedArray | Uint8Array;
}

/** Pixels that are asked for at once, about. */
const bandPixels = 2 ** 20;

/** @returns `[3][size][size]` bytes; an image whose shorter side has the size already keeps its pixels exactly. */
export function scaleToCover(image: PixelRows, size: number): Uint8Array {
  const shorter = Math.min(image.width, image.height);
  const block = Math.max(1, Math.floor(shorter / size / 2));
  const { width, height, planes } = averageBlocks(image, block);
  const factor = shorter / size;
  const across = filterTaps(image.width, factor, block, size);
  const down = filterTaps(image.height, factor, block, size);
  const result = new Uint8Array(3 * size * size);
  const narrow = new Float32Array(height * size);
  planes.forEach((plane, c) => {
    for (let y = 0; y < height; y++)
      across.forEach(({ first, weights }, x) => {
        let sum = 0;
        for (let i = 0; i < weights.length; i++)
          sum += weights[i]! * plane[y * width + first + i]!;
        narrow[y * size + x] = sum;
      });
    down.forEach(({ first, weights }, y) => {
      for (let x = 0; x < size; x++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++)
          sum += weights[i]! * narrow[(first + i) * size + x]!;
        result[(c * size + y) * size + x] = Math.max(
          0,
          Math.min(255, Math.round(sum)),
        );
      }
    });
  });
  return result;
}

/** Means of blocks of block × block pixels, fewer at the right and lower edges. */
function averageBlocks(image: PixelRows, block: number) {
  const width = Math.ceil(image.width / block);
  const height = Math.ceil(image.height / block);
  const planes = [0, 1, 2].map(() => new Float32Array(width * height));
  const [red, green, blue] = planes as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const band =
    block * Math.max(1, Math.floor(bandPixels / image.width / block));
  for (let top = 0; top < image.height; top += band) {
    const count = Math.min(band, image.height - top);
    const pixels = image.rows(top, count);
    for (let y = 0; y < count; y++) {
      const row = Math.floor((top + y) / block) * width;
      let at = 4 * y * image.width;
      for (let x = 0; x < image.width; x++, at += 4) {
        const to = row + Math.floor(x / block);
        red[to]! += pixels[at]!;
        green[to]! += pixels[at + 1]!;
        blue[to]! += pixels[at + 2]!;
      }
    }
  }
  for (let y = 0; y < height; y++) {
    const rows = Math.min(block, image.height - y * block);
    for (let x = 0; x < width; x++) {
      const pixels = rows * Math.min(block, image.width - x * block);
      for (const plane of planes) plane[y * width + x]! /= pixels;
    }
  }
  return { width, height, planes };
}

/** The pixels that make an output pixel. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * Filters of the centre of a scaled line.
 *
 * @param length Pixels before blocks were averaged.
 * @param factor Pixels that become one.
 * @param size Pixels that are kept of the scaled line.
 */
function filterTaps(
  length: number,
  factor: number,
  block: number,
  size: number,
): Taps[] {
  const scaled = Math.max(size, Math.round(length / factor));
  const offset = Math.floor((scaled - size + 1) / 2);
  // Reduced, both lines have their centres in one place; enlarged, libvips lets them begin together.
  const shift = factor >= 1 ? (scaled * factor - length) / 2 : factor / 2;
  const blocks = Math.ceil(length / block);
  // Enlarged, a cubic between four pixels; reduced, Lanczos over three output pixels to each side.
  const [kernel, reach, stretch] =
    factor > 1
      ? ([lanczos, (3 * factor) / block, factor / block] as const)
      : ([cubic, 2, 1] as const);
  return Array.from({ length: size }, (_, i) => {
    const centre = ((offset + i + 0.5) * factor - shift) / block - 0.5;
    const first = Math.ceil(centre - reach);
    const last = Math.floor(centre + reach);
    // Beyond the edges lie copies of the outermost pixels.
    const inside = (at: number) => Math.max(0, Math.min(blocks - 1, at));
    const weights = Array<number>(inside(last) - inside(first) + 1).fill(0);
    let sum = 0;
    for (let at = first; at <= last; at++) {
      const weight = kernel((at - centre) / stretch);
      weights[inside(at) - inside(first)]! += weight;
      sum += weight;
    }
    return { first: inside(first), weights: weights.map((w) => w / sum) };
  });
}

/** The Lanczos kernel of three lobes. */
function lanczos(x: number): number {
  if (Math.abs(x) < 1e-9) return 1;
  if (Math.abs(x) >= 3) return 0;
  const a = Math.PI * x;
  return (3 * Math.sin(a) * Math.sin(a / 3)) / (a * a);
}

/** Catmull and Rom's cubic. */
function cubic(x: number): number {
  const a = Math.abs(x);
  if (a >= 2) return 0;
  return a < 1
    ? (1.5 * a - 2.5) * a * a + 1
    : ((-0.5 * a + 2.5) * a - 4) * a + 2;
}

import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { decodeWithSharp } from "../../src/data/node-decode.js";
import { type PixelRows, scaleToCover } from "../../src/data/resize.js";

/** A scene with edges, slopes and fine texture. */
function scene(width: number, height: number): Buffer {
  const pixels = Buffer.alloc(3 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / width, y / height];
      const disc = Math.hypot(u - 0.4, v - 0.6) < 0.3 ? 120 : 0;
      const texture = 25 * Math.sin(x * 1.1) * Math.cos(y * 0.7);
      const at = 3 * (y * width + x);
      pixels[at] = 60 + disc + texture;
      pixels[at + 1] = 255 * u;
      pixels[at + 2] = 200 * v * (1 - u) + 30;
    }
  return pixels;
}

function rowsOf(pixels: Buffer, width: number, height: number): PixelRows {
  return {
    width,
    height,
    rows: (top, count) => {
      const rgba = new Uint8Array(4 * width * count).fill(7);
      for (let i = 0; i < width * count; i++)
        for (let c = 0; c < 3; c++)
          rgba[4 * i + c] = pixels[3 * (top * width + i) + c]!;
      return rgba;
    },
  };
}

async function difference(width: number, height: number, size: number) {
  const pixels = scene(width, height);
  const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
  const expected = await decodeWithSharp(png, size);
  const actual = scaleToCover(rowsOf(pixels, width, height), size);
  expect(actual).toHaveLength(expected.length);
  const errors = actual.map((value, i) => Math.abs(value - expected[i]!));
  return {
    mean: errors.reduce((a, b) => a + b, 0) / errors.length,
    most: Math.max(...errors),
  };
}

describe("scaling as sharp does it", () => {
  it.each([
    [32, 32],
    [52, 32],
    [32, 41],
  ])("leaves the pixels of %i × %i as they are", async (width, height) => {
    expect((await difference(width, height, 32)).most).toBe(0);
  });

  it.each([
    // enlarged, and reduced by less than a block, by blocks, by blocks that do not fit, in bands
    [20, 17],
    [1, 1],
    [40, 30],
    [64, 128],
    [100, 75],
    [333, 250],
    [641, 480],
    [1601, 1200],
  ])("comes close to it from %i × %i", async (width, height) => {
    const { mean, most } = await difference(width, height, 32);
    expect(mean).toBeLessThan(1);
    expect(most).toBeLessThanOrEqual(2);
  });

  it("keeps the brightness of a plain image, at every size", () => {
    for (const [width, height] of [
      [7, 9],
      [33, 32],
      [500, 123],
    ] as const) {
      const plain = Buffer.alloc(3 * width * height, 137);
      const scaled = scaleToCover(rowsOf(plain, width, height), 32);
      expect(new Set(scaled)).toEqual(new Set([137]));
    }
  });
});

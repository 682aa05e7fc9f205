import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { imageDimensions } from "../../src/data/image-header.js";
import { plain } from "./images.js";

const image = (width: number, height: number) =>
  sharp({
    create: { width, height, channels: 3, background: { r: 9, g: 99, b: 199 } },
  });

describe("width and height from a header", () => {
  it.each([
    ["png", image(300, 7).png()],
    ["jpeg", image(300, 7).jpeg()],
    ["progressive jpeg", image(300, 7).jpeg({ progressive: true })],
    ["jpeg with metadata", image(300, 7).withExif({ IFD0: { Artist: "x" } }).jpeg()], // prettier-ignore
    ["lossy webp", image(300, 7).webp()],
    ["lossless webp", image(300, 7).webp({ lossless: true })],
    ["extended webp", image(300, 7).ensureAlpha(0.5).webp()],
  ])("of a %s", async (_, made) => {
    expect(imageDimensions(await made.toBuffer())).toEqual({
      width: 300,
      height: 7,
    });
  });

  it("is nothing where the header is cut off", async () => {
    for (const format of ["png", "jpeg", "webp"] as const) {
      const file = await plain([1, 2, 3], 16, 9, format);
      const whole = Array.from({ length: file.length }, (_, length) =>
        imageDimensions(file.subarray(0, length)),
      );
      expect(whole[0]).toBeUndefined();
      expect(whole[10]).toBeUndefined();
      // What it finds in a part is what it finds in the whole.
      for (const found of whole)
        if (found) expect(found).toEqual({ width: 16, height: 9 });
    }
  });

  it("is nothing in bytes that only begin like an image", () => {
    for (const start of [
      [0xff, 0xd8, 0xff],
      [0x89, 0x50],
      [0x52, 0x49],
    ])
      expect(
        imageDimensions(Uint8Array.from([...start, ...Array<number>(99).fill(0)])), // prettier-ignore
      ).toBeUndefined();
  });
});

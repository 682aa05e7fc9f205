/** Decodes image files with sharp (libvips). Node only; loaded when the first folder of images is. */
import sharp, { type Sharp } from "sharp";
import { type ImageDecoder, imageLimits } from "./image-folder.js";

// Many small images: one thread each and no cache of what is never asked for again.
sharp.concurrency(1);
sharp.cache(false);

/** An image file as its camera and its colour profile mean it: upright, in sRGB, without transparency (on white). */
function open(file: Uint8Array): Sharp {
  // A truncated file is an error, a remark about some metadata is none.
  return sharp(file, {
    failOn: "error",
    limitInputPixels: imageLimits.pixels,
  })
    .rotate()
    .flatten({ background: "white" })
    .toColourspace("srgb");
}

/** What libvips says, in one line. */
function complaint(error: unknown): Error {
  const [line = ""] = (error as Error).message.trim().split("\n");
  return new Error(`cannot be decoded (${line})`);
}

export const decodeWithSharp: ImageDecoder = async (file, size) => {
  try {
    const { data } = await open(file)
      .resize(size, size, { fit: "cover", position: "centre" })
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return planar(data, size ** 2);
  } catch (error) {
    throw complaint(error);
  }
};

/** Interleaved RGB bytes as three planes. */
function planar(interleaved: Uint8Array, plane: number): Uint8Array {
  const planes = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) planes[c * plane + i] = interleaved[3 * i + c]!;
  }
  return planes;
}

/** The whole image of a file, scaled to fit into a square of `size` pixels, as a `data:` address. */
export async function thumbnailOfFile(
  file: Uint8Array,
  size: number,
): Promise<string> {
  try {
    const webp = await open(file)
      .resize(size, size, { fit: "inside", withoutEnlargement: true })
      .webp({ quality: 80 })
      .toBuffer();
    return `data:image/webp;base64,${webp.toString("base64")}`;
  } catch (error) {
    throw complaint(error);
  }
}

/** An image in memory, `[3][size][size]` bytes, as a `data:` address that shows every pixel as it is. */
export async function thumbnailOfPixels(
  planes: Uint8Array,
  size: number,
): Promise<string> {
  const plane = size ** 2;
  const interleaved = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) interleaved[3 * i + c] = planes[c * plane + i]!;
  }
  const png = await sharp(interleaved, {
    raw: { width: size, height: size, channels: 3 },
  })
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString("base64")}`;
}

/** Decodes image files with the browser: what sharp does in Node, as closely as a page can. */
import {
  type ImageDecoder,
  imageLimits,
} from "../../../src/data/image-folder.js";
import { imageDimensions } from "../../../src/data/image-header.js";
import { counted } from "../numbers.js";
import { scaleToCover } from "../../../src/data/resize.js";

export const decodeInBrowser: ImageDecoder = async (file, size) => {
  // Asked before the browser decodes anything: a small file may hold more pixels than there is memory.
  const header = imageDimensions(file);
  if (!header) throw new Error("cannot be decoded (its header is damaged)");
  if (header.width * header.height > imageLimits.pixels)
    throw new Error(
      `has ${header.width} × ${header.height} pixels; at most ${counted(imageLimits.pixels)} are decoded`,
    );
  const bitmap = await decode(file);
  try {
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, 1);
    const context = canvas.getContext("2d", {
      alpha: false,
      colorSpace: "srgb",
      // Pixels are what is wanted: drawn by the CPU, nothing has to come back from the GPU.
      willReadFrequently: true,
    })!;
    return scaleToCover(
      {
        width,
        height,
        rows: (top, count) => {
          // Setting the height, to the same too, empties the canvas.
          canvas.height = count;
          // What is transparent lies on white.
          context.fillStyle = "white";
          context.fillRect(0, 0, width, count);
          context.drawImage(bitmap, 0, -top);
          return context.getImageData(0, 0, width, count).data;
        },
      },
      size,
    );
  } finally {
    bitmap.close();
  }
};

/** The whole image, upright and in sRGB. */
async function decode(file: Uint8Array): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(
      new Blob([file as Uint8Array<ArrayBuffer>]),
      {
        imageOrientation: "from-image",
      },
    );
  } catch (error) {
    throw new Error(`cannot be decoded (${(error as Error).message})`, {
      cause: error,
    });
  }
}

/**
 * An image folder as a Dataset: files are decoded, scaled and cropped by a decoder that the caller brings (sharp in Node,
 * createImageBitmap on a web page), everything around that is here and the same everywhere.
 */
import { UserError } from "../errors.js";
import {
  isImagePath,
  type ImageLayout,
  type LabelledImage,
} from "./image-layout.js";
import type { Dataset, ImageSplit, LoadProgress } from "./types.js";

/** A file of an image folder or archive. */
export interface ImageEntry {
  /** Relative, with "/" between folders. */
  readonly path: string;
  /** Bytes of the file, uncompressed. */
  readonly size: number;
  bytes(): Promise<Uint8Array>;
}

/**
 * Decodes a JPEG, PNG or WebP file: applies its EXIF orientation, converts it to sRGB, scales its shorter side to `size`
 * and crops the centre. Returns `[3][size][size]` bytes. Throws an Error that says what is wrong with the file.
 */
export type ImageDecoder = (
  file: Uint8Array,
  size: number,
) => Promise<Uint8Array>;

/** More than any sane image folder has, and less than what brings a machine down. */
export const imageLimits = {
  entries: 5_000_000,
  fileBytes: 256 * 2 ** 20,
  /** Width × height of an image. */
  pixels: 100_000_000,
  /** Uncompressed bytes of all files in an archive. */
  archiveBytes: 256 * 2 ** 30,
  /** Decoded bytes of all images: what one array holds. */
  decodedBytes: 2 ** 32 - 1,
  imageSize: { min: 8, max: 512 },
} as const;

/**
 * Refuses what could not be handled: too many files, too large ones, too large a result.
 * @param bytes Limit of all files together, where there is one.
 * @throws UserError naming the file or the folder
 */
export function requireWithinLimits(
  entries: readonly Pick<ImageEntry, "path" | "size">[],
  source: string,
  bytes = Infinity,
): void {
  if (entries.length > imageLimits.entries)
    throw new UserError(
      `${source}: holds ${entries.length} files; at most ${imageLimits.entries} are read`,
    );
  let total = 0;
  for (const { path, size } of entries) {
    if (isImagePath(path) && size > imageLimits.fileBytes)
      throw new UserError(
        `${source}: ${path} has ${size} bytes; an image file may have at most ${imageLimits.fileBytes}`,
      );
    total += size;
    if (total > bytes)
      throw new UserError(
        `${source}: its files have more than ${bytes} bytes together, from ${path} on; unpack it and name the folder`,
      );
  }
}

/** JPEG, PNG or WebP by the file's first bytes: a name promises nothing, and other decoders stay out of reach. */
function hasImageSignature(file: Uint8Array): boolean {
  const starts = (at: number, ...bytes: number[]) =>
    bytes.every((byte, i) => file[at + i] === byte);
  return (
    starts(0, 0xff, 0xd8, 0xff) ||
    starts(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a) ||
    (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50))
  );
}

/** All images of a layout in the order of their paths: the order of what `decodeImages` returns. */
export function imagesOf(layout: ImageLayout): LabelledImage[] {
  return [...layout.train, ...layout.test].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
}

/**
 * Decodes files, several at a time.
 *
 * @returns `[entries.length][3][imageSize][imageSize]` bytes in the entries' order
 * @throws UserError naming the first file that is no image or is damaged, and why
 */
export async function decodeImages(
  entries: readonly ImageEntry[],
  imageSize: number,
  decode: ImageDecoder,
  {
    source,
    parallel = 8,
    onProgress,
  }: {
    source: string;
    parallel?: number;
    onProgress?: LoadProgress | undefined;
  },
): Promise<Uint8Array> {
  const { min, max } = imageLimits.imageSize;
  if (!Number.isInteger(imageSize) || imageSize < min || imageSize > max)
    throw new UserError(
      `--image-size: expected a whole number from ${min} to ${max}, got ${imageSize}`,
    );
  const imageBytes = 3 * imageSize ** 2;
  const total = entries.length;
  if (total * imageBytes > imageLimits.decodedBytes)
    throw new UserError(
      `${source}: ${total} images of ${imageSize}×${imageSize} take more than ${imageLimits.decodedBytes} bytes; choose a smaller --image-size`,
    );
  const images = new Uint8Array(total * imageBytes);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < total) {
      const index = next++;
      const entry = entries[index]!;
      try {
        const file = await entry.bytes();
        images.set(
          await decodeFile(file, imageSize, decode),
          index * imageBytes,
        );
      } catch (error) {
        next = total; // the others stop too
        throw new UserError(
          `${source}: ${entry.path}: ${(error as Error).message}; replace or remove the file`,
        );
      }
      onProgress?.({ task: "decode", what: source, done: ++done, total });
    }
  };
  // All have come to an end when this returns or throws: nothing goes on in the background.
  const workers = await Promise.allSettled(
    Array.from({ length: parallel }, worker),
  );
  for (const outcome of workers)
    if (outcome.status === "rejected") throw outcome.reason;
  return images;
}

async function decodeFile(
  file: Uint8Array,
  imageSize: number,
  decode: ImageDecoder,
): Promise<Uint8Array> {
  if (file.length === 0) throw new Error("is empty");
  if (!hasImageSignature(file))
    throw new Error("is no JPEG, PNG or WebP file, whatever its name says");
  return decode(file, imageSize);
}

/** The Dataset of a layout and of its images, decoded in the order of `imagesOf`. Normalised by the training images. */
export function assembleDataset(
  name: string,
  layout: ImageLayout,
  imageSize: number,
  decoded: Uint8Array,
): Dataset {
  const position = new Map(imagesOf(layout).map(({ path }, i) => [path, i]));
  const imageBytes = 3 * imageSize ** 2;
  const split = (members: readonly LabelledImage[]): ImageSplit => {
    const images = new Uint8Array(members.length * imageBytes);
    members.forEach(({ path }, i) => {
      const from = position.get(path)! * imageBytes;
      images.set(decoded.subarray(from, from + imageBytes), i * imageBytes);
    });
    return {
      count: members.length,
      images,
      labels: Int32Array.from(members, ({ label }) => label),
      paths: members.map(({ path }) => path),
    };
  };
  const train = split(layout.train);
  return {
    name,
    layout: "folder",
    classNames: layout.classNames,
    imageSize,
    ...normalisationOf(train.images, imageSize),
    train,
    test: split(layout.test),
  };
}

/** Per-channel mean and standard deviation of pixels scaled to [0, 1]; a channel that never varies gets 1. */
export function normalisationOf(
  images: Uint8Array,
  imageSize: number,
): Pick<Dataset, "mean" | "std"> {
  const plane = imageSize ** 2;
  const n = images.length / 3;
  const statistics = [0, 1, 2].map((channel) => {
    // Whole numbers below 2^53: exact, whatever the order.
    let sum = 0;
    let squares = 0;
    for (let at = channel * plane; at < images.length; at += 3 * plane) {
      for (let i = at; i < at + plane; i++) {
        const value = images[i]!;
        sum += value;
        squares += value * value;
      }
    }
    const mean = sum / n;
    const std = Math.sqrt(Math.max(0, squares / n - mean * mean)) / 255;
    return { mean: mean / 255, std: std > 0 ? std : 1 };
  });
  const [r, g, b] = statistics as [Moments, Moments, Moments];
  return { mean: [r.mean, g.mean, b.mean], std: [r.std, g.std, b.std] };
}

interface Moments {
  mean: number;
  std: number;
}

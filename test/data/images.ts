/** Image files for tests, made by sharp, and folders, .zip and .tar.gz of them. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { BlobWriter, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js";
import { packTar } from "modern-tar";
import sharp from "sharp";

export type Files = Map<string, Uint8Array>;
export type Rgb = readonly [number, number, number];

/** An image of one colour. */
export function plain(
  [r, g, b]: Rgb,
  width = 40,
  height = 30,
  format: "jpeg" | "png" | "webp" = "png",
): Promise<Uint8Array> {
  return sharp({
    create: { width, height, channels: 3, background: { r, g, b } },
  })
    .toFormat(format)
    .toBuffer();
}

/** A lossless image of given pixels, `[height][width]` of R, G, B. */
export function fromPixels(
  pixels: readonly (readonly Rgb[])[],
): Promise<Uint8Array> {
  const width = pixels[0]!.length;
  return sharp(Uint8Array.from(pixels.flat(2)), {
    raw: { width, height: pixels.length, channels: 3 },
  })
    .png()
    .toBuffer();
}

export async function writeFiles(
  folder: string,
  files: Files,
): Promise<string> {
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

export async function zipOf(
  files: Files,
  options: Parameters<ZipWriter<unknown>["add"]>[2] = {},
): Promise<Uint8Array> {
  const writer = new ZipWriter(new BlobWriter(), { useWebWorkers: false });
  for (const [path, bytes] of files)
    await writer.add(path, new Uint8ArrayReader(bytes), options);
  const blob = await writer.close();
  return new Uint8Array(await blob.arrayBuffer());
}

export async function tarGzOf(files: Files): Promise<Uint8Array> {
  const entries = Array.from(files, ([name, body]) => ({
    header: { name, size: body.length },
    body,
  }));
  return gzipSync(await packTar(entries));
}

/** Loads an image folder or an archive of one: lists it, plans it, decodes it or takes the pixels from the cache. Node only. */
import { availableParallelism } from "node:os";
import { assembleDataset, decodeImages, imagesOf } from "./image-folder.js";
import { planLayout, type SkippedFile } from "./image-layout.js";
import { cacheFile, readCache, writeCache } from "./node-image-cache.js";
import type { ImageFiles } from "./node-image-source.js";
import type { Dataset, LoadProgress } from "./types.js";

/** What a loaded image folder turned out to be. */
export interface FolderReport {
  readonly source: string;
  readonly dataset: Dataset;
  readonly heldOut: boolean;
  readonly skipped: readonly SkippedFile[];
  /** Whether the pixels came from the cache, are there now, or cannot be kept there. */
  readonly cache: "used" | "written" | "unwritable";
}

export interface FolderOptions {
  /** The Dataset's name. */
  readonly name: string;
  /** The folder or archive, for messages. */
  readonly source: string;
  readonly imageSize: number;
  readonly valFraction: number;
  readonly splitSeed: number;
  readonly onProgress?: LoadProgress | undefined;
}

/** @throws UserError naming the file where something is wrong */
export async function loadImageFolder(
  { entries, fingerprint }: ImageFiles,
  {
    name,
    source,
    imageSize,
    valFraction,
    splitSeed,
    onProgress,
  }: FolderOptions,
): Promise<FolderReport> {
  const layout = planLayout(
    entries.map(({ path }) => path),
    { source, valFraction, seed: splitSeed },
  );
  const files = new Map(entries.map((entry) => [entry.path, entry]));
  const images = imagesOf(layout).map(({ path }) => files.get(path)!);
  // Loaded here, so that nobody else pays for it.
  const { decodeWithSharp } = await import("./node-decode.js");
  const { default: sharp } = await import("sharp");
  const file = cacheFile(
    images.map(({ path }) => fingerprint(path)),
    imageSize,
    `sharp ${sharp.versions.sharp} vips ${sharp.versions.vips}`,
  );
  let decoded = await readCache(file, images.length * 3 * imageSize ** 2);
  let cache: FolderReport["cache"] = "used";
  if (!decoded) {
    decoded = await decodeImages(images, imageSize, decodeWithSharp, {
      source,
      parallel: 2 * availableParallelism(),
      onProgress,
    });
    cache = (await writeCache(file, decoded)) ? "written" : "unwritable";
  }
  const { heldOut, skipped } = layout;
  const dataset = assembleDataset(name, layout, imageSize, decoded);
  return { source, dataset, heldOut, skipped, cache };
}

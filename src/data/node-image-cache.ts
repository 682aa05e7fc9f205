/** Decoded images on disk, so that a folder is decoded once for all runs. Losing it costs time, nothing else. Node only. */
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../engine/node-cache-folder.js";
import { makeFolder, writeFileAtomic } from "../node-atomic.js";

/** Part of every key: goes up when decoding changes. */
const formatVersion = 1;
const digestBytes = 32;

/** The cache file of images with these fingerprints, decoded to this size by this decoder. */
export function cacheFile(
  fingerprints: readonly string[],
  imageSize: number,
  decoder: string,
): string {
  const key = createHash("sha256");
  key.update(JSON.stringify([formatVersion, decoder, imageSize, fingerprints]));
  return join(cacheFolder(), "images", `${key.digest("hex")}.rgb`);
}

/** The bytes that were stored there; undefined where there are none, or not `length` of them, or damaged ones. */
export async function readCache(
  file: string,
  length: number,
): Promise<Uint8Array | undefined> {
  const stored = await readFile(file).catch(() => undefined);
  if (!stored) return undefined;
  const images = stored.subarray(0, -digestBytes);
  const whole =
    stored.length === length + digestBytes &&
    sha256(images).equals(stored.subarray(-digestBytes));
  if (whole) return images;
  await rm(file, { force: true }).catch(() => undefined);
  return undefined;
}

/** Stores bytes with their digest; says whether it could (a full disk or a read-only home folder is no reason to fail). */
export async function writeCache(
  file: string,
  images: Uint8Array,
): Promise<boolean> {
  try {
    await makeFolder(join(file, ".."));
    await writeFileAtomic(file, images, sha256(images));
    return true;
  } catch {
    return false;
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** What tests of image folders share: a temporary folder for each test, photos, and loading them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, vi } from "vitest";
import type { FolderReport } from "../../src/data/node-image-folder.js";
import { loadDataset, type LoadOptions } from "../../src/data/node-load.js";
import { UserError } from "../../src/errors.js";
import { type Files, plain, type Rgb } from "./images.js";

/** A path in a folder that lasts for one test, and holds the cache of decoded images. */
export function temporaryPhotos(): (...path: string[]) => string {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tarnish-images-"));
    vi.stubEnv("TARNISH_CACHE", join(folder, "cache"));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });
  return (...path) => join(folder, ...path);
}

export const red: Rgb = [250, 5, 10];
export const blue: Rgb = [10, 20, 240];
export const green: Rgb = [0, 200, 0];

/** Two classes of plain images in all formats and several sizes, with test images. */
export async function photos(): Promise<Files> {
  return new Map([
    ["train/red/1.png", await plain(red)],
    ["train/red/2.jpg", await plain(red, 200, 100, "jpeg")],
    ["train/blue/1.webp", await plain(blue, 33, 90, "webp")],
    ["train/blue/2.png", await plain(blue, 1, 1)],
    ["test/blue/3.png", await plain(blue, 32, 32)],
    ["test/red/3.png", await plain(red, 640, 33)],
    ["notes.txt", new TextEncoder().encode("mine")],
    [".DS_Store", new Uint8Array(3)],
  ]);
}

export async function failure(
  path: string,
  options: LoadOptions = {},
): Promise<string> {
  const error: unknown = await loadDataset(path, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

export async function report(
  path: string,
  options: LoadOptions = {},
): Promise<FolderReport> {
  let seen: FolderReport | undefined;
  await loadDataset(path, {
    ...options,
    onFolder: (folderReport) => (seen = folderReport),
  });
  return seen!;
}

/** Files that the reader dropped on the page or chose, as a data set: CIFAR, an image folder, a .zip or .tar.gz. */
import {
  bareName,
  cifarFiles,
  entriesInMemory,
  readDataArchive,
} from "../../../src/data/archive-files.js";
import {
  detectCifarLayout,
  type FileMap,
  isCifarFile,
  parseCifar,
} from "../../../src/data/cifar.js";
import { dataDefaults } from "../../../src/data/defaults.js";
import {
  assembleDataset,
  decodeImages,
  type ImageEntry,
  imagesOf,
  requireWithinLimits,
} from "../../../src/data/image-folder.js";
import { planLayout } from "../../../src/data/image-layout.js";
import type { Dataset } from "../../../src/data/types.js";
import { UserError } from "../../../src/errors.js";
import type { DroppedFile } from "../protocol.js";
import { decodeInBrowser } from "./decode.js";

/** Bytes of a .tar.gz's files that are held in memory at once: a page has less of it than Node. */
const heldBytes = 2 ** 30;

export interface LoadedFiles {
  readonly dataset: Dataset;
  /** Whether the test images are a share of the one set there is. */
  readonly heldOut: boolean;
  /** Files that are not used. */
  readonly skipped: number;
}

/** Told how many images are decoded, of how many. */
type OnProgress = (done: number, total: number) => void;

const archiveName = /\.(tar\.gz|tgz|zip)$/i;

/** @throws UserError naming the file or folder where something is wrong */
export async function loadDropped(
  dropped: readonly DroppedFile[],
  onProgress: OnProgress,
): Promise<LoadedFiles> {
  const [first] = dropped;
  if (!first) throw new UserError("the folder is empty");
  const archives = dropped.filter(({ path }) => archiveName.test(path));
  if (archives.length === dropped.length) {
    if (archives.length > 1)
      throw new UserError(
        `${archives.map(({ path }) => path).join(", ")}: one archive makes a data set; choose one`,
      );
    return loadArchive(first.file, onProgress);
  }
  const [root, inside] = rootOf(dropped);
  const cifar = await cifarAmong(inside);
  if (cifar.size > 0) return loadCifar(cifar, root);
  const entries = inside.map(({ path, file }) => ({
    path,
    size: file.size,
    bytes: async () => new Uint8Array(await file.arrayBuffer()),
  }));
  requireWithinLimits(entries, root);
  return loadImages(entries, root, root, onProgress);
}

async function loadArchive(
  file: File,
  onProgress: OnProgress,
): Promise<LoadedFiles> {
  const name = file.name.replace(archiveName, "");
  if (/\.zip$/i.test(file.name)) {
    // Loaded here, so that nobody else pays for it.
    const [{ BlobReader }, { readZip }] = await Promise.all([
      import("@zip.js/zip.js"),
      import("../../../src/data/zip-entries.js"),
    ]);
    const entries = await readZip(new BlobReader(file), file.name);
    return loadImages(entries, name, file.name, onProgress);
  }
  const gunzip = new DecompressionStream("gzip");
  const ended = file.stream().pipeTo(gunzip.writable);
  const files = await readDataArchive(
    { tar: gunzip.readable, ended },
    file.name,
    heldBytes,
  );
  const cifar = cifarFiles(files, file.name);
  return cifar.size > 0
    ? loadCifar(cifar, file.name)
    : loadImages(entriesInMemory(files), name, file.name, onProgress);
}

/** The folder that holds everything, by its name, and the files by their paths below it. */
function rootOf(
  dropped: readonly DroppedFile[],
): [name: string, files: readonly DroppedFile[]] {
  const root = dropped[0]!.path.split("/")[0]!;
  if (!dropped.every(({ path }) => path.startsWith(`${root}/`)))
    return ["dropped files", dropped];
  return [
    root,
    dropped.map(({ path, file }) => ({
      path: path.slice(root.length + 1),
      file,
    })),
  ];
}

/** CIFAR's files by bare name. */
async function cifarAmong(dropped: readonly DroppedFile[]): Promise<FileMap> {
  const files = new Map<string, Uint8Array>();
  for (const { path, file } of dropped) {
    const name = bareName(path);
    if (isCifarFile(name))
      files.set(name, new Uint8Array(await file.arrayBuffer()));
  }
  return files;
}

function loadCifar(files: FileMap, source: string): LoadedFiles {
  const layout = detectCifarLayout(files.keys())!;
  return {
    dataset: parseCifar(files, layout, { name: layout, source }),
    heldOut: false,
    skipped: 0,
  };
}

async function loadImages(
  entries: readonly ImageEntry[],
  name: string,
  source: string,
  onProgress: OnProgress,
): Promise<LoadedFiles> {
  const { valFraction, splitSeed, imageSize } = dataDefaults;
  const layout = planLayout(
    entries.map(({ path }) => path),
    { source, valFraction, seed: splitSeed },
  );
  const files = new Map(entries.map((entry) => [entry.path, entry]));
  const decoded = await decodeImages(
    imagesOf(layout).map(({ path }) => files.get(path)!),
    imageSize,
    decodeInBrowser,
    {
      source,
      parallel: Math.min(4, navigator.hardwareConcurrency),
      onProgress: ({ done, total }) => {
        onProgress(done, total!);
      },
    },
  );
  return {
    dataset: assembleDataset(name, layout, imageSize, decoded),
    heldOut: layout.heldOut,
    skipped: layout.skipped.length,
  };
}

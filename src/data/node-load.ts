/** Finds and reads a data set by its `--data` word: the sample, CIFAR by name, or a path to CIFAR or to images. Node only. */
import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UserError } from "../errors.js";
import { cifarFiles } from "./archive-files.js";
import {
  detectCifarLayout,
  type FileMap,
  isCifarFile,
  parseCifar,
} from "./cifar.js";
import { dataDefaults, type DataSplit } from "./defaults.js";
import { limitSplit } from "./limits.js";
import { readTarGz } from "./node-archive.js";
import type { FolderReport } from "./node-image-folder.js";
import type { ImageFiles } from "./node-image-source.js";
import { obtainOfficial, type OfficialOptions } from "./node-official.js";
import { packageRoot } from "./node-root.js";
import { isOfficial } from "./official.js";
import { redrawSplit } from "./split.js";
import type { Dataset } from "./types.js";

export interface LoadOptions extends OfficialOptions {
  /** CIFAR-100 only: the 20 superclasses. */
  readonly coarse?: boolean | undefined;
  /** The first so many images of a split, class-balanced; all when absent. */
  readonly trainLimit?: number | undefined;
  readonly testLimit?: number | undefined;
  /** `random` draws training and test images anew, by `splitSeed`. */
  readonly dataSplit?: DataSplit | undefined;
  /** Seed of the random split and of an image folder's hold-out; the same for all runs of a sweep. */
  readonly splitSeed?: number | undefined;
  /** Image folders without test images: the share of each class that is held out. */
  readonly valFraction?: number | undefined;
  /** Image folders: height and width that images are scaled and cropped to. */
  readonly imageSize?: number | undefined;
  /** Told what an image folder turned out to be. */
  readonly onFolder?: ((report: FolderReport) => void) | undefined;
}

/**
 * Loads a data set.
 *
 * @param spec `sample`, `cifar10`, `cifar100`, or a path: an official archive (.tar.gz) or its unpacked folder, or a folder
 *   of images or a .zip or .tar.gz of one.
 * @throws UserError when nothing is found, the files are damaged, or an option does not fit the data.
 */
export async function loadDataset(
  spec: string,
  options: LoadOptions = {},
): Promise<Dataset> {
  const { path, name } = await locate(spec, options);
  const source = await openSource(spec, path);
  const dataset =
    source.kind === "cifar"
      ? loadCifar(spec, path, name, source.files, options)
      : await loadImages(path, name, source.files, options);
  const splitSeed = options.splitSeed ?? dataDefaults.splitSeed;
  const divided =
    options.dataSplit === "random" ? redrawSplit(dataset, splitSeed) : dataset;
  const limited = (split: "train" | "test", limit: number | undefined) =>
    limit === undefined
      ? divided[split]
      : limitSplit(
          divided[split],
          divided.classNames.length,
          limit,
          `--${split}-limit`,
        );
  return {
    ...divided,
    train: limited("train", options.trainLimit),
    test: limited("test", options.testLimit),
  };
}

/** The files of a data set's image folder or archive, for whoever wants to see an image as it is. Close them. */
export async function openImages(spec: string): Promise<ImageFiles> {
  const source = await openSource(spec, resolve(spec));
  if (source.kind === "images") return source.files;
  throw new UserError(`${spec}: is no image folder`);
}

/** What is at a path: CIFAR's files by bare name, or images. */
type Source =
  | { readonly kind: "cifar"; readonly files: FileMap }
  | { readonly kind: "images"; readonly files: ImageFiles };

async function openSource(spec: string, path: string): Promise<Source> {
  const info = statSync(path);
  if (info.isDirectory()) {
    const names = (await readdir(path)).filter(isCifarFile);
    if (names.length > 0 || isOfficial(spec))
      return { kind: "cifar", files: await readFiles(path, names) };
    const { openImageFolder } = await import("./node-image-source.js");
    return { kind: "images", files: await openImageFolder(path) };
  }
  if (/\.zip$/i.test(path)) {
    const { openZip } = await import("./node-image-source.js");
    return { kind: "images", files: await openZip(path) };
  }
  const files = await readTarGz(path);
  const cifar = cifarFiles(files, path);
  if (cifar.size > 0 || isOfficial(spec))
    return { kind: "cifar", files: cifar };
  const { openTar } = await import("./node-image-source.js");
  return {
    kind: "images",
    files: openTar(files, `${info.size}:${info.mtimeMs}`),
  };
}

async function readFiles(
  folder: string,
  names: readonly string[],
): Promise<FileMap> {
  const read = async (name: string) => {
    try {
      return [
        name,
        new Uint8Array(await readFile(join(folder, name))),
      ] as const;
    } catch (error) {
      throw new UserError(
        `${join(folder, name)}: cannot be read (${(error as Error).message})`,
      );
    }
  };
  return new Map(await Promise.all(names.map(read)));
}

function loadCifar(
  spec: string,
  path: string,
  name: string,
  files: FileMap,
  options: LoadOptions,
): Dataset {
  const { imageSize } = { ...dataDefaults, ...defined(options) };
  if (imageSize !== dataDefaults.imageSize)
    throw new UserError(
      `--image-size ${imageSize}: CIFAR's images are 32×32; only image folders are resized`,
    );
  refuseHoldOut("CIFAR", options);
  const layout = isOfficial(spec) ? spec : detectCifarLayout(files.keys())!;
  return parseCifar(files, layout, {
    name,
    source: path,
    coarse: options.coarse ?? false,
  });
}

async function loadImages(
  path: string,
  name: string,
  files: ImageFiles,
  options: LoadOptions,
): Promise<Dataset> {
  if (options.coarse)
    throw new UserError(
      `${path}: an image folder has no coarse labels; leave out --coarse`,
    );
  const { imageSize, valFraction, splitSeed } = {
    ...dataDefaults,
    ...defined(options),
  };
  const { loadImageFolder } = await import("./node-image-folder.js");
  try {
    const report = await loadImageFolder(files, {
      name,
      source: path,
      imageSize,
      valFraction,
      splitSeed,
      onProgress: options.onProgress,
    });
    if (report.heldOut && options.dataSplit === "random")
      throw new UserError(
        "--data-split random: what is held out of this folder is drawn at random already; --split-seed draws it anew",
      );
    if (!report.heldOut) refuseHoldOut(path, options);
    options.onFolder?.(report);
    return report.dataset;
  } finally {
    await files.close();
  }
}

/** @throws UserError for options of a hold-out, where a data set has test images of its own */
function refuseHoldOut(name: string, options: LoadOptions): void {
  const { valFraction, splitSeed, dataSplit } = {
    ...dataDefaults,
    ...defined(options),
  };
  if (valFraction !== dataDefaults.valFraction)
    throw new UserError(
      `--val-fraction ${valFraction}: ${name} has test images of its own; nothing is held out`,
    );
  if (splitSeed !== dataDefaults.splitSeed && dataSplit !== "random")
    throw new UserError(
      `--split-seed ${splitSeed}: ${name} has test images of its own; take --data-split random to draw others`,
    );
}

function defined(options: LoadOptions): LoadOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
}

/** The folder or archive that a spec means, and the data set's name. */
async function locate(
  spec: string,
  options: OfficialOptions,
): Promise<{ path: string; name: string }> {
  if (spec === "sample")
    return { path: join(packageRoot(), "data", "sample"), name: spec };
  if (isOfficial(spec))
    return { path: await obtainOfficial(spec, options), name: spec };
  if (!existsSync(spec)) {
    throw new UserError(
      `data ${spec}: no such file or folder; name sample, cifar10, cifar100, or the path of an official CIFAR ` +
        ".tar.gz or of its unpacked folder, or of an image folder or its .zip or .tar.gz",
    );
  }
  const path = resolve(spec);
  return { path, name: basename(path).replace(/\.(tar\.gz|tgz|zip)$/i, "") };
}

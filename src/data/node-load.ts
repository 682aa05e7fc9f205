/** Finds and reads a data set by its `--data` word: the sample, CIFAR by name, or a path. Node only. */
import { existsSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { UserError } from "../errors.js";
import {
  type CifarLayout,
  detectCifarLayout,
  isCifarFile,
  parseCifar,
} from "./cifar.js";
import { limitSplit } from "./limits.js";
import { readTarGz } from "./node-archive.js";
import { packageRoot } from "./node-root.js";
import type { Dataset } from "./types.js";

export interface LoadOptions {
  /** CIFAR-100 only: the 20 superclasses. */
  coarse?: boolean;
  /** The first so many images of a split, class-balanced; all when absent. */
  trainLimit?: number;
  testLimit?: number;
  /** A folder to look in for `cifar10` and `cifar100` before $TARNISH_DATA and ./data. */
  dataDir?: string;
}

/** What to look for, by the names of the official archives and of the folders in them. */
const official: Readonly<
  Record<CifarLayout, { title: string; folder: string; archive: string }>
> = {
  cifar10: {
    title: "CIFAR-10",
    folder: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
  },
  cifar100: {
    title: "CIFAR-100",
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
  },
};

/**
 * Loads a data set.
 *
 * @param spec `sample`, `cifar10`, `cifar100`, or the path of an official archive (.tar.gz) or its unpacked folder.
 * @throws UserError when nothing is found, the files are damaged, or a limit cannot be met.
 */
export async function loadDataset(
  spec: string,
  options: LoadOptions = {},
): Promise<Dataset> {
  const { path, name } = locate(spec, options.dataDir);
  const files = statSync(path).isDirectory()
    ? await readFolder(path)
    : await readTarGz(path, isCifarFile);
  const layout = isOfficial(spec) ? spec : detectCifarLayout(files.keys());
  if (layout === undefined) {
    throw new UserError(
      `${path}: holds no CIFAR data in the official binary layout (data_batch_1.bin, …, test_batch.bin and ` +
        "batches.meta.txt, or train.bin, test.bin and fine_label_names.txt)",
    );
  }
  const dataset = parseCifar(files, layout, {
    name,
    source: path,
    coarse: options.coarse ?? false,
  });
  const limited = (split: "train" | "test", limit: number | undefined) =>
    limit === undefined
      ? dataset[split]
      : limitSplit(dataset[split], dataset.classNames.length, limit);
  return {
    ...dataset,
    train: limited("train", options.trainLimit),
    test: limited("test", options.testLimit),
  };
}

function isOfficial(spec: string): spec is CifarLayout {
  return Object.hasOwn(official, spec);
}

/** The folder or archive that a spec means, and the data set's name. */
function locate(
  spec: string,
  dataDir: string | undefined,
): { path: string; name: string } {
  if (spec === "sample")
    return { path: join(packageRoot(), "data", "sample"), name: spec };
  if (isOfficial(spec))
    return { path: findOfficial(spec, dataDir), name: spec };
  if (!existsSync(spec)) {
    throw new UserError(
      `data ${spec}: no such file or folder; name sample, cifar10, cifar100, or the path of an official CIFAR ` +
        ".tar.gz or of its unpacked folder",
    );
  }
  const path = resolve(spec);
  return { path, name: basename(path).replace(/\.(tar\.gz|tgz)$/, "") };
}

function findOfficial(
  layout: CifarLayout,
  dataDir: string | undefined,
): string {
  const { title, folder, archive } = official[layout];
  const places = [dataDir, process.env.TARNISH_DATA, "data"].filter(
    (place): place is string => Boolean(place), // unset or empty: not a place
  );
  const candidates = places.flatMap((place) => [
    join(place, folder),
    join(place, archive),
  ]);
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found !== undefined) return resolve(found);
  throw new UserError(
    `${title} was not found. Put ${archive} (its official "binary version") or the unpacked folder ${folder} into ` +
      `${places.map((place) => resolve(place)).join(" or ")}, or set TARNISH_DATA to the folder that holds it.`,
  );
}

async function readFolder(folder: string): Promise<Map<string, Uint8Array>> {
  const names = (await readdir(folder)).filter(isCifarFile);
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

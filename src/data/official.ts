/** The official CIFAR archives: what they are called, where their authors publish them, and how to tell a whole one. */
import type { CifarLayout } from "./cifar.js";

export interface OfficialArchive {
  readonly title: string;
  /** The archive's name, also at the end of its address, and of the folder inside it. */
  readonly archive: string;
  readonly folder: string;
  /** MD5 of the archive, as published beside it. */
  readonly md5: string;
}

export type OfficialArchives = Readonly<Record<CifarLayout, OfficialArchive>>;

/** The folder that holds the archives at their authors' site; `--mirror` and $TARNISH_MIRROR name another. */
export const officialHost = "https://www.cs.toronto.edu/~kriz";

export const officialArchives: OfficialArchives = {
  cifar10: {
    title: "CIFAR-10",
    folder: "cifar-10-batches-bin",
    archive: "cifar-10-binary.tar.gz",
    md5: "c32a1d4ab5d03f1284b67883e8d87530",
  },
  cifar100: {
    title: "CIFAR-100",
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
    md5: "03b5dce01913d631647c71ecec9e9cb8",
  },
};

/** Whether a `--data` word is the name of an official data set. */
export function isOfficial(spec: string): spec is CifarLayout {
  return Object.hasOwn(officialArchives, spec);
}

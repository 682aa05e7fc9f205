/** The official CIFAR archives: what they are called, where their authors publish them, and how to tell a whole one. */
import type { CifarLayout } from "./cifar.js";

export interface OfficialArchive {
  readonly title: string;
  /** The archive's name, also at the end of its address, and of the folder inside it. */
  readonly archive: string;
  readonly folder: string;
  /** MD5 of the archive, as published beside it. */
  readonly md5: string;
  /** MD5 of the archive's binary files, where they are known. */
  readonly files: Readonly<Record<string, string>>;
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
    files: {
      "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
      "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
      "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
      "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
      "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
      "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
    },
  },
  cifar100: {
    title: "CIFAR-100",
    folder: "cifar-100-binary",
    archive: "cifar-100-binary.tar.gz",
    md5: "03b5dce01913d631647c71ecec9e9cb8",
    files: {},
  },
};

/** Whether a `--data` word is the name of an official data set. */
export function isOfficial(spec: string): spec is CifarLayout {
  return Object.hasOwn(officialArchives, spec);
}

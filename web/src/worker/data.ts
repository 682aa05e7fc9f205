/** The data of a study in a page: the embedded sample, or files that the reader dropped on it. */
import {
  isCifarFile,
  detectCifarLayout,
  parseCifar,
} from "../../../src/data/cifar.js";
import { limitSplit } from "../../../src/data/limits.js";
import type { Dataset } from "../../../src/data/types.js";
import { UserError } from "../../../src/errors.js";
import type { DataFacts, DroppedFile } from "../protocol.js";
import { readArchive } from "./archive.js";

const sampleFiles = [
  "batches.meta.txt",
  ...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
  "test_batch.bin",
];

/** The sample that lies beside the page. */
export async function loadSample(): Promise<Dataset> {
  const files = new Map<string, Uint8Array>();
  await Promise.all(
    sampleFiles.map(async (name) => {
      // Beside the page, whatever sub-path that is; the worker's own file is one folder deeper.
      const url = new URL(
        `${import.meta.env.DEV ? "/" : "../"}sample/${name}`,
        import.meta.env.DEV ? self.location.origin : self.location.href,
      );
      const response = await fetch(url);
      if (!response.ok)
        throw new UserError(
          `${url.pathname}: the server answers ${response.status}; the page needs its sample/ folder beside it`,
        );
      files.set(name, new Uint8Array(await response.arrayBuffer()));
    }),
  );
  return parseCifar(files, "cifar10", { name: "sample", source: "the sample" });
}

/** CIFAR in the official binary layout, as its archive or its files. @throws UserError naming what does not fit */
export async function loadDropped(
  dropped: readonly DroppedFile[],
): Promise<Dataset> {
  const files = new Map<string, Uint8Array>();
  for (const { path, file } of dropped) {
    const name = path.split("/").at(-1)!;
    if (/\.(tar\.gz|tgz)$/i.test(name))
      for (const [inner, bytes] of await readArchive(file, isCifarFile))
        files.set(inner, bytes);
    else if (isCifarFile(name))
      files.set(name, new Uint8Array(await file.arrayBuffer()));
  }
  const source = dropped.length === 1 ? dropped[0]!.path : "the dropped files";
  const layout = detectCifarLayout(files.keys());
  if (!layout)
    throw new UserError(
      `${source}: holds no CIFAR data in the official binary layout (data_batch_1.bin, …, test_batch.bin and batches.meta.txt, or train.bin, test.bin and fine_label_names.txt)`,
    );
  return parseCifar(files, layout, { name: layout, source });
}

/** At most so many training images, class-balanced. */
export function limited(dataset: Dataset, trainLimit?: number): Dataset {
  if (trainLimit === undefined) return dataset;
  const { train, classNames } = dataset;
  return {
    ...dataset,
    train: limitSplit(train, classNames.length, trainLimit),
  };
}

export function factsOf({ name, classNames, train, test }: Dataset): DataFacts {
  return {
    name,
    classes: classNames,
    trainImages: train.count,
    testImages: test.count,
  };
}

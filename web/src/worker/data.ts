/** The embedded sample, and what every data set of the lab is asked for. */
import { parseCifar } from "../../../src/data/cifar.js";
import { limitSplit } from "../../../src/data/limits.js";
import type { Dataset } from "../../../src/data/types.js";
import { UserError } from "../../../src/errors.js";
import { hashedParts } from "../../../src/experiments/run-files.js";
import { sha256 } from "../../../src/experiments/sha256.js";
import type { DataFacts } from "../protocol.js";

const sampleFiles = [
  "batches.meta.txt",
  ...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`),
  "test_batch.bin",
];

/**
 * The sample that lies beside the page.
 *
 * @param page The page's address: the worker's own is one folder deeper where the lab is built, and not where it is served
 * from its sources.
 */
export async function loadSample(
  page: string,
  signal: AbortSignal,
): Promise<Dataset> {
  const files = new Map<string, Uint8Array>();
  await Promise.all(
    sampleFiles.map(async (name) => {
      const url = new URL(`sample/${name}`, page);
      const response = await fetch(url, { signal });
      if (!response.ok)
        throw new UserError(
          `${url.pathname}: the server answers ${response.status}; the page needs its sample/ folder beside it`,
        );
      files.set(name, new Uint8Array(await response.arrayBuffer()));
    }),
  );
  return parseCifar(files, "cifar10", { name: "sample", source: "the sample" });
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

/** `dataSha256` of config.json. */
export async function datasetSha256(dataset: Dataset): Promise<string> {
  return sha256(
    new Uint8Array(await new Blob([...hashedParts(dataset)]).arrayBuffer()),
  );
}

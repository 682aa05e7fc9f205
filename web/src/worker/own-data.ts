/**
 * The reader's own data: decoded when they are dropped, and kept so in the browser's private file system, so that a reload
 * finds them again. They stay until others take their place or the reader has them forgotten.
 */
import type { Dataset, ImageSplit } from "../../../src/data/types.js";
import { UserError } from "../../../src/errors.js";
import { isObject } from "../../../src/experiments/json.js";
import type { OwnDataFacts } from "../protocol.js";
import { datasetSha256, factsOf } from "./data.js";
import type { LoadedFiles } from "./dropped.js";
import { readFile, removeFolder, writeFile } from "./private-files.js";

const folder = "own-data";
/** Written last: a set without it is not whole. */
const headerFile = `${folder}/dataset.json`;
/** Goes up when what the files hold changes. */
const format = 1;

interface Header {
  readonly format: number;
  readonly facts: OwnDataFacts;
  readonly sha256: string;
  readonly dataset: Omit<Dataset, "train" | "test">;
}

export class OwnData {
  private constructor(
    readonly facts: OwnDataFacts,
    /** Of the whole data set: which one it is. */
    readonly sha256: string,
    private readonly read: () => Promise<Dataset>,
  ) {}

  /** What an earlier visit kept. Pixels are read when they are asked for. */
  static async open(): Promise<OwnData | undefined> {
    let header: unknown;
    try {
      header = JSON.parse(new TextDecoder().decode(await readFile(headerFile)));
    } catch {
      return undefined;
    }
    if (!isObject(header) || header["format"] !== format) return undefined;
    const { facts, sha256, dataset } = header as unknown as Header;
    return new OwnData(facts, sha256, async () => ({
      ...dataset,
      train: await readSplit("train", facts.trainImages, dataset.imageSize),
      test: await readSplit("test", facts.testImages, dataset.imageSize),
    }));
  }

  /** Keeps data in place of what was kept, or holds them in memory alone where the browser has no room. */
  static async keep({
    dataset,
    heldOut,
    skipped,
  }: LoadedFiles): Promise<OwnData> {
    const sha256 = await datasetSha256(dataset);
    const facts = { ...factsOf(dataset), heldOut, skipped, kept: true };
    const { train, test, ...rest } = dataset;
    await removeFolder(folder);
    try {
      await writeSplit("train", train);
      await writeSplit("test", test);
      const header: Header = { format, facts, sha256, dataset: rest };
      await writeFile(
        headerFile,
        new TextEncoder().encode(JSON.stringify(header)),
      );
    } catch {
      await removeFolder(folder);
      facts.kept = false;
    }
    return new OwnData(facts, sha256, () => Promise.resolve(dataset));
  }

  static async forget(): Promise<void> {
    await removeFolder(folder);
  }

  /** @throws UserError where the browser has lost them */
  async dataset(): Promise<Dataset> {
    try {
      return await this.read();
    } catch (error) {
      throw new UserError(
        `${this.facts.name}: the browser has not kept all of it (${(error as Error).message}); drop the files again`,
      );
    }
  }
}

type SplitName = "train" | "test";

async function writeSplit(
  name: SplitName,
  { images, labels }: ImageSplit,
): Promise<void> {
  await writeFile(
    `${folder}/${name}-images.bin`,
    images as Uint8Array<ArrayBuffer>,
  );
  await writeFile(
    `${folder}/${name}-labels.bin`,
    new Uint8Array(labels.slice().buffer),
  );
}

async function readSplit(
  name: SplitName,
  count: number,
  imageSize: number,
): Promise<ImageSplit> {
  const images = await readFile(`${folder}/${name}-images.bin`);
  const { buffer } = await readFile(`${folder}/${name}-labels.bin`);
  if (
    images.length !== 3 * count * imageSize ** 2 ||
    buffer.byteLength !== 4 * count
  )
    // prettier-ignore
    throw new Error(`${name} images are cut off`);
  return { count, images, labels: new Int32Array(buffer) };
}

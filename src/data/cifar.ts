/**
 * Parser of CIFAR's official binary layouts, from file names and bytes to a Dataset. No file system here, so that Node
 * (node-load.ts) and a web page (fetched files) share it.
 *
 * A CIFAR-10 record is 1 label byte and 3,072 pixel bytes; a CIFAR-100 record has 2 label bytes, coarse then fine.
 * Layout: https://www.cs.toronto.edu/~kriz/cifar.html, "binary version".
 */
import { UserError } from "../errors.js";
import { cifarNormalisation } from "./normalisation.js";
import type { Dataset, ImageSplit } from "./types.js";

export type CifarLayout = "cifar10" | "cifar100";

/** File contents by bare name (no folder). */
export type FileMap = ReadonlyMap<string, Uint8Array>;

export interface CifarOptions {
  /** The Dataset's name. */
  name: string;
  /** Where the files come from, for messages: a folder, an archive, a URL. */
  source: string;
  /** CIFAR-100 only: label with the 20 superclasses instead of the 100 classes. */
  coarse?: boolean;
}

const IMAGE_SIZE = 32;
const PIXELS = 3 * IMAGE_SIZE * IMAGE_SIZE;

const trainBatch = /^data_batch_(\d+)\.bin$/;

/** Names of the files that each layout is made of, besides CIFAR-10's data_batch_*.bin. */
const fixedFiles: Readonly<Record<CifarLayout, readonly string[]>> = {
  cifar10: ["test_batch.bin", "batches.meta.txt"],
  cifar100: [
    "train.bin",
    "test.bin",
    "fine_label_names.txt",
    "coarse_label_names.txt",
  ],
};

/** Whether a file of this bare name is part of a CIFAR data set; everything else in a folder or archive is ignored. */
export function isCifarFile(name: string): boolean {
  return layoutOfFile(name) !== undefined;
}

/** The layout that the file names point to, CIFAR-10 before CIFAR-100; undefined when none of them belongs to either. */
export function detectCifarLayout(
  names: Iterable<string>,
): CifarLayout | undefined {
  const layouts = new Set(Array.from(names, layoutOfFile));
  return (["cifar10", "cifar100"] as const).find((layout) =>
    layouts.has(layout),
  );
}

function layoutOfFile(name: string): CifarLayout | undefined {
  if (trainBatch.test(name) || fixedFiles.cifar10.includes(name))
    return "cifar10";
  return fixedFiles.cifar100.includes(name) ? "cifar100" : undefined;
}

/**
 * Reads a whole data set. The training images follow data_batch_1.bin, data_batch_2.bin, … in numeric order, record by
 * record; any number of batches and of records is fine.
 *
 * @throws UserError naming the file (and record): a missing or empty file, a length that is no whole number of records,
 *   a label out of range; `coarse` asked of CIFAR-10.
 */
export function parseCifar(
  files: FileMap,
  layout: CifarLayout,
  options: CifarOptions,
): Dataset {
  const { name, source, coarse = false } = options;
  if (coarse && layout === "cifar10") {
    throw new UserError(
      `${source}: CIFAR-10 has no coarse labels; leave out --coarse or use CIFAR-100`,
    );
  }
  const namesFile =
    layout === "cifar10"
      ? "batches.meta.txt"
      : coarse
        ? "coarse_label_names.txt"
        : "fine_label_names.txt";
  const classNames = parseClassNames(
    requireFile(files, namesFile, source),
    `${source}: ${namesFile}`,
  );
  const format: RecordFormat = {
    labelBytes: layout === "cifar10" ? 1 : 2,
    labelOffset: layout === "cifar10" || coarse ? 0 : 1,
    numClasses: classNames.length,
    namesFile,
    source,
  };
  const trainFiles =
    layout === "cifar10" ? trainBatchNames(files, source) : ["train.bin"];
  const testFile = layout === "cifar10" ? "test_batch.bin" : "test.bin";
  return {
    name,
    layout,
    classNames,
    imageSize: IMAGE_SIZE,
    mean: [...cifarNormalisation[layout].mean],
    std: [...cifarNormalisation[layout].std],
    train: parseSplit(files, trainFiles, format),
    test: parseSplit(files, [testFile], format),
  };
}

interface RecordFormat {
  labelBytes: number;
  labelOffset: number;
  numClasses: number;
  namesFile: string;
  source: string;
}

function requireFile(files: FileMap, name: string, source: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) {
    throw new UserError(
      `${source}: ${name} is missing; put all files of the official binary archive there`,
    );
  }
  return bytes;
}

/** CIFAR-10's training files in numeric order (data_batch_10.bin comes after data_batch_2.bin). */
function trainBatchNames(files: FileMap, source: string): string[] {
  const numbered = [...files.keys()].flatMap((name) => {
    const match = trainBatch.exec(name);
    return match ? [{ name, number: Number(match[1]) }] : [];
  });
  if (numbered.length === 0) requireFile(files, "data_batch_1.bin", source);
  return numbered.sort((a, b) => a.number - b.number).map(({ name }) => name);
}

/** One class name a line; the official files end with blank lines. */
function parseClassNames(bytes: Uint8Array, where: string): string[] {
  const names = new TextDecoder()
    .decode(bytes)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (names.length === 0 || names.length > 256) {
    throw new UserError(
      `${where} names ${names.length} classes; it must hold 1 to 256 class names, one a line`,
    );
  }
  return names;
}

function parseSplit(
  files: FileMap,
  fileNames: readonly string[],
  format: RecordFormat,
): ImageSplit {
  const { labelBytes, labelOffset, numClasses, namesFile, source } = format;
  const recordBytes = labelBytes + PIXELS;
  const parts = fileNames.map((fileName) => {
    const bytes = requireFile(files, fileName, source);
    if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
      throw new UserError(
        `${source}: ${fileName} has ${bytes.length} bytes, which is no whole number of records of ${recordBytes} bytes; ` +
          "the file is damaged or incomplete: copy or unpack it again",
      );
    }
    return { fileName, bytes, records: bytes.length / recordBytes };
  });
  const count = parts.reduce((sum, part) => sum + part.records, 0);
  const images = new Uint8Array(count * PIXELS);
  const labels = new Int32Array(count);
  let next = 0;
  for (const { fileName, bytes, records } of parts) {
    for (let record = 0; record < records; record++, next++) {
      const start = record * recordBytes;
      const label = bytes[start + labelOffset]!;
      if (label >= numClasses) {
        throw new UserError(
          `${source}: ${fileName}, record ${record + 1} of ${records}, has label ${label}, but ${namesFile} names ` +
            `${numClasses} classes (labels 0 to ${numClasses - 1}); the file is damaged: copy or unpack it again`,
        );
      }
      labels[next] = label;
      images.set(
        bytes.subarray(start + labelBytes, start + recordBytes),
        next * PIXELS,
      );
    }
  }
  return { count, images, labels };
}

/** Given labels from a file (`--labels`): one integer per training image, as .npy, .csv or .json. */
import { readNpy } from "../data/npy.js";
import { UserError } from "../errors.js";
import { parseCsv } from "./csv.js";
import { parseJson } from "./noise-matrix.js";

/**
 * Reads the labels in the order of the training images.
 *
 * A .csv is one column of labels, or a table with a column `label`; where it has a column `index` too, each row belongs to
 * the image of that index, and every image must have exactly one. A .json is an array.
 *
 * @param counts The numbers of training images that the file may be about.
 * @throws UserError naming the file and the row: another length, a label that is no integer in [0, numClasses), an index
 *   that is missing, out of range or there twice
 */
export function parseLabels(
  bytes: Uint8Array,
  name: string,
  counts: readonly number[],
  numClasses: number,
): Int32Array {
  const labels = readLabels(bytes, name);
  if (!counts.includes(labels.length)) {
    throw new UserError(
      `${name}: holds ${labels.length} labels, but there are ${counts.join(" or ")} training images; it needs one for each`,
    );
  }
  const bad = labels.findIndex(
    (label) => !Number.isInteger(label) || label < 0 || label >= numClasses,
  );
  if (bad >= 0) {
    throw new UserError(
      `${name}: label ${labels[bad]!} of image ${bad} is no class; there are ${numClasses} (0 to ${numClasses - 1})`,
    );
  }
  return Int32Array.from(labels);
}

/** How given labels compare with the data's own. */
export interface LabelComparison {
  readonly differing: number;
  /** Cohen's kappa: 1 where all agree, about 0 for the same labels in an order of chance. */
  readonly kappa: number;
}

export function compareLabels(
  given: Int32Array,
  own: Int32Array,
  numClasses: number,
): LabelComparison {
  const givenCounts = new Array<number>(numClasses).fill(0);
  const ownCounts = new Array<number>(numClasses).fill(0);
  let differing = 0;
  own.forEach((label, image) => {
    ownCounts[label]!++;
    givenCounts[given[image]!]!++;
    if (given[image] !== label) differing++;
  });
  const { length } = own;
  const byChance = ownCounts.reduce((sum, n, c) => sum + (n / length) * (givenCounts[c]! / length), 0); // prettier-ignore
  const kappa = differing === 0 ? 1 : 1 - differing / length / (1 - byChance);
  return { differing, kappa };
}

function readLabels(bytes: Uint8Array, name: string): number[] {
  const kind = /\.[^.]*$/.exec(name)?.[0].toLowerCase();
  if (kind === ".npy") return Array.from(readNpy(bytes, name));
  const text = new TextDecoder().decode(bytes);
  if (kind === ".csv") return csvLabels(text, name);
  if (kind !== ".json")
    throw new UserError(`${name}: labels are read from .npy, .csv or .json`);
  const values = parseJson(text, name);
  if (
    !Array.isArray(values) ||
    !values.every((value) => typeof value === "number")
  )
    throw new UserError(`${name}: is no array of numbers`);
  return values;
}

function csvLabels(text: string, name: string): number[] {
  const rows = parseCsv(text, name);
  const header = rows[0] ?? [];
  for (const column of ["label", "index"])
    if (header.indexOf(column) !== header.lastIndexOf(column))
      throw new UserError(
        `${name}: two columns are called ${column}; rename all but the one that is meant`,
      );
  const labelColumn = header.indexOf("label");
  if (labelColumn < 0) {
    if (header.length !== 1)
      throw new UserError(
        `${name}: has ${header.length} columns and none is called label; name the columns in a first line`,
      );
    return rows.map(([cell = ""], row) =>
      integer(cell, name, "label", row + 1),
    );
  }
  const indexColumn = header.indexOf("index");
  const body = rows.slice(1);
  const labels = new Array<number>(body.length).fill(-1);
  body.forEach((cells, row) => {
    const label = integer(cells[labelColumn]!, name, "label", row + 2);
    const index =
      indexColumn < 0
        ? row
        : integer(cells[indexColumn]!, name, "index", row + 2);
    if (index < 0 || index >= labels.length || labels[index] !== -1) {
      throw new UserError(
        `${name}: line ${row + 2} is about image ${index}, which ${labels[index] === undefined ? `is not one of 0 to ${labels.length - 1}` : "has a label already"}`,
      );
    }
    labels[index] = label;
  });
  return labels;
}

function integer(
  cell: string,
  name: string,
  column: string,
  line: number,
): number {
  if (!/^\s*\d+\s*$/.test(cell))
    throw new UserError(
      `${name}: line ${line} has no whole number as its ${column}: "${cell}"`,
    );
  return Number(cell);
}

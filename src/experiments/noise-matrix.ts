/**
 * Label noise by a transition matrix T: of the images of class t that are chosen, a share T[t][g] gets label g. The counts
 * are T[t][g]·m by largest remainder, so exact for every class and level; which image gets which label is drawn.
 */
import { readNpyMatrix } from "../data/npy.js";
import { Purpose, RandomStream } from "../engine/random.js";
import { UserError } from "../errors.js";
import { parseCsv } from "./csv.js";
import type { ConfusionTable } from "./tables.js";

/** `matrix[t][g]`: rows sum to 1. */
export type NoiseMatrix = readonly (readonly number[])[];

/** Rows of a file may miss 1 by this much, and are then scaled. */
const sumTolerance = 1e-6;

/**
 * Reads a C×C matrix: .npy; .json, an array of rows; or .csv, numbers alone or with a header line and a first column of
 * class names, as in confusion.csv.
 *
 * @throws UserError naming the file and the row where it is none: another shape, a share outside [0, 1], a sum other than 1
 */
export function parseNoiseMatrix(
  bytes: Uint8Array,
  name: string,
  numClasses: number,
): NoiseMatrix {
  const rows = parseRows(bytes, name);
  if (
    rows.length !== numClasses ||
    rows.some((row) => row.length !== numClasses)
  ) {
    throw new UserError(
      `${name}: has ${rows.length} rows of ${rows[0]?.length ?? 0} columns; a transition matrix of ${numClasses} classes is ${numClasses}×${numClasses}`,
    );
  }
  return rows.map((row, t) => {
    const bad = row.find((share) => !(share >= 0 && share <= 1));
    const sum = row.reduce((a, b) => a + b, 0);
    if (bad !== undefined || Math.abs(sum - 1) > sumTolerance) {
      throw new UserError(
        `${name}: row ${t + 1} ${bad === undefined ? `sums to ${sum}` : `holds ${bad}`}; its ${numClasses} shares lie in [0, 1] and sum to 1`,
      );
    }
    return row.map((share) => share / sum);
  });
}

function parseRows(bytes: Uint8Array, name: string): number[][] {
  if (name.endsWith(".npy")) return readNpyMatrix(bytes, name);
  const text = new TextDecoder().decode(bytes);
  if (name.endsWith(".json")) {
    const rows = parseJson(text, name);
    const valid = (row: unknown) =>
      Array.isArray(row) && row.every((value) => typeof value === "number");
    if (!Array.isArray(rows) || !rows.every(valid))
      throw new UserError(`${name}: is no array of rows of numbers`);
    return rows;
  }
  if (!name.endsWith(".csv"))
    throw new UserError(
      `${name}: a transition matrix is read from .csv, .json or .npy`,
    );
  const [header = [], ...rest] = parseCsv(text, name);
  const number = (cell: string) => (cell.trim() === "" ? NaN : Number(cell));
  if (header.every((cell) => Number.isFinite(number(cell))))
    return [header, ...rest].map((row) => row.map(number));
  return rest.map((row) => row.slice(1).map(number));
}

/** JSON from a file. Throws UserError where it is none. */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError(`${name}: is damaged (no JSON)`);
  }
}

/**
 * The mistakes of an earlier run as noise: its confusion matrix without the diagonal, each row scaled to sum to 1.
 *
 * @param name The file that the table comes from, for messages.
 * @throws UserError for other classes than the data's, and for a class that was never mistaken
 */
export function confusionNoise(
  { classes, counts }: ConfusionTable,
  classNames: readonly string[],
  name: string,
): NoiseMatrix {
  if (classes.join("\n") !== classNames.join("\n")) {
    throw new UserError(
      `${name}: is about the classes ${classes.join(", ")}, the data has ${classNames.join(", ")}; name a run on the same classes`,
    );
  }
  return counts.map((row, t) => {
    const mistakes = row.reduce((sum, n, p) => (p === t ? sum : sum + n), 0);
    if (mistakes === 0) {
      throw new UserError(
        `${name}: ${classNames[t]!} was never mistaken for another class, so there is nothing to draw from; ` +
          "name a run with more mistakes, or another --noise-kind",
      );
    }
    return row.map((n, p) => (p === t ? 0 : n / mistakes));
  });
}

/**
 * `total` in whole parts that are as close to the shares as can be (largest remainder, Hamilton's method); of equal
 * remainders the lower index gets its part first.
 */
export function apportion(total: number, shares: readonly number[]): number[] {
  // A quota that misses a whole number by rounding alone is that number.
  const quotas = shares.map((share) => {
    const quota = share * total;
    const whole = Math.round(quota);
    return Math.abs(quota - whole) <= total * 2 ** -50 ? whole : quota;
  });
  const counts = quotas.map(Math.floor);
  const order = quotas
    .map((quota, index) => ({ index, rest: quota - Math.floor(quota) }))
    .sort((a, b) => b.rest - a.rest || a.index - b.index);
  const left = total - counts.reduce((a, b) => a + b, 0);
  for (const { index } of order.slice(0, left)) counts[index]!++;
  return counts;
}

/**
 * Labels for the chosen images of one class.
 *
 * Each image draws the label that it would like from the row, by a stream of its own, and gets it as long as there is one
 * left; what remains goes to the others in turn. So an image mostly keeps its label from one noise level to the next, and
 * the counts are exact at each. (Labels that nest without exception and exact counts exclude each other.)
 *
 * @param images In the order of the class's permutation, which is the same at every level.
 * @param row Shares of the labels, summing to 1.
 */
export function drawByRow(
  images: readonly number[],
  row: readonly number[],
  seed: number,
  subStream: number,
): number[] {
  const left = apportion(images.length, row);
  const labels = images.map((image) => {
    const stream = new RandomStream(seed, Purpose.draw, subStream, image);
    const wish = inverseCdf(row, stream.float());
    if (left[wish]! === 0) return -1;
    left[wish]!--;
    return wish;
  });
  let next = 0;
  return labels.map((label) => {
    if (label >= 0) return label;
    while (left[next]! === 0) next++;
    left[next]!--;
    return next;
  });
}

/** The first index up to which the shares sum to more than `u` in [0, 1). */
function inverseCdf(shares: readonly number[], u: number): number {
  let sum = 0;
  let last = 0;
  for (let i = 0; i < shares.length; i++) {
    if (shares[i]! === 0) continue;
    sum += shares[i]!;
    last = i;
    if (u < sum) return i;
  }
  return last;
}

/**
 * Poisoned and reduced training sets: which images keep their place, and which get a wrong label. Pure and exact:
 * counts per class are prescribed, not drawn, and everything is a function of the labels, the settings and the seed.
 *
 * One random permutation per class and seed serves both arms: reduction removes its head, noise hits the head of what
 * remains. So levels nest within each arm, and noise and reduction of the same level hit the same images.
 */
import { sha256 } from "./sha256.js";
import { int32LittleEndian } from "../data/npy.js";
import { Purpose, RandomStream } from "../engine/random.js";
import { UserError } from "../errors.js";
import { drawByRow, type NoiseMatrix } from "./noise-matrix.js";

/**
 * How a chosen image gets its label:
 * - `shuffle`: the chosen images' labels are pooled over all classes and permuted, so class sizes stay the same and
 *   about 1 − 1/C of the chosen labels really change;
 * - `uniform`: a wrong label, uniform over the other classes; every chosen label changes;
 * - `symmetric`: uniform over all classes, the true one included;
 * - `pairflip`: the next class, the last one going to the first.
 */
export const noiseKinds = [
  "shuffle",
  "uniform",
  "symmetric",
  "pairflip",
] as const;

/**
 * Kinds that draw from a transition matrix, after the name of what it is read from: `matrix:FILE`, a file of the matrix;
 * `confusion:RUN`, an earlier run's mistakes. See noise-matrix.ts.
 */
const matrixKinds = { "matrix:": "FILE", "confusion:": "RUN" } as const;

export type NoiseKind =
  (typeof noiseKinds)[number] | `${keyof typeof matrixKinds}${string}`;

/** All kinds, for help texts and messages. */
export const noiseKindList = [
  ...noiseKinds,
  ...Object.entries(matrixKinds).map((parts) => parts.join("")),
].join(", ");

export interface PoisonOptions {
  /** Share of each class's (remaining) images that get a noisy label, in [0, 1]. */
  noise: number;
  kind: NoiseKind;
  /** Share of each class's images that are kept, in [0, 1]. */
  keep: number;
  /** An integer in [0, 2^53). */
  seed: number;
  /** What the kinds `matrix:` and `confusion:` draw from. */
  matrix?: NoiseMatrix | undefined;
  /** Labels that a file gives instead of the true ones, [n]; there is no other noise then. */
  given?: Int32Array | undefined;
}

export interface PoisonResult {
  /** `labels` where a file gave them. */
  kind: NoiseKind | "labels";
  /** The noise asked for. */
  nominal: number;
  keep: number;
  seed: number;
  /** Images chosen for a noisy label (or whose given label is another than the true one), ascending, in data order. */
  selected: Int32Array;
  /** Images that stay in the training set, ascending indices into the data order. */
  kept: Int32Array;
  /** Labels to train on, [n] in data order; a removed image has its true label. */
  given: Int32Array;
  /** Kept images whose given label is not the true one. */
  changed: number;
  /** changed / kept.length; 0 where nothing is kept. */
  effectiveRate: number;
  /** [C][C] counts over the kept images: transition[t][g] of true class t are given class g. */
  transition: number[][];
  /** What was drawn from, where it was a matrix. */
  matrix?: NoiseMatrix;
}

/** The object of poison.json. */
export interface PoisonRecord extends Omit<
  PoisonResult,
  "selected" | "kept" | "given"
> {
  selected: number[];
  kept: number[];
  /** SHA-256, in hexadecimal, of the given labels as int32 little-endian (the data of labels.npy). */
  labelsSha256: string;
}

/** The noise kind of this name. @throws UserError naming the kinds there are. */
export function parseNoiseKind(
  name: string,
  asked = "--noise-kind",
): NoiseKind {
  const [prefix] = matrixSource(name as NoiseKind) ?? [];
  if (prefix !== undefined && name.length > prefix.length)
    return name as NoiseKind;
  const kind = noiseKinds.find((known) => known === name);
  if (kind === undefined)
    throw new UserError(
      `${asked} ${name}: is unknown; choose one of ${noiseKindList}`,
    );
  return kind;
}

/** The prefix of a kind that draws from a matrix, and what follows it. */
export function matrixSource(
  kind: NoiseKind,
): [prefix: keyof typeof matrixKinds, source: string] | undefined {
  const prefixes = Object.keys(matrixKinds) as (keyof typeof matrixKinds)[];
  const prefix = prefixes.find((start) => kind.startsWith(start));
  return prefix && [prefix, kind.slice(prefix.length)];
}

/**
 * `share` of `n` images, rounded half up: ⌊share·n + ½⌋.
 *
 * The share as typed (0.145) and its product are rounded to doubles: 0.145·100 is 14.499999999999998, which would make
 * 14 of what means 14.5 and rounds to 15. Those errors (of the share, of 1 − keep, of the product and of the sum) add
 * up to less than n·2⁻⁵¹; twice as much is allowed for, which no share that anybody types can tell from exact.
 */
export function shareOf(share: number, n: number): number {
  return Math.floor(share * n + 0.5 + n * 2 ** -50);
}

/** Of a class of `n` images, how many are kept, and how many of those are chosen for a noisy label. */
export function countsOf(
  n: number,
  { noise, keep }: Pick<PoisonOptions, "noise" | "keep">,
): { kept: number; chosen: number } {
  const kept = n - shareOf(1 - keep, n);
  return { kept, chosen: shareOf(noise, kept) };
}

/**
 * Chooses the images to remove and to relabel, class by class, and draws their labels.
 *
 * @param labels True labels, [n], each in [0, numClasses).
 * @throws UserError for a share outside [0, 1], a seed or label out of range, or noise that needs a second class.
 */
export function poison(
  labels: Int32Array,
  numClasses: number,
  options: PoisonOptions,
): PoisonResult {
  const { noise, kind, keep, seed } = options;
  checkShare("noise", noise);
  checkShare("keep", keep);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new UserError(
      `seed ${seed}: it must be a whole number from 0 to 2^53 - 1`,
    );
  }
  if (noise > 0 && numClasses < 2) {
    throw new UserError(
      `noise ${noise}: there is no other label to give in a data set of ${numClasses} class`,
    );
  }
  const { chosen, kept } = select(membersByClass(labels, numClasses), options);
  const given = options.given
    ? fileLabels(options.given, labels, kept, noise)
    : labels.slice();
  const drawn = drawLabels(chosen, labels, numClasses, options);
  drawn.forEach((label, image) => {
    given[image] = label;
  });
  const selected = options.given
    ? kept.filter((image) => given[image] !== labels[image])
    : ascending(chosen);
  const transition = Array.from({ length: numClasses }, () =>
    new Array<number>(numClasses).fill(0),
  );
  let changed = 0;
  for (const image of kept) {
    const truth = labels[image]!;
    const gift = given[image]!;
    transition[truth]![gift]!++;
    if (truth !== gift) changed++;
  }
  const effectiveRate = kept.length === 0 ? 0 : changed / kept.length;
  return {
    kind: options.given ? "labels" : kind,
    nominal: noise,
    keep,
    seed,
    selected,
    kept,
    given,
    changed,
    effectiveRate,
    transition,
    ...(noise > 0 && options.matrix && { matrix: options.matrix }),
  };
}

/** The file's labels on the kept images; a removed one has its true label, as everywhere. */
function fileLabels(
  fromFile: Int32Array,
  labels: Int32Array,
  kept: Int32Array,
  noise: number,
): Int32Array {
  if (noise > 0)
    throw new UserError(
      `--labels: names the labels to train on, and so does --noise ${noise}; leave one of them out`,
    );
  if (fromFile.length !== labels.length)
    throw new RangeError(
      `${fromFile.length} given labels for ${labels.length} images`,
    );
  const given = labels.slice();
  for (const image of kept) given[image] = fromFile[image]!;
  return given;
}

/** What poison.json holds. */
export async function poisonRecord(
  result: PoisonResult,
): Promise<PoisonRecord> {
  const { given, ...rest } = result;
  return {
    ...rest,
    selected: Array.from(result.selected),
    kept: Array.from(result.kept),
    labelsSha256: await labelsSha256(given),
  };
}

/** SHA-256, in hexadecimal, of labels as int32 little-endian bytes. */
export async function labelsSha256(labels: Int32Array): Promise<string> {
  return sha256(int32LittleEndian(labels));
}

function checkShare(name: string, share: number): void {
  // Worded so that NaN is refused too.
  if (!(share >= 0 && share <= 1))
    throw new UserError(
      `${name} ${share}: it is a share and must lie in [0, 1]`,
    );
}

/** The images of each class, in data order. */
function membersByClass(labels: Int32Array, numClasses: number): number[][] {
  const members = Array.from({ length: numClasses }, (): number[] => []);
  labels.forEach((label, image) => {
    const group = members[label];
    if (group === undefined) {
      throw new UserError(
        `label ${label} of image ${image} is out of range: there are ${numClasses} classes`,
      );
    }
    group.push(image);
  });
  return members;
}

/**
 * The stratified choice: per class, one permutation's head is removed and the head of its rest, `chosen` in the
 * permutation's order, gets noise.
 */
function select(
  members: readonly number[][],
  options: Pick<PoisonOptions, "noise" | "keep" | "seed">,
) {
  const counts = members.map((group) => countsOf(group.length, options));
  const kept = members.map((group, c) => {
    const stream = new RandomStream(options.seed, Purpose.select, 0, c);
    return Array.from(
      stream.permutation(group.length).subarray(group.length - counts[c]!.kept),
      (position) => group[position]!,
    );
  });
  const chosen = kept.map((rest, c) => rest.slice(0, counts[c]!.chosen));
  return { chosen, kept: ascending(kept) };
}

function ascending(groups: readonly number[][]): Int32Array {
  return Int32Array.from(groups.flat()).sort(); // typed arrays sort by number
}

/** Sub-streams of Purpose.draw (its epoch word): one per image, or the single one that permutes the pool. */
const perImageDraws = 0;
const poolDraws = 1;

/**
 * The chosen images' new labels, by image. With `uniform`, `symmetric` and `pairflip` a label depends on the seed, the image
 * and its true label alone, so an image hit at one noise level gets the same label at every higher one.
 *
 * @param chosen Per class, in the order of the class's permutation.
 */
function drawLabels(
  chosen: readonly number[][],
  labels: Int32Array,
  numClasses: number,
  { kind, seed, matrix }: PoisonOptions,
): Map<number, number> {
  if (matrixSource(kind)) {
    return new Map(
      chosen.flatMap((images, truth) => {
        if (images.length === 0) return [];
        const row = matrix?.[truth];
        if (!row)
          throw new RangeError(
            `noise kind ${kind} needs its ${numClasses}×${numClasses} matrix`,
          );
        const drawn = drawByRow(images, row, seed, perImageDraws);
        return images.map((image, i) => [image, drawn[i]!] as const);
      }),
    );
  }
  const selected = ascending(chosen);
  const truth = selected.map((image) => labels[image]!);
  if (kind === "shuffle") {
    const pool = new RandomStream(seed, Purpose.draw, poolDraws).shuffle(truth);
    return new Map(Array.from(selected, (image, i) => [image, pool[i]!]));
  }
  const draw = (image: number): number => {
    const label = labels[image]!;
    const stream = new RandomStream(seed, Purpose.draw, perImageDraws, image);
    switch (kind) {
      case "uniform":
        return (label + 1 + stream.integer(numClasses - 1)) % numClasses;
      case "symmetric":
        return stream.integer(numClasses);
      default: // pairflip
        return (label + 1) % numClasses;
    }
  };
  return new Map(Array.from(selected, (image) => [image, draw(image)]));
}

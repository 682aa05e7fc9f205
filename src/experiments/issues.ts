/**
 * Which training labels are most likely wrong: confident learning (Northcutt, Jiang and Chuang, "Confident Learning:
 * Estimating Uncertainty in Dataset Labels", JAIR 2021) on probabilities that no image's own label has had a part in.
 *
 * The images are dealt into folds, class by class; each fold is judged by networks that were trained on the other folds.
 * The ranking is by self-confidence p̂(given label), lowest first; candidates are the off-diagonal of the confident joint.
 */
import type { Dataset, ImageSplit } from "../data/types.js";
import type { Device } from "../engine/device.js";
import { Purpose, RandomStream } from "../engine/random.js";
import { UserError } from "../errors.js";
import {
  averagePrecision,
  precisionRecallCurve,
  softmaxRows,
} from "./metrics.js";
import { planCourse, type TrainSettings } from "./settings.js";
import { train, type TrainEvents } from "./trainer.js";

/** One training image as the ranking sees it. */
export interface Suspect {
  /** Index into the training images. */
  readonly image: number;
  readonly given: number;
  /** The class that the networks would give: of a candidate the confident one, else the most probable. */
  readonly suggested: number;
  /** Out-of-fold probability of the given label, and of the suggested one. */
  readonly selfConfidence: number;
  readonly suggestedConfidence: number;
  /** Whether the confident joint counts it as mislabelled. */
  readonly candidate: boolean;
}

export interface IssueRanking {
  /** Every judged image, most suspicious first. */
  readonly suspects: readonly Suspect[];
  /** Per class the mean self-confidence of the images that were given it: what counts as confident. Null without images. */
  readonly thresholds: readonly (number | null)[];
  /** confidentJoint[given][suggested] counts images that are confidently of a class. */
  readonly confidentJoint: number[][];
}

/**
 * Ranks labels by out-of-fold probabilities.
 *
 * @param probabilities [n, C], rows summing to 1
 * @param given [n] labels in [0, C)
 * @param images What the rows are about: indices into the training images.
 */
export function rankIssues(
  probabilities: Float64Array,
  given: ArrayLike<number>,
  images: ArrayLike<number>,
  numClasses: number,
): IssueRanking {
  const n = given.length;
  const sums = new Float64Array(numClasses);
  const counts = new Int32Array(numClasses);
  for (let i = 0; i < n; i++) {
    sums[given[i]!]! += probabilities[i * numClasses + given[i]!]!;
    counts[given[i]!]!++;
  }
  const thresholds = Array.from(sums, (sum, c) =>
    counts[c] === 0 ? null : sum / counts[c]!,
  );
  const confidentJoint = thresholds.map(() =>
    new Array<number>(numClasses).fill(0),
  );
  const suspects = Array.from({ length: n }, (_, i): Suspect => {
    const row = probabilities.subarray(i * numClasses, (i + 1) * numClasses);
    const label = given[i]!;
    const confident = best(row, (c) => {
      const threshold = thresholds[c] ?? Infinity;
      return row[c]! >= threshold;
    });
    if (confident !== undefined) confidentJoint[label]![confident]!++;
    const suggested = confident ?? best(row, () => true)!;
    return {
      image: images[i]!,
      given: label,
      suggested,
      selfConfidence: row[label]!,
      suggestedConfidence: row[suggested]!,
      candidate: confident !== undefined && confident !== label,
    };
  });
  suspects.sort(
    (a, b) => a.selfConfidence - b.selfConfidence || a.image - b.image,
  );
  return { suspects, thresholds, confidentJoint };
}

/** The most probable class among those that pass; the lowest of equals. */
function best(
  row: Float64Array,
  passes: (c: number) => boolean,
): number | undefined {
  let found: number | undefined;
  row.forEach((p, c) => {
    if (passes(c) && (found === undefined || p > row[found]!)) found = c;
  });
  return found;
}

/** How well a ranking finds labels that are known to be wrong. */
export interface IssueQuality {
  /** Labels that are wrong, and their share of the images: what a random order would find. */
  readonly planted: number;
  readonly baseRate: number;
  /** Share of wrong labels among the first `planted` of the ranking; also the share of them that is found there. */
  readonly precisionAtPlanted: number;
  readonly averagePrecision: number;
  readonly candidates: {
    readonly count: number;
    readonly precision: number;
    readonly recall: number;
  };
}

/**
 * Compares a ranking with the truth; null where no label is wrong.
 * @param wrong By image index.
 */
export function issueQuality(
  suspects: readonly Suspect[],
  wrong: (image: number) => boolean,
): IssueQuality | null {
  const hits = Uint8Array.from(suspects, ({ image }) => (wrong(image) ? 1 : 0));
  const planted = hits.reduce((a, b) => a + b, 0);
  if (planted === 0) return null;
  const found = hits.subarray(0, planted).reduce((a, b) => a + b, 0);
  const candidates = suspects.filter(({ candidate }) => candidate);
  const right = candidates.filter(({ image }) => wrong(image)).length;
  return {
    planted,
    baseRate: planted / suspects.length,
    precisionAtPlanted: found / planted,
    averagePrecision: averagePrecision(
      precisionRecallCurve(
        // Not 1 − p, which is 1 for every p below 1e-16: the most suspicious would all tie.
        Float64Array.from(suspects, ({ selfConfidence }) => -selfConfidence),
        hits,
      ),
    ),
    candidates: {
      count: candidates.length,
      precision: candidates.length === 0 ? 0 : right / candidates.length,
      recall: right / planted,
    },
  };
}

/** Sub-stream of Purpose.split (its epoch word) that deals images into folds. */
const foldDeal = 2;

/**
 * Deals images into folds, each class evenly by its given labels: fold[i] of images[i]. A new deal per repeat.
 * @throws UserError where a class has fewer images than there are folds: some network would never see it
 */
export function dealFolds(
  given: ArrayLike<number>,
  classNames: readonly string[],
  folds: number,
  seed: number,
  repeat = 0,
): Int32Array {
  const fold = new Int32Array(given.length);
  let next = 0;
  classNames.forEach((name, c) => {
    const members: number[] = [];
    for (let i = 0; i < given.length; i++) if (given[i] === c) members.push(i);
    if (members.length > 0 && members.length < folds)
      throw new UserError(
        `--folds ${folds}: ${name} has ${members.length} training images; take at most as many folds as the smallest class has images`,
      );
    const order = new RandomStream(
      seed,
      Purpose.split,
      foldDeal,
      repeat * classNames.length + c,
    ).permutation(members.length);
    // Goes on where the last class ended, so that the folds are of one size.
    for (const position of order) fold[members[position]!] = next++ % folds;
  });
  return fold;
}

export interface CrossValidation {
  readonly device: Device;
  readonly dataset: Dataset;
  /** Of each training; noise and reduction are no part of them, `given` and `kept` are. */
  readonly settings: TrainSettings;
  /** Labels to judge, [n] in data order, and the images that have one. */
  readonly given: Int32Array;
  readonly kept: Int32Array;
  readonly folds: number;
  /** Whole cross-validations with other folds and other initial weights, whose probabilities are averaged. */
  readonly repeats: number;
  readonly onTraining?: (training: number) => TrainEvents;
}

/** Images that all trainings of a cross-validation go through, for a progress bar. */
export function crossValidationImages({
  kept,
  settings,
  folds,
  repeats,
}: Pick<CrossValidation, "kept" | "settings" | "folds" | "repeats">): number {
  const images = Math.floor((kept.length * (folds - 1)) / folds);
  const { lastStep, stepsPerEpoch } = planCourse(settings, images);
  return Math.round((lastStep / stepsPerEpoch) * images) * folds * repeats;
}

/**
 * Out-of-fold softmax probabilities `[kept.length, C]`.
 * @throws UserError, DivergedError or one of the engine's errors
 */
export async function crossValidate(
  request: CrossValidation,
): Promise<Float64Array> {
  const { device, dataset, given, kept, folds, repeats } = request;
  const classes = dataset.classNames.length;
  const judged = kept.map((image) => given[image]!);
  const total = new Float64Array(kept.length * classes);
  for (let repeat = 0; repeat < repeats; repeat++) {
    const seed = request.settings.seed + repeat;
    const fold = dealFolds(
      judged,
      dataset.classNames,
      folds,
      request.settings.seed,
      repeat,
    );
    for (let k = 0; k < folds; k++) {
      const held = kept.filter((_, i) => fold[i] === k);
      const others = kept.filter((_, i) => fold[i] !== k);
      const settings: TrainSettings = {
        ...request.settings,
        seed,
        noise: 0,
        keep: 1,
        // Only the last weights are asked for.
        evalEvery: Number.MAX_SAFE_INTEGER,
      };
      const { logits } = await train(
        device,
        {
          ...dataset,
          test: take(dataset.train, given, held, dataset.imageSize),
        },
        settings,
        { given, kept: others },
        request.onTraining?.(repeat * folds + k),
      );
      const probabilities = softmaxRows(logits, classes);
      let row = 0;
      fold.forEach((f, i) => {
        if (f !== k) return;
        for (let c = 0; c < classes; c++)
          total[i * classes + c]! +=
            probabilities[row * classes + c]! / repeats;
        row++;
      });
    }
  }
  return total;
}

/** Some images of a split with the labels to judge. */
function take(
  split: ImageSplit,
  given: Int32Array,
  chosen: Int32Array,
  imageSize: number,
): ImageSplit {
  const bytes = 3 * imageSize ** 2;
  const images = new Uint8Array(chosen.length * bytes);
  chosen.forEach((image, i) => {
    images.set(
      split.images.subarray(image * bytes, (image + 1) * bytes),
      i * bytes,
    );
  });
  return {
    count: chosen.length,
    images,
    labels: chosen.map((image) => given[image]!),
  };
}

/**
 * What the files of an image folder mean: which are images, of which class, and which are held out for evaluation. Pure
 * functions of the paths; nothing is read here, so that Node and a web page share it.
 *
 * Two layouts: `train/<class>/…` with `test/<class>/…` beside it, or `<class>/…` alone, of which a share of each class is
 * held out. Folders that wrap all of it (as in most archives) are looked through; below a class any depth is fine.
 */
import { Purpose, RandomStream } from "../engine/random.js";
import { UserError } from "../errors.js";

export interface LayoutOptions {
  /** Share of each class that is held out where the folder has no test images of its own, in (0, 1). */
  readonly valFraction: number;
  /** Chooses the images that are held out. */
  readonly seed: number;
  /** The folder or archive, for messages. */
  readonly source: string;
}

export interface LabelledImage {
  readonly path: string;
  /** Index into the layout's classNames. */
  readonly label: number;
}

export interface ImageLayout {
  /** Names of the class folders in code-unit order. */
  readonly classNames: string[];
  /** Both in code-unit order of the paths. */
  readonly train: readonly LabelledImage[];
  readonly test: readonly LabelledImage[];
  /** Whether the test images are a share of the one set there is. */
  readonly heldOut: boolean;
  /** Files that are not used, and why; hidden ones are not even listed. */
  readonly skipped: readonly SkippedFile[];
}

export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

/** Folders that may hold the evaluation images beside `train`; the first that is there is used. */
const evaluationFolders = ["test", "val", "valid", "validation"] as const;

const imageName = /\.(jpe?g|png|webp)$/i;

/** Whether a file is an image by its name: .jpg, .jpeg, .png or .webp, and neither hidden nor in a hidden folder. */
export function isImagePath(path: string): boolean {
  return imageName.test(path) && !isHidden(path);
}

/** What operating systems leave in folders and archives. */
function isHidden(path: string): boolean {
  return path
    .split("/")
    .some((part) => /^(\.|__MACOSX$|Thumbs\.db$|desktop\.ini$)/i.test(part));
}

/**
 * Refuses a path of an archive that would lead out of it: absolute, with a drive letter, or with a `..` in it.
 * @throws UserError naming the archive and the path
 */
export function requireInside(path: string, source: string): void {
  const outside =
    path === "" ||
    /^([\\/]|[a-z]:)/i.test(path) ||
    path.includes("\0") ||
    path.split(/[\\/]/).includes("..");
  if (outside)
    throw new UserError(
      `${source}: refused, because its entry ${JSON.stringify(path)} leads out of the archive`,
    );
}

/** What to say of an archive with a link in it, which could point anywhere. */
export function linkRefused(path: string, source: string): UserError {
  return new UserError(
    `${source}: refused, because its entry ${JSON.stringify(path)} is a link, not a file`,
  );
}

/**
 * Sorts files by class and by use.
 *
 * @param paths Of all files, relative, with "/" between folders, in any order.
 * @throws UserError where there are no images, fewer than two classes, or a class with too few images
 */
export function planLayout(
  paths: readonly string[],
  options: LayoutOptions,
): ImageLayout {
  const { source, valFraction } = options;
  if (!(valFraction > 0 && valFraction < 1))
    throw new UserError(
      `--val-fraction: expected a share above 0 and below 1, got ${valFraction}`,
    );
  const sorted = paths.filter((path) => !isHidden(path)).sort();
  const images = sorted.filter(isImagePath);
  const skipped = sorted
    .filter((path) => !isImagePath(path))
    .map((path) => ({ path, reason: "no .jpg, .jpeg, .png or .webp" }));
  const duplicate = images.find((path, i) => path === images[i + 1]);
  if (duplicate !== undefined)
    throw new UserError(`${source}: holds ${duplicate} more than once`);
  if (images.length === 0) {
    throw new UserError(
      `${source}: holds neither CIFAR data in the official binary layout (data_batch_1.bin, …, or train.bin, …) nor images: ` +
        "JPEG, PNG or WebP files belong into train/<class>/ and test/<class>/, or into <class>/ alone",
    );
  }
  const below = new Below(wrapperDepth(images));
  const tops = new Set(images.map((path) => below.folder(path, 0)));
  const evaluation = evaluationFolders.find((name) => tops.has(name));
  if (tops.has("train") && evaluation === undefined) {
    const stray = [...tops].filter((top) => top !== "train");
    throw new UserError(
      `${source}: has a train folder and beside it ${stray.map((top) => top ?? "images").join(", ")}; the evaluation ` +
        `images go into test/<class>/ (or ${evaluationFolders.slice(1).join("/, ")}/)`,
    );
  }
  return tops.has("train")
    ? splitByFolder(images, below, evaluation!, source, skipped)
    : holdOut(images, below, options, skipped);
}

/** Folders of a path, counted below those that wrap everything. */
class Below {
  constructor(private readonly depth: number) {}

  /** The folder at a level; undefined where the path ends in a file there. */
  folder(path: string, level: number): string | undefined {
    const parts = path.split("/");
    const at = this.depth + level;
    return at < parts.length - 1 ? parts[at] : undefined;
  }
}

/** Leading folders that all images share, as long as each image has a class folder below them. */
function wrapperDepth(images: readonly string[]): number {
  const split = images.map((path) => path.split("/"));
  let depth = 0;
  const first = split[0]!;
  while (
    split.every(
      (parts) => parts.length >= depth + 3 && parts[depth] === first[depth],
    )
  )
    depth++;
  return depth;
}

function splitByFolder(
  images: readonly string[],
  below: Below,
  evaluation: string,
  source: string,
  skipped: SkippedFile[],
): ImageLayout {
  const inFolder = (top: string) =>
    images.filter(
      (path) =>
        below.folder(path, 0) === top && below.folder(path, 1) !== undefined,
    );
  const [train, test] = [inFolder("train"), inFolder(evaluation)];
  const used = new Set([...train, ...test]);
  for (const path of images) {
    if (!used.has(path))
      skipped.push({
        path,
        reason: `neither in train/<class>/ nor in ${evaluation}/<class>/`,
      });
  }
  const classOf = (path: string) => below.folder(path, 1)!;
  const classNames = namesOf(train, classOf, source);
  const missing = (from: readonly string[], what: string[]) => {
    const there = new Set(from.map(classOf));
    return what.filter((name) => !there.has(name));
  };
  const untested = missing(test, classNames);
  const untrained = missing(train, [...new Set(test.map(classOf))].sort());
  if (untested.length > 0 || untrained.length > 0) {
    const [names, where] =
      untested.length > 0 ? [untested, evaluation] : [untrained, "train"];
    throw new UserError(
      `${source}: no image in ${where}/ of ${some(names)}; each class needs at least one in train/ and one in ${evaluation}/`,
    );
  }
  const label = labeller(classNames, classOf);
  return {
    classNames,
    train: train.map(label),
    test: test.map(label),
    heldOut: false,
    skipped: skipped.sort(byPath),
  };
}

/** Holds out ⌊valFraction·n + ½⌋ of each class's n images, at least one and not all, by the seed. */
function holdOut(
  images: readonly string[],
  below: Below,
  { valFraction, seed, source }: LayoutOptions,
  skipped: SkippedFile[],
): ImageLayout {
  const classified = images.filter((path) => {
    const inClass = below.folder(path, 0) !== undefined;
    if (!inClass) skipped.push({ path, reason: "in no class folder" });
    return inClass;
  });
  const classOf = (path: string) => below.folder(path, 0)!;
  const classNames = namesOf(classified, classOf, source);
  const held = new Set<string>();
  const lonely: string[] = [];
  classNames.forEach((name, c) => {
    const members = classified.filter((path) => classOf(path) === name);
    const n = members.length;
    if (n < 2) lonely.push(name);
    const count = Math.max(
      1,
      Math.min(n - 1, Math.floor(valFraction * n + 0.5)),
    );
    const order = new RandomStream(seed, Purpose.split, 0, c).permutation(n);
    for (const member of order.subarray(0, count)) held.add(members[member]!);
  });
  if (lonely.length > 0) {
    throw new UserError(
      `${source}: too few images of ${some(lonely)}; a class needs at least 2, one to train on and one to hold out`,
    );
  }
  const label = labeller(classNames, classOf);
  return {
    classNames,
    train: classified.filter((path) => !held.has(path)).map(label),
    test: classified.filter((path) => held.has(path)).map(label),
    heldOut: true,
    skipped: skipped.sort(byPath),
  };
}

function namesOf(
  images: readonly string[],
  classOf: (path: string) => string,
  source: string,
): string[] {
  const names = [...new Set(images.map(classOf))].sort();
  if (names.length < 2) {
    throw new UserError(
      `${source}: has ${names.length === 0 ? "no class folder" : `images of one class alone (${names[0]!})`}; ` +
        "classification needs at least two class folders with images",
    );
  }
  return names;
}

function labeller(classNames: string[], classOf: (path: string) => string) {
  const labels = new Map(classNames.map((name, label) => [name, label]));
  return (path: string): LabelledImage => ({
    path,
    label: labels.get(classOf(path))!,
  });
}

/** The first few names of a list, and how many more there are. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

const byPath = (a: SkippedFile, b: SkippedFile) => (a.path < b.path ? -1 : 1);

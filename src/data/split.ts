/** `--data-split random`: which images are for training and which for evaluation, drawn anew. */
import { Purpose, RandomStream } from "../engine/random.js";
import type { Dataset, ImageSplit } from "./types.js";

/** Sub-stream of Purpose.split (its epoch word); 0 is the hold-out of image folders. */
const redraw = 1;

/**
 * Pools both splits and draws them anew at their sizes, class by class, so that every class keeps its counts in both. The
 * images of each new split stay in the order of the pool: the old training images, then the old test images.
 */
export function redrawSplit(dataset: Dataset, seed: number): Dataset {
  const { train, test, classNames, imageSize } = dataset;
  const count = train.count + test.count;
  const labelOf = (image: number) =>
    image < train.count
      ? train.labels[image]!
      : test.labels[image - train.count]!;
  const members = classNames.map((): number[] => []);
  for (let image = 0; image < count; image++)
    members[labelOf(image)]!.push(image);
  const testing = new Uint8Array(count);
  members.forEach((group, c) => {
    const quota = group.filter((image) => image >= train.count).length;
    const order = new RandomStream(seed, Purpose.split, redraw, c).permutation(
      group.length,
    );
    for (const position of order.subarray(0, quota))
      testing[group[position]!] = 1;
  });
  const imageBytes = 3 * imageSize ** 2;
  const take = (use: number): ImageSplit => {
    const chosen = Array.from({ length: count }, (_, image) => image).filter(
      (image) => testing[image] === use,
    );
    const images = new Uint8Array(chosen.length * imageBytes);
    const paths: string[] = [];
    chosen.forEach((image, i) => {
      const from = image < train.count ? train : test;
      const at = image < train.count ? image : image - train.count;
      images.set(
        from.images.subarray(at * imageBytes, (at + 1) * imageBytes),
        i * imageBytes,
      );
      if (from.paths) paths.push(from.paths[at]!);
    });
    return {
      count: chosen.length,
      images,
      labels: Int32Array.from(chosen, labelOf),
      ...(paths.length > 0 && { paths }),
    };
  };
  return { ...dataset, train: take(0), test: take(1) };
}

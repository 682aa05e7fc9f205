/** What planning looks at of a data set: `images` labels, dealt out to the classes in turn. */
import type { PlannedData } from "../../src/experiments/sweep-effect.js";

export function evenly(images: number, classes = 10): PlannedData {
  return {
    train: { labels: Int32Array.from({ length: images }, (_, i) => i % classes) }, // prettier-ignore
    classNames: Array.from({ length: classes }, (_, c) => `class ${c}`),
  };
}

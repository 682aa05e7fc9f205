import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limitSplit } from "../../src/data/limits.js";
import { UserError } from "../../src/errors.js";
import { classCounts, numberedSplit } from "./fixtures.js";

describe("limitSplit", () => {
  it("takes the first images of each class and keeps data order", () => {
    const limited = limitSplit(
      numberedSplit([1, 1, 1, 0, 2, 0, 2, 2, 1]),
      3,
      5,
    );
    expect(limited.count).toBe(5);
    // Two of class 0 and of class 1 (the extra images), one of class 2.
    expect(Array.from(limited.labels)).toEqual([1, 1, 0, 2, 0]);
    expect(Array.from(limited.images)).toEqual(
      [0, 1, 3, 4, 5].flatMap((i) => [i, i, i]),
    );
  });

  it("lets large classes make up for a class that runs out", () => {
    const limited = limitSplit(
      numberedSplit([0, 1, 1, 1, 1, 2, 2, 2, 2]),
      3,
      7,
    );
    expect(classCounts(limited.labels, 3)).toEqual([1, 3, 3]);
  });

  it("is as balanced as the classes allow, a prefix of each class, in order (property)", () => {
    const numClasses = 4;
    const labelsAndLimit = fc
      .array(fc.integer({ min: 0, max: numClasses - 1 }), {
        minLength: 1,
        maxLength: 60,
      })
      .chain((labels) =>
        fc.tuple(
          fc.constant(labels),
          fc.integer({ min: 1, max: labels.length }),
        ),
      );
    fc.assert(
      fc.property(labelsAndLimit, ([labels, limit]) => {
        const split = numberedSplit(labels);
        const limited = limitSplit(split, numClasses, limit);
        const counts = classCounts(limited.labels, numClasses);
        const available = classCounts(split.labels, numClasses);
        expect(counts.reduce((a, b) => a + b)).toBe(limit);
        const most = Math.max(...counts);
        counts.forEach((count, c) => {
          expect(count === available[c] || count >= most - 1).toBe(true);
        });
        const origins = Array.from(
          { length: limit },
          (_, i) => limited.images[3 * i]!,
        );
        expect(origins).toEqual([...origins].sort((a, b) => a - b));
        origins.forEach((origin, i) => {
          expect(limited.labels[i]).toBe(labels[origin]);
          const earlierOfClass = labels
            .slice(0, origin)
            .filter((label) => label === labels[origin]).length;
          expect(earlierOfClass).toBeLessThan(counts[labels[origin]!]!);
        });
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN, 5])(
    "refuses a limit of %s out of 4 images",
    (limit) => {
      expect(() => limitSplit(numberedSplit([0, 1, 0, 1]), 2, limit)).toThrow(
        UserError,
      );
      expect(() => limitSplit(numberedSplit([0, 1, 0, 1]), 2, limit)).toThrow(
        /from 1 to 4/,
      );
    },
  );
});

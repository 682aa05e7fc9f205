import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import {
  dealFolds,
  issueQuality,
  rankIssues,
} from "../../src/experiments/issues.js";

/** Four images of three classes; the thresholds are 0.6, 0.5 and 0.4. */
const probabilities = Float64Array.from(
  [
    [0.9, 0.05, 0.05],
    [0.3, 0.6, 0.1],
    [0.1, 0.5, 0.4],
    [0.35, 0.25, 0.4],
  ].flat(),
);
const given = [0, 0, 1, 2];

describe("the ranking", () => {
  it("goes by self-confidence, lowest first, and suggests the confident class", () => {
    const { suspects, thresholds, confidentJoint } = rankIssues(
      probabilities,
      given,
      [10, 11, 12, 13],
      3,
    );
    expect(thresholds).toEqual(
      [0.6, 0.5, 0.4].map((value) => expect.closeTo(value, 12) as number),
    );
    // By hand: image 10 is confident of 0 alone, 11 of 1 alone, 12 of both 1 and 2 and more so of 1, 13 of 2.
    expect(suspects).toEqual([
      {
        image: 11,
        given: 0,
        suggested: 1,
        selfConfidence: 0.3,
        suggestedConfidence: 0.6,
        candidate: true,
      },
      {
        image: 13,
        given: 2,
        suggested: 2,
        selfConfidence: 0.4,
        suggestedConfidence: 0.4,
        candidate: false,
      },
      {
        image: 12,
        given: 1,
        suggested: 1,
        selfConfidence: 0.5,
        suggestedConfidence: 0.5,
        candidate: false,
      },
      {
        image: 10,
        given: 0,
        suggested: 0,
        selfConfidence: 0.9,
        suggestedConfidence: 0.9,
        candidate: false,
      },
    ]);
    expect(confidentJoint).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });

  it("has no candidate without confidence, and takes classes without images", () => {
    const flat = Float64Array.from([0.4, 0.35, 0.25, 0.5, 0.3, 0.2]);
    const { suspects, thresholds } = rankIssues(flat, [0, 0], [0, 1], 3);
    expect(thresholds[1]).toBeNull();
    expect(suspects.map(({ image, candidate }) => [image, candidate])).toEqual([
      [0, false],
      [1, false],
    ]);
  });

  it("agrees with the paper's definitions, written out (property)", () => {
    const matrix = fc.integer({ min: 2, max: 5 }).chain((classes) =>
      fc.array(
        fc.record({
          label: fc.nat({ max: classes - 1 }),
          scores: fc.array(fc.integer({ min: 1, max: 50 }), {
            minLength: classes,
            maxLength: classes,
          }),
        }),
        { minLength: 1, maxLength: 40 },
      ),
    );
    fc.assert(
      fc.property(matrix, (images) => {
        const rows = images.map(({ scores }) => {
          const sum = scores.reduce((a, b) => a + b, 0);
          return scores.map((score) => score / sum);
        });
        const labels = images.map(({ label }) => label);
        const classes = rows[0]!.length;
        const { suspects, confidentJoint } = rankIssues(
          Float64Array.from(rows.flat()),
          labels,
          labels.map((_, i) => i),
          classes,
        );
        const threshold = (j: number) => {
          const own = rows.filter((_, i) => labels[i] === j);
          return own.reduce((sum, row) => sum + row[j]!, 0) / own.length;
        };
        const joint = Array.from({ length: classes }, () =>
          new Array<number>(classes).fill(0),
        );
        const offDiagonal = new Set<number>();
        rows.forEach((row, i) => {
          const passing = [...row.keys()].filter(
            (j) => labels.includes(j) && row[j]! >= threshold(j),
          );
          if (passing.length === 0) return;
          const j = passing.reduce((a, b) => (row[b]! > row[a]! ? b : a));
          joint[labels[i]!]![j]!++;
          if (j !== labels[i]) offDiagonal.add(i);
        });
        expect(confidentJoint).toEqual(joint);
        expect(
          new Set(
            suspects
              .filter(({ candidate }) => candidate)
              .map(({ image }) => image),
          ),
        ).toEqual(offDiagonal);
        const confidences = suspects.map(
          ({ selfConfidence }) => selfConfidence,
        );
        expect(confidences).toEqual([...confidences].sort((a, b) => a - b));
        expect(
          suspects.map(({ image }) => image).sort((a, b) => a - b),
        ).toEqual([...labels.keys()]);
      }),
    );
  });
});

describe("the quality", () => {
  const suspect = (
    image: number,
    selfConfidence: number,
    candidate: boolean,
  ) => ({
    image,
    given: 0,
    suggested: 1,
    selfConfidence,
    suggestedConfidence: 1 - selfConfidence,
    candidate,
  });
  const suspects = [
    suspect(3, 0.1, true),
    suspect(1, 0.2, false),
    suspect(0, 0.3, true),
    suspect(2, 0.8, false),
  ];

  it("counts what is wrong among the first, and among the candidates", () => {
    const wrong = new Set([3, 0]);
    expect(issueQuality(suspects, (image) => wrong.has(image))).toEqual({
      planted: 2,
      baseRate: 0.5,
      precisionAtPlanted: 0.5,
      // The wrong ones are first and third: (1/1 + 2/3) / 2.
      averagePrecision: expect.closeTo(5 / 6, 12) as number,
      candidates: { count: 2, precision: 1, recall: 1 },
    });
  });

  it("tells apart labels that a confident network finds all but impossible", () => {
    // 1 − p is 1 for all three: only p itself has an order.
    const sure = [1e-20, 1e-18, 1e-17, 0.5].map((selfConfidence, image) => ({ ...suspects[0]!, image, selfConfidence })); // prettier-ignore
    const quality = issueQuality(sure, (image) => image === 0)!;
    expect(quality.averagePrecision).toBe(1);
  });

  it("is nothing where no label is known to be wrong", () => {
    expect(issueQuality(suspects, () => false)).toBeNull();
  });
});

describe("folds", () => {
  it("are even, in all and in every class, by the seed (property)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 5, max: 40 }), {
          minLength: 2,
          maxLength: 6,
        }),
        fc.integer({ min: 2, max: 5 }),
        fc.nat(),
        (sizes, folds, seed) => {
          const labels = sizes.flatMap((size, c) =>
            new Array<number>(size).fill(c),
          );
          const names = sizes.map((_, c) => `class ${c}`);
          const fold = dealFolds(labels, names, folds, seed);
          expect(dealFolds(labels, names, folds, seed)).toEqual(fold);
          const spread = (members: number[]) => {
            const counts = Array.from(
              { length: folds },
              (_, k) => members.filter((i) => fold[i] === k).length,
            );
            return Math.max(...counts) - Math.min(...counts);
          };
          expect(spread([...labels.keys()])).toBeLessThanOrEqual(1);
          sizes.forEach((_, c) => {
            expect(
              spread([...labels.keys()].filter((i) => labels[i] === c)),
            ).toBeLessThanOrEqual(1);
          });
        },
      ),
    );
    const labels = new Array<number>(100).fill(0).map((_, i) => i % 2);
    expect(dealFolds(labels, ["a", "b"], 4, 0)).not.toEqual(
      dealFolds(labels, ["a", "b"], 4, 1),
    );
    expect(dealFolds(labels, ["a", "b"], 4, 0, 0)).not.toEqual(
      dealFolds(labels, ["a", "b"], 4, 0, 1),
    );
  });

  it("refuse a class with fewer images than folds, by name, but not one without any", () => {
    const deal = (labels: number[]) => () =>
      dealFolds(labels, ["cat", "dog", "owl"], 4, 0);
    expect(deal([0, 0, 0, 0, 1, 1, 1])).toThrow(UserError);
    expect(deal([0, 0, 0, 0, 1, 1, 1])).toThrow(
      /--folds 4: dog has 3 training images/,
    );
    expect(deal([0, 0, 0, 0, 1, 1, 1, 1])).not.toThrow();
  });
});

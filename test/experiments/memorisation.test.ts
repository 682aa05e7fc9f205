import { describe, expect, it } from "vitest";
import { memorisation } from "../../src/experiments/memorisation.js";

/** Logits whose argmax are these classes, of three. */
const predicting = (classes: readonly number[]) =>
  Float32Array.from(
    classes.flatMap((predicted) => [0, 1, 2].map((c) => +(c === predicted))),
  );

describe("memorisation", () => {
  it("counts the kept images by what they are predicted as", () => {
    const truth = Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1);
    const given = Int32Array.of(0, 2, 0, 1, 1, 1, 2, 0);
    // clean right, true, given, other, clean wrong, given, (removed), true
    const logits = predicting([0, 1, 0, 2, 2, 1, 2, 1]);
    const kept = Int32Array.of(0, 1, 2, 3, 4, 5, 7);
    expect(memorisation(logits, truth, { given, kept }, 3)).toEqual({
      poisoned: 5,
      asTrue: 2,
      asGiven: 2,
      asOther: 1,
      clean: 2,
      cleanCorrect: 1,
    });
  });

  it("goes by the lowest of equal logits, as the accuracy does", () => {
    expect(
      memorisation(
        Float32Array.of(0, 1, 1),
        Int32Array.of(2),
        { given: Int32Array.of(1), kept: Int32Array.of(0) },
        3,
      ),
    ).toMatchObject({ asGiven: 1, asTrue: 0 });
  });
});

import { describe, expect, it } from "vitest";
import { philox4x32, RandomStream } from "../../src/engine/random.js";

describe("Philox4x32-10", () => {
  // Known-answer vectors of Random123 1.14 (tests/kat_vectors, "philox4x32 10").
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)(
    "matches the published vector for counter %j",
    (counter, key, expected) => {
      expect(philox4x32(counter, key)).toEqual(expected);
    },
  );

  it("gives independent, repeatable streams", () => {
    const read = (purpose: number, epoch: number) =>
      Array.from(
        { length: 8 },
        (
          (stream) => () =>
            stream.uint32()
        )(new RandomStream(7, purpose, epoch)),
      );
    expect(read(1, 0)).toEqual(read(1, 0));
    expect(read(1, 0)).not.toEqual(read(2, 0));
    expect(read(1, 0)).not.toEqual(read(1, 1));
  });

  it("draws every integer of a range about equally often, and real permutations", () => {
    const stream = new RandomStream(3, 0);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[stream.integer(7)]!++;
    for (const count of counts)
      expect(Math.abs(count - 10_000)).toBeLessThan(400);
    expect([...stream.permutation(100)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
  });
});

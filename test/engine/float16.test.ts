import { describe, expect, it } from "vitest";
import {
  bfloatToFloat,
  floatToBfloat,
  floatToHalf,
  halfToFloat,
} from "../../src/engine/float16.js";

describe("binary16", () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0x3555, 0.333251953125],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ])("%i is %d", (bits, value) => {
    expect(halfToFloat(bits)).toBe(value);
    expect(floatToHalf(value)).toBe(bits);
  });

  it("keeps every finite pattern", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      if ((bits & 0x7c00) === 0x7c00) continue;
      if (floatToHalf(halfToFloat(bits)) !== bits) expect(bits).toBe("kept");
    }
    expect(halfToFloat(floatToHalf(NaN))).toBeNaN();
  });

  it("rounds to the nearest of each pair of neighbours, ties to even", () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const low = halfToFloat(bits);
      const high = halfToFloat(bits + 1);
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const got = [
        floatToHalf(middle),
        floatToHalf(low + 0.49 * (high - low)),
        -32768 + floatToHalf(-(low + 0.51 * (high - low))),
      ];
      const want = [even, bits, bits + 1];
      if (got.some((value, i) => value !== want[i])) expect(got).toEqual(want);
    }
    expect(floatToHalf(65519.99)).toBe(0x7bff);
    expect(floatToHalf(65520)).toBe(0x7c00);
    expect(floatToHalf(2 ** -25)).toBe(0);
    expect(floatToHalf(2 ** -25 * 1.01)).toBe(1);
  });
});

describe("bfloat16", () => {
  it.each([
    [0x3f80, 1],
    [0x8000, -0],
    [0xc040, -3],
    [0x0001, 2 ** -133],
    [0x7f7f, 255 * 2 ** 120],
    [0xff80, -Infinity],
  ])("%i is %d", (bits, value) => {
    expect(bfloatToFloat(bits)).toBe(value);
    expect(floatToBfloat(value)).toBe(bits);
  });

  it("rounds to nearest, ties to even, and keeps NaN", () => {
    expect(floatToBfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(floatToBfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(floatToBfloat(1 + 2 ** -8 + 2 ** -20)).toBe(0x3f81);
    expect(floatToBfloat(3.4028234663852886e38)).toBe(0x7f80);
    expect(bfloatToFloat(floatToBfloat(NaN))).toBeNaN();
  });
});

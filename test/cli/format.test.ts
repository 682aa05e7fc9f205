import { expect, it } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatFlops,
  formatNumber,
  formatPercent,
  formatRate,
} from "../../src/cli/format.js";

it.each([
  [0.123, "0.12 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [59.4, "59 s"],
  [59.6, "1 min 00 s"],
  [125, "2 min 05 s"],
  [3599.6, "1 h 00 min"],
  [7500, "2 h 05 min"],
  [100_000, "1 d 03 h"],
  [Infinity, "?"],
  [NaN, "?"],
  [-1, "?"],
])("a duration of %f s is %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1.5 * 2 ** 20, "1.5 MiB"],
  [2 ** 32, "4 GiB"],
  [2 ** 52, "4096 TiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it("numbers, rates and shares", () => {
  expect(formatCount(50_000)).toBe("50,000");
  expect(
    [0.012345, 1.2345, 12.345, 123.45, 999.6, 12_345.6, NaN].map(formatNumber),
  ).toEqual(["0.0123", "1.23", "12.3", "123", "1,000", "12,346", "NaN"]);
  expect(formatRate(2345.6, "images")).toBe("2,346 images/s");
  expect(formatPercent(0.1234)).toBe("12.3 %");
  expect(formatPercent(1, 0)).toBe("100 %");
  expect(formatFlops(9.81e12)).toBe("9.81 TFLOP/s");
  expect(formatFlops(13.4e9)).toBe("13.4 GFLOP/s");
});

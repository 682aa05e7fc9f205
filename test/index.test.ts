/** What a program that imports `tarnish` can name: whatever `train` and `poison` take and give, and how a run ends early. */
import { expect, it } from "vitest";
import {
  DivergedError,
  InterruptedError,
  poison,
  type PoisonOptions,
  train,
  type TrainControl,
  type NoiseMatrix,
} from "../src/index.js";

it("an interruption can be told from a divergence", () => {
  const error: Error = new InterruptedError(3, "SIGINT");
  expect(error).toBeInstanceOf(InterruptedError);
  expect(error).not.toBeInstanceOf(DivergedError);
});

it("names the types of what `train` and `poison` take", () => {
  const control: NonNullable<Parameters<typeof train>[5]> =
    {} satisfies TrainControl;
  const matrix: NoiseMatrix | undefined = ({} as Pick<PoisonOptions, "matrix">)
    .matrix;
  expect(control).toEqual({});
  expect(matrix).toBeUndefined();
  expect(poison).toBeInstanceOf(Function);
});

import { expect, it } from "vitest";
import { KernelError } from "../../src/engine/errors.js";
import { briefMessage } from "../../src/experiments/training-errors.js";

it("an error of a kernel is told without the shader's text", () => {
  const error = new KernelError("failed to compile", "sgd", "some GPU", "fn main() {}"); // prettier-ignore
  expect(error.message).toContain("fn main");
  expect(briefMessage(error)).toBe(
    "failed to compile\n  op: sgd\n  adapter: some GPU",
  );
  expect(briefMessage(new Error("another"))).toBe("another");
});

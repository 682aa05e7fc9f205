import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { target } = await testDevice();

// On the kernels that the adapter runs; golden.slow.test.ts has the other families.
describe("models against PyTorch", () => {
  for (const model of ["lenet", "shallow", "resnet8"]) {
    testAgainstPyTorch(model, { name: "native", ...target });
  }
});

import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { target } = await testDevice();

// On the kernels that the adapter runs; golden-resnet8.test.ts has the third small model, golden.slow.test.ts the other
// families and the deeper ones.
describe("models against PyTorch", () => {
  for (const name of ["lenet", "shallow"])
    testAgainstPyTorch(name, { name: "native", ...target });
});

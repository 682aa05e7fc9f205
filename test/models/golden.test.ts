import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { target } = await testDevice();

// On the kernels that the adapter runs; golden.slow.test.ts has the other families and the deeper models.
describe("models against PyTorch", () => {
  for (const name of ["lenet", "shallow", "resnet8"])
    testAgainstPyTorch(name, { name: "native", ...target });
});

import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { target } = await testDevice();

// On the kernels that the adapter runs. golden-{families,deep}.slow.test.ts have the other families and models; for other
// runtimes the other small models are in files of their own.
describe("models against PyTorch", () => {
  testAgainstPyTorch("lenet", { name: "native", ...target });
});

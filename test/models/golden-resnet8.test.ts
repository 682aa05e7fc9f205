/** As golden.test.ts, in a file of its own: its many shaders are not compiled in every runtime. */
import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { target } = await testDevice();

describe("models against PyTorch", () => {
  testAgainstPyTorch("resnet8", { name: "native", ...target });
});

/** As golden.test.ts, in a file of its own: in Node the slow suite has it. */
import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { target } = await testDevice();

describe("models against PyTorch", () => {
  testAgainstPyTorch("shallow", { name: "native", ...target });
});

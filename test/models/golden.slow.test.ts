import { describe } from "vitest";
import { targets } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

describe.each(await targets())("models against PyTorch ($name)", (target) => {
  for (const model of ["lenet", "shallow", "resnet8"]) {
    testAgainstPyTorch(model, target);
  }
});

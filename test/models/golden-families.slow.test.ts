/** The small models in the kernel families that the adapter does not choose. */
import { describe } from "vitest";
import { targets, testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { isSoftware } = await testDevice();

describe.each(await targets())("models against PyTorch ($name)", (family) => {
  // A software adapter compiles a tiled kernel for seconds, and ten steps need twice as many: one model takes them all.
  for (const name of ["lenet", "shallow", "resnet8"])
    testAgainstPyTorch(name, family, {
      firstStepOnly: isSoftware && family.family === "tiled" && name !== "shallow", // prettier-ignore
    });
});

/** The kernel families that the adapter does not choose, on the small models; and the deep models on those it does. */
import { describe } from "vitest";
import { targets, testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const device = await testDevice();
const { target } = device;

describe("deep models against PyTorch", () => {
  for (const name of [
    "resnet18",
    "resnet18-imagenet",
    "resnet34",
    "resnet50",
    "resnet50-imagenet",
    "resnet101",
    "resnet152",
    "unresnet18",
    "googlenet",
  ])
    testAgainstPyTorch(name, { name: "native", ...target });
});

describe.each(await targets())("models against PyTorch ($name)", (family) => {
  // A software adapter compiles a tiled kernel for seconds, and ten steps need twice as many: one model takes them all.
  const { isSoftware } = device;
  for (const name of ["lenet", "shallow", "resnet8"])
    testAgainstPyTorch(name, family, {
      firstStepOnly: isSoftware && family.family === "tiled" && name !== "shallow", // prettier-ignore
    });
});

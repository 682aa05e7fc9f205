/** The deep models on the kernels that the adapter chooses. */
import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testAgainstPyTorch } from "./against-pytorch.js";

const { target } = await testDevice();

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

import { describe } from "vitest";
import { testDevice } from "../engine/harness.js";
import { testMeasurements } from "./bench-measurements.js";

const device = await testDevice();

describe.runIf(device.target.half)("bench", () => {
  testMeasurements(device, "mixed");
});

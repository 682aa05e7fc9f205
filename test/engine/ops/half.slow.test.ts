import { targets, testDevice } from "../harness.js";
import { testHalves } from "./half-cases.js";

const { target } = await testDevice();

for (const family of await targets())
  for (const half of target.half ? (["native", "packed"] as const) : [])
    testHalves(`${family.name}, ${half}`, { ...family, half });

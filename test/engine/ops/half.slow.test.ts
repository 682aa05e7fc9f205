import { targets, testDevice } from "../harness.js";
import { testHalves } from "./half-cases.js";

const { target } = await testDevice();

for (const family of await targets())
  testHalves(family.name, family, target.half);

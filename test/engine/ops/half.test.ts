import { testDevice } from "../harness.js";
import { testHalves } from "./half-cases.js";

const { target } = await testDevice();

// On the kernels that the adapter runs; half.slow.test.ts has the others.
testHalves("native", target);

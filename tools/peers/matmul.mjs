/** Plain WGSL matrix products on the adapter: no library, but what a convolution can be measured against. */
import { openDevice } from "../../dist/src/engine/index.js";
import { BenchGraphs } from "../../dist/src/experiments/bench/bench-graph.js";
import { peakWorks } from "../../dist/src/experiments/bench/peak.js";

export async function setup() {
  const device = await openDevice();
  const works = await peakWorks(device, new BenchGraphs(device));
  return {
    name: "plain WGSL",
    version: "",
    device: device.gpu,
    tracks: works
      .filter(({ kind }) => kind === "matmul")
      .map((work) => ({
        name: work.kernel,
        amount: work.flops,
        step: () => work.run(),
        sync: () => device.idle(),
        value: () => 0,
      })),
  };
}

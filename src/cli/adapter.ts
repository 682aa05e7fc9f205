/** Says which adapter a command runs on, and loudly so when it is a CPU. */
import type { Device } from "../engine/device.js";
import type { Output } from "./output.js";

export function announceAdapter(
  { adapterName, source, isSoftware }: Device,
  output: Output,
): void {
  output.print(`adapter: ${adapterName} (${source})`);
  if (isSoftware) {
    output.warn(
      "NO HARDWARE GPU: this is a software adapter on the CPU. Expect hundreds of images/s with lenet and a few with " +
        "resnet8 and larger; 'tarnish doctor' says what to do.",
    );
  }
}

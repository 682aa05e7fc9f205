/** `tarnish doctor`: what this machine offers the engine, and how fast it is. */
import type { Command } from "commander";
import { openDevice } from "../../engine/device.js";
import { commonOptions } from "../options.js";
import { createOutput } from "../output.js";

interface Options {
  adapter: string;
  json?: boolean;
}

export function register(program: Command): void {
  program
    .command("doctor")
    .summary("show the adapter, its limits and its speed")
    .addOption(commonOptions.adapter())
    .addOption(commonOptions.json())
    .action(run);
}

async function run(options: Options): Promise<void> {
  const output = createOutput(options);
  const { adapterName, source, isSoftware } = await openDevice(options.adapter);
  output.print(`${adapterName} (${source})`);
  output.result({ adapter: adapterName, source, software: isSoftware });
}

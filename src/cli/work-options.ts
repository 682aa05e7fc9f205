/** Options that say how a training is carried out and change nothing of its result, those of one run and of a sweep's. */
import { Command } from "commander";
import type { OpenOptions } from "../engine/open-device.js";
import {
  type CheckpointInterval,
  defaultCheckpoints,
} from "../experiments/training-events.js";
import type { AdapterOptions } from "./adapter.js";
import { commonOptions, integerOption, positiveOption } from "./options.js";

export interface WorkOptions extends AdapterOptions {
  mirror?: string;
  checkpointEvery?: number;
  checkpointSeconds?: number;
  /** GiB. */
  memoryLimit?: number;
  tune: boolean;
}

export function addWorkOptions(command: Command): Command {
  return command
    .addOption(commonOptions.mirror())
    .addOption(
      integerOption(
        "--checkpoint-every <epochs>",
        `write a checkpoint every so many epochs (default: ${defaultCheckpoints.epochs})`,
        { min: 1 },
      ),
    )
    .addOption(
      positiveOption(
        "--checkpoint-seconds <s>",
        `write one too when the last is so old (default: ${defaultCheckpoints.seconds})`,
      ),
    )
    .addOption(commonOptions.adapter())
    .addOption(commonOptions.gpuApi())
    .addOption(commonOptions.memoryLimit())
    .addOption(commonOptions.tune());
}

/** The others, such as a run's settings. */
export function withoutWorkOptions<T extends WorkOptions>(
  options: T,
): Omit<T, keyof WorkOptions> {
  const own = addWorkOptions(new Command()).options.map((option) =>
    option.attributeName(),
  );
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => !own.includes(name)),
  ) as Omit<T, keyof WorkOptions>;
}

export function checkpointOf({
  checkpointEvery: epochs,
  checkpointSeconds: seconds,
}: WorkOptions): CheckpointInterval {
  return {
    ...(epochs !== undefined && { epochs }),
    ...(seconds !== undefined && { seconds }),
  };
}

export function deviceOptionsOf({
  tune,
  memoryLimit,
}: WorkOptions): Omit<OpenOptions, "api"> {
  return {
    tune,
    ...(memoryLimit !== undefined && { memoryLimit: memoryLimit * 2 ** 30 }),
  };
}

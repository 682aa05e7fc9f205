/** The command that makes a run again. */
import type { JsonObject } from "../json.js";
import { defaultSettings, flagOf, type TrainSettings } from "../settings.js";
import type { RunData } from "./study.js";

/** Every setting of a run, each a flag of `tarnish train`; what differs between the runs of a sweep comes first. */
const SETTINGS = Object.keys({
  model: true,
  data: true,
  noise: true,
  noiseKind: true,
  keep: true,
  seed: true,
  width: true,
  stem: true,
  dataSplit: true,
  splitSeed: true,
  coarse: true,
  trainLimit: true,
  testLimit: true,
  imageSize: true,
  valFraction: true,
  labels: true,
  epochs: true,
  steps: true,
  maxSteps: true,
  batch: true,
  microBatch: true,
  recompute: true,
  lr: true,
  momentum: true,
  weightDecay: true,
  nesterov: true,
  warmup: true,
  labelSmoothing: true,
  augment: true,
  order: true,
  init: true,
  precision: true,
  evalEvery: true,
  logEvery: true,
} satisfies Record<keyof TrainSettings, true>);

/** Whether `train` would refuse a setting of a run, or has it without being asked. */
function goesUnsaid(name: string, config: JsonObject): boolean {
  // Of the two only the steps count, and both together are refused.
  if (name === "epochs") return config["steps"] !== undefined;
  // The default stands where there are fewer images, too; asked for, it would be refused there.
  return name === "batch" && config[name] === defaultSettings.batch;
}

/** A word for a POSIX shell. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(text)
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command that makes a run again, a run of a sweep in a folder of its own name; null without its config.json. */
export function trainCommand({ config, row }: RunData): string | null {
  if (!config) return null;
  const words = ["npx tarnish train"];
  for (const name of SETTINGS) {
    const value = config[name];
    const flag = flagOf(name);
    if (goesUnsaid(name, config)) continue;
    if (value === true) words.push(flag);
    else if (
      typeof value === "number" ||
      (typeof value === "string" && value !== "")
    ) {
      words.push(`${flag} ${shellWord(String(value))}`);
    }
  }
  // Without it `train` names the folder by some of the settings, and two arms of a sweep may differ in others.
  if (row.run !== ".") words.push(`--out ${shellWord(row.run)}`);
  return words.join(" ");
}

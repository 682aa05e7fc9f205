/** The command that makes a run again. */
import type { RunData } from "./study.js";

/** config.json members that are flags of `tarnish train`; what differs between the runs of a sweep comes first. */
const FLAGS = [
  "model",
  "data",
  "noise",
  "noiseKind",
  "keep",
  "seed",
  "width",
  "stem",
  "dataSplit",
  "coarse",
  "trainLimit",
  "testLimit",
  "imageSize",
  "valFraction",
  "epochs",
  "steps",
  "maxSteps",
  "batch",
  "microBatch",
  "lr",
  "momentum",
  "weightDecay",
  "nesterov",
  "warmup",
  "labelSmoothing",
  "labels",
  "augment",
  "order",
  "init",
  "precision",
] as const;

/** A word for a POSIX shell. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(text)
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command that makes a run again; null without its config.json. */
export function trainCommand(run: RunData): string | null {
  if (!run.config) return null;
  const words = ["npx tarnish train"];
  for (const key of FLAGS) {
    const value = run.config[key];
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) words.push(flag);
    else if (
      typeof value === "number" ||
      (typeof value === "string" && value !== "")
    ) {
      words.push(`${flag} ${shellWord(String(value))}`);
    }
  }
  return words.join(" ");
}

/** How a training run ends before its time, and how that is worded. */
import { KernelError } from "../engine/errors.js";
import type { TrainSettings } from "./settings.js";

/** Loss or weights are no longer finite numbers: training has diverged and what it would go on with is worthless. */
export class DivergedError extends Error {
  override name = "DivergedError";
  constructor(
    readonly step: number,
    settings: Pick<TrainSettings, "lr">,
    /** Step of the last checkpoint, which is from before; 0 where there is none. */
    readonly checkpointStep: number,
    what: "loss" | "weights" | "logits" = "loss",
  ) {
    const verb = what === "loss" ? "is" : "are";
    const kept =
      checkpointStep > 0
        ? `the last checkpoint is from step ${checkpointStep}, before that`
        : "there is no checkpoint from before";
    super(
      `training diverged at step ${step}: the ${what} ${verb} not finite; ${kept}. ` +
        `Try a lower --lr (now ${settings.lr}) or a --warmup.`,
    );
  }
}

/** Training was told to stop before its end. Where checkpoints are kept, the last one holds everything that was done. */
export class InterruptedError extends Error {
  override name = "InterruptedError";
  constructor(
    /** Optimiser steps done. */
    readonly step: number,
    /** The abort signal's reason; the command gives the name of the system's signal, "SIGINT" or "SIGTERM". */
    readonly reason: unknown,
  ) {
    super(`training was stopped after step ${step}`);
  }
}

/** An error's message, of a kernel's without the shader's text, which is for those who debug it. */
export function briefMessage(error: Error): string {
  return error instanceof KernelError
    ? error.message.split("\n  shader:\n")[0]!
    : error.message;
}

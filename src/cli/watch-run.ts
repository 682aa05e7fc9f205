/** A training run as its user sees it: progress, results, and what to do when it ends too early. */
import { DeviceLostError } from "../engine/errors.js";
import { StorageError } from "../experiments/node-files.js";
import { type RunRequest, trainToFolder } from "../experiments/node-run.js";
import { pathsOf } from "../experiments/node-run-folder.js";
import type { RunSummary } from "../experiments/run-files.js";
import { DivergedError, InterruptedError } from "../experiments/trainer.js";
import { AdvisedError } from "./errors.js";
import { formatCount, formatDuration, formatPercent } from "./format.js";
import { commandWith, stoppable } from "./interrupt.js";
import { printMemory } from "./memory.js";
import type { Output } from "./output.js";
import { createProgress, type Progress } from "./progress.js";

/** Trains with progress and words about it; a run that stops early says how to go on. */
export async function watchedRun(
  request: Omit<RunRequest, "events" | "signal">,
  output: Output,
): Promise<RunSummary> {
  const { settings, out } = request;
  let progress: Progress | undefined;
  const say = (line: string) => {
    if (progress) progress.log(line);
    else output.print(line);
  };
  let checkpointStep = 0;
  const events: RunRequest["events"] = {
    onNotice: (line) => {
      output.warn(line);
    },
    onPlan: (memory) => {
      printMemory(memory, output);
    },
    onStart: ({ session, course, images, resumed }) => {
      output.print(
        `${settings.model}: ${formatCount(session.store.parameterCount)} parameters; ` +
          `${formatCount(images)} images, ${formatCount(course.lastStep)} steps`,
      );
      if (resumed) {
        checkpointStep = resumed.step;
        output.print(
          `${out}: going on after step ${formatCount(resumed.step)}`,
        );
      }
      const total = Math.round(
        (course.lastStep / course.stepsPerEpoch) * images,
      );
      progress = createProgress({
        total,
        start: resumed?.timing.images ?? 0,
        unit: "images",
        label: "training",
        json: output.json,
      });
    },
    onProgress: ({ images, imagesPerSecond, loss }) =>
      progress?.update(images, { rate: imagesPerSecond, loss }),
    onRecord: (record) => {
      if (record.kind === "eval") {
        progress?.log(
          `epoch ${record.epoch}: top-1 ${formatPercent(record.top1)}, test loss ${record.loss.toFixed(3)}`,
        );
      }
    },
    onCheckpoint: ({ step }) => {
      checkpointStep = step;
    },
  };
  try {
    return await stoppable(
      (signal) => trainToFolder({ ...request, events, signal }),
      say,
    );
  } catch (error) {
    throw progress ? withAdvice(error, out, checkpointStep) : error;
  } finally {
    progress?.stop();
  }
}

/** Adds to a failure what is left of the run and, where a resumed one may get over it, the command for that. */
function withAdvice(error: unknown, out: string, step: number): unknown {
  if (error instanceof DivergedError && step > 0)
    return new AdvisedError(
      error,
      `The weights after step ${formatCount(step)} are in ${pathsOf(out).last}.`,
    );
  if (
    !(error instanceof InterruptedError) &&
    !(error instanceof DeviceLostError) &&
    !(error instanceof StorageError)
  )
    return error;
  const command = commandWith("--resume", "--overwrite");
  return new AdvisedError(
    error,
    step > 0
      ? `${out} holds a checkpoint after step ${formatCount(step)}. Go on with it:\n  ${command}`
      : `${out} holds no checkpoint yet. Start it again:\n  ${command}`,
  );
}

/** The results for people, and as the command's JSON with what there is `more` of it. */
export function printSummary(
  summary: RunSummary,
  out: string,
  output: Output,
  more: object = {},
): void {
  const { last, best, trainSeconds, imagesPerSecond, memorisation } = summary;
  output.print(
    `top-1 ${formatPercent(last.top1)} after the last epoch (best ${formatPercent(best.top1)} in epoch ${best.epoch}); ` +
      `${formatDuration(trainSeconds)} of training at ${Math.round(imagesPerSecond)} images/s`,
  );
  if (memorisation) {
    const { poisoned, asTrue, asGiven } = memorisation;
    output.print(
      `of ${formatCount(poisoned)} training images with a wrong label it predicts ${formatPercent(asGiven / poisoned)} as labelled, ` +
        `${formatPercent(asTrue / poisoned)} as what they are`,
    );
  }
  output.print(`run folder: ${out}`);
  output.result({ out, ...summary, ...more });
}

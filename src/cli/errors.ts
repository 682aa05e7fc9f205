/**
 * The one place where errors become messages and exit codes: 2 for a request that cannot be met as worded, 1 for
 * anything that failed while it ran, 130 or 143 where Ctrl-C or SIGTERM stopped it.
 */
import { CommanderError } from "commander";
import {
  AdapterError,
  DeviceLostError,
  KernelError,
  OutOfMemoryError,
  ShapeError,
} from "../engine/errors.js";
import { UserError } from "../errors.js";
import { StorageError } from "../experiments/node-files.js";
import { DivergedError, InterruptedError } from "../experiments/trainer.js";
import { briefMessage } from "../experiments/training-errors.js";
import { exitCodeOf, sameCommand } from "./interrupt.js";

export interface Failure {
  readonly exitCode: number;
  /** For stderr; empty where commander has printed all there is to say (help, version). */
  readonly message: string;
}

/** Why a command failed, and what its user can do now. */
export class AdvisedError extends Error {
  override name = "AdvisedError";
  constructor(
    override readonly cause: unknown,
    readonly advice: string,
  ) {
    super("see the cause", { cause });
  }
}

/** System errors that mean a path on the command line is wrong, not that something broke. */
const pathErrors = new Set([
  "EACCES",
  "EEXIST",
  "EISDIR",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOTDIR",
  "ENOTEMPTY",
  "EPERM",
  "EROFS",
]);

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "code" in error && "syscall" in error;

/**
 * What to say and how to exit.
 *
 * @param commandName The subcommand that was asked for, for the hint where its help is.
 */
export function describeFailure(error: unknown, commandName?: string): Failure {
  if (error instanceof AdvisedError) {
    const { cause, advice } = error;
    const { exitCode, message } =
      cause instanceof StorageError
        ? { exitCode: 1, message: cause.message }
        : describeFailure(cause);
    return { exitCode, message: `${message}\n${advice}` };
  }
  if (error instanceof StorageError)
    return {
      exitCode: 1,
      message: `${error.message}\nOnce it can, go on with:\n  ${sameCommand()}`,
    };
  if (error instanceof InterruptedError)
    return { exitCode: exitCodeOf(error.reason), message: error.message };
  if (error instanceof CommanderError) {
    // Help and version that were asked for exit with 0; `tarnish` alone shows its help, which is no answer either.
    if (error.exitCode === 0) return { exitCode: 0, message: "" };
    if (error.code === "commander.help") return { exitCode: 2, message: "" };
    const help = `tarnish ${commandName ? `${commandName} ` : ""}--help`;
    const message = error.message.replace(/^error: /, "");
    return { exitCode: 2, message: `${message}\nSee '${help}'.` };
  }
  if (error instanceof UserError || error instanceof AdapterError)
    return { exitCode: 2, message: error.message };
  if (error instanceof KernelError)
    return {
      exitCode: 1,
      message: `${briefMessage(error)}\n(TARNISH_DEBUG=1 shows the shader.)`,
    };
  if (
    error instanceof DeviceLostError ||
    error instanceof DivergedError ||
    error instanceof OutOfMemoryError ||
    error instanceof ShapeError
  )
    return { exitCode: 1, message: error.message };
  if (isSystemError(error))
    return {
      exitCode: pathErrors.has(error.code ?? "") ? 2 : 1,
      message: error.message,
    };
  const words = error instanceof Error ? error.message : String(error);
  return {
    exitCode: 1,
    message: `internal error: ${words}\n(TARNISH_DEBUG=1 shows where; please report it.)`,
  };
}

/** The stack of an error, with all its details, when TARNISH_DEBUG asks for it. */
export function debugDetails(error: unknown): string | undefined {
  if (!process.env["TARNISH_DEBUG"]) return undefined;
  if (error instanceof AdvisedError) return debugDetails(error.cause);
  return error instanceof Error ? error.stack : String(error);
}

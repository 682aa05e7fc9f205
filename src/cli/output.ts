/**
 * Where a command's words go. For people: stdout. With `--json`: everything to stderr, and one JSON object as the last
 * line on stdout.
 */
import { exit, stderr, stdout } from "node:process";
import { StorageError } from "../experiments/node-files.js";
import { printable } from "./printable.js";

export interface Output {
  readonly json: boolean;
  /** A line for people. */
  print(line?: string): void;
  /** A line that must not get lost: always on stderr. */
  warn(line: string): void;
  /** The command's result, to be called once, last: a line of JSON with `--json`, else nothing. */
  result(value: object): void;
}

export function createOutput({ json = false }: { json?: boolean }): Output {
  const words = json ? stderr : stdout;
  return {
    json,
    print: (line = "") => void words.write(`${printable(line)}\n`),
    warn: (line) => void stderr.write(`${printable(line)}\n`),
    result: (value) => {
      // JSON's own strings take the same escapes.
      if (json) stdout.write(`${printable(JSON.stringify(value))}\n`);
    },
  };
}

let endsWithItsReader = false;
let lost = false;

/** For a command that only shows: `tarnish … | head` ends it, and that is no error. */
export function endWithReader(): void {
  endsWithItsReader = true;
}

/**
 * Lets work go on when its words can go nowhere any more: a training must not end because `head` has seen enough or the
 * disk with its log is full. A pipe that was closed is nobody's mistake; anything else is said once, on stderr.
 */
export function outliveStreams(): void {
  stderr.on("error", () => undefined);
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") {
      if (endsWithItsReader) exit(0);
      return;
    }
    if (!lost)
      stderr.write(`tarnish: ${new StorageError("stdout", error).message}\n`);
    lost = true;
  });
}

/** The exit code of a command that ended with `code`: its words may have got lost. */
export function exitCodeWith(code: number): number {
  return code === 0 && lost ? 1 : code;
}

/** Resolves when all that was written has left the process, or cannot any more. */
export async function flushOutput(): Promise<void> {
  await Promise.all(
    [stdout, stderr].map(
      (stream) =>
        new Promise<void>((resolve) => {
          stream.write("", () => {
            resolve();
          });
        }),
    ),
  );
}

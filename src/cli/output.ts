/**
 * Where a command's words go. For people: stdout. With `--json`: everything to stderr, and one JSON object as the last
 * line on stdout.
 */
import { once } from "node:events";
import { stderr, stdout } from "node:process";

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
    print: (line = "") => void words.write(`${line}\n`),
    warn: (line) => void stderr.write(`${line}\n`),
    result: (value) => {
      if (json) stdout.write(`${JSON.stringify(value)}\n`);
    },
  };
}

/** Resolves when all that was written has left the process, or cannot any more because nobody reads it. */
export async function flushOutput(): Promise<void> {
  await Promise.all(
    [stdout, stderr].map(async (stream) => {
      if (stream.writableLength > 0 && !stream.destroyed)
        await Promise.race([once(stream, "drain"), once(stream, "close")]);
    }),
  ).catch(() => undefined);
}

/** `tarnish … | head` closes the pipe early: that ends the command and is no error. */
export function exitOnClosedPipe(): void {
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

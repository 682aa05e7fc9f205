/**
 * Ctrl-C and SIGTERM, for commands that can stop in good order: the first one asks them to, a second one ends the
 * process at once. Also how to word the command that goes on afterwards.
 */
import { argv, env, exit, stderr } from "node:process";

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof exitCodes;

/**
 * A signal within this time of the first one is the same request: npm passes on to its child the Ctrl-C that the
 * terminal has sent to both.
 */
const sameRequestMs = 500;

/** The shell's convention for a process that a signal ended: 128 + its number. */
export function exitCodeOf(reason: unknown): number {
  return exitCodes[reason === "SIGTERM" ? "SIGTERM" : "SIGINT"];
}

/**
 * Runs work that stops early when its signal is aborted; the reason is the system signal's name.
 *
 * @param stopping Says what is going on between the request and the end.
 */
export async function stoppable<T>(
  work: (signal: AbortSignal) => Promise<T>,
  stopping: (line: string) => void,
): Promise<T> {
  const controller = new AbortController();
  let asked = 0;
  const stop = (name: StopSignal) => {
    if (!controller.signal.aborted) {
      asked = performance.now();
      controller.abort(name);
      stopping("stopping after the step in flight; once more stops at once");
    } else if (performance.now() - asked > sameRequestMs) {
      stderr.write("\n");
      exit(exitCodes[name]);
    }
  };
  const names = Object.keys(exitCodes) as StopSignal[];
  for (const name of names) process.on(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    // The words of a command that was asked to stop are still to come: an echo of the request must not end it before.
    if (!controller.signal.aborted)
      for (const name of names) process.off(name, stop);
  }
}

/** The command that this process was started with, for a shell, without some flags and with another at its end. */
export function commandWith(flag: string, ...without: string[]): string {
  return `${sameCommand(flag, ...without)} ${flag}`;
}

/** The command that this process was started with, for a shell, without some flags. */
export function sameCommand(...without: string[]): string {
  // Under `npx tarnish` and `npm run demo` alike, npx knows the command whether or not the shell does.
  const program = env["npm_command"] ? ["npx", "tarnish"] : ["tarnish"];
  const args = argv.slice(2).filter((arg) => !without.includes(arg));
  return [...program, ...args].map(quote).join(" ");
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", "'\\''")}'`;
}

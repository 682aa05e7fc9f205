/** Child processes with a time limit. What a command prints for people goes into a log; its last line of stdout is JSON. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's root, where every command runs. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs commands, all of whose output ends up in one log file. */
export class Commands {
  /** @param {string} log path of the log */
  constructor(log) {
    this.log = log;
  }

  /**
   * Runs a command to its end, or kills it and all its children when its time is up.
   *
   * @param {readonly string[]} command program and arguments
   * @param {{ seconds: number, env?: Record<string, string> }} options
   * @returns {Promise<{ code: number | null, timedOut: boolean, seconds: number, stdout: string, tail: string }>}
   *   `tail` is the end of stderr
   */
  async run(command, { seconds, env = {} }) {
    const start = performance.now();
    appendFileSync(this.log, `\n$ ${command.join(" ")}\n`);
    const child = spawn(command[0], command.slice(1), {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that its children end with it.
      detached: true,
    });
    let stdout = "";
    let tail = "";
    child.stdout.on("data", (data) => {
      stdout += data;
      appendFileSync(this.log, data);
    });
    child.stderr.on("data", (data) => {
      tail = (tail + data).slice(-2000);
      appendFileSync(this.log, data);
    });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      process.kill(-child.pid, "SIGKILL");
    }, seconds * 1000);
    try {
      const [code] = await once(child, "close");
      const taken = (performance.now() - start) / 1000;
      return { code, timedOut, seconds: taken, stdout, tail };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs a command that ends with a line of JSON. Throws with the end of its messages where there is none. */
  async json(command, options) {
    const result = await this.run(command, options);
    const last = result.stdout.trimEnd().split("\n").at(-1) ?? "";
    try {
      return JSON.parse(last);
    } catch {
      throw new Error(failureOf(command, result));
    }
  }

  /** `tarnish` with these arguments and `--json`. */
  tarnish(args, options) {
    return this.json(
      [process.execPath, "dist/src/cli/main.js", ...args, "--json"],
      options,
    );
  }
}

/** Why a command gave no result, in words. */
export function failureOf(command, { code, timedOut, seconds, tail }) {
  const how = timedOut
    ? `was stopped after ${seconds.toFixed(0)} s`
    : `ended with exit code ${code}`;
  // Dawn warns of limits at every start.
  const words = tail.replace(/^Warning: max.*\n/gm, "").trim();
  return `${command.join(" ")} ${how}: ${words.slice(-600) || "without a word"}`;
}

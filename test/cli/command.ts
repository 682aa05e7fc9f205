/** Runs the real `tarnish` command in a process of its own, from a build that is no older than the sources. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import build, { main } from "./build.js";

const root = packageRoot();

/** As a user's shell has it, even where npx runs the tests: the command words its advice by it. */
const environment = { ...process.env, npm_command: "" };

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a script, the text of an ES module, that finds the built command's modules in the folder `dist`. */
export function runScript(
  script: (dist: string) => string,
  {
    flags = [],
    env = {},
    timeout = 60_000,
  }: {
    /** Options of Node itself. */
    readonly flags?: readonly string[];
    readonly env?: Record<string, string>;
    /** Milliseconds. */
    readonly timeout?: number;
  } = {},
): CommandResult {
  build();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, "--input-type=module", "--eval", script(dirname(main))],
    { encoding: "utf8", timeout, env: { ...process.env, ...env } },
  );
  return { code: status, stdout, stderr };
}

/** Runs `tarnish <args>` in `cwd` to its end. */
export function tarnish(
  args: readonly string[],
  options: {
    cwd?: string;
    env?: Record<string, string>;
    timeoutSeconds?: number;
  } = {},
): CommandResult {
  build();
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [main, ...args],
    {
      cwd: options.cwd ?? root,
      env: { ...environment, ...options.env },
      encoding: "utf8",
      timeout: 1000 * (options.timeoutSeconds ?? 300),
    },
  );
  if (error) throw error;
  return { code: status, stdout, stderr };
}

/** Runs commands, their words in one text, in a test file's folder, with the cache there. */
export function commandsIn(folder: string, timeoutSeconds?: number) {
  const env = { TARNISH_CACHE: join(folder, "cache") };
  return (args: string): CommandResult =>
    tarnish(args.split(" "), {
      cwd: folder,
      env,
      ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    });
}

/** Starts `tarnish <args>` in `cwd`; `ended` resolves when it ends, by itself or by a signal. */
export function startTarnish(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): { child: ChildProcess; ended: Promise<CommandResult> } {
  build();
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...environment, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, stdout, stderr });
    });
  });
  return { child, ended };
}

/** Runs a line of sh in which `tarnish` is the built command. */
export function shell(line: string, cwd: string): CommandResult {
  build();
  const { status, stdout, stderr } = spawnSync(
    "sh",
    ["-c", `tarnish() { "$TARNISH_NODE" "$TARNISH_MAIN" "$@"; }\n${line}`],
    {
      cwd,
      encoding: "utf8",
      timeout: 300_000,
      env: {
        ...environment,
        TARNISH_NODE: process.execPath,
        TARNISH_MAIN: main,
      },
    },
  );
  return { code: status, stdout, stderr };
}

/** What tarnish itself said on stderr, without the lines that the GPU driver's native code adds. */
export function complaint({ stderr }: CommandResult): string {
  const start = stderr.search(/^tarnish: /m);
  return start < 0 ? "" : stderr.slice(start).trimEnd();
}

/** A fresh folder for a test file, removed after its tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "tarnish-cli-"));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

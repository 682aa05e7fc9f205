/**
 * One process at a time: a lock is a file that names its holder. A lock whose holder was killed is found out and taken
 * over: by the process's number and start time where its holder ran in the same place, by its silence elsewhere (another
 * machine or container). Node and Deno only.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  writeSync,
} from "node:fs";
import { link, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { kill, pid, platform } from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "./errors.js";
import {
  makeFolder,
  removeEmpty,
  StorageError,
  storageError,
  temporaryPath,
} from "./node-atomic.js";

/** Another process has the lock. */
export class LockedError extends UserError {
  override name = "LockedError";
}

export interface Lock {
  release: () => Promise<void>;
}

export interface LockOptions {
  /** What the holder does, for the refusal: "runs/a: is being trained". */
  readonly doing: string;
  /** Waits for the holder's end, instead of refusing. */
  readonly patient?: boolean | undefined;
  /** Told before a wait that may take a minute. */
  readonly onWait?: ((line: string) => void) | undefined;
  /** Milliseconds without a sign after which a holder that cannot be looked up counts as gone. */
  readonly silenceMs?: number | undefined;
}

/** What a lock file holds. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Where the number means this process: the machine since its last start, and the container. */
  readonly place: string;
  /** When the process started, in the system's own units; null where it does not tell. */
  readonly started: string | null;
  readonly token: string;
}

/** How often a holder gives a sign: it sets its lock file's time. */
const signMs = 5_000;
/** Twelve signs: a process that computes may miss a few. */
const defaultSilenceMs = 60_000;
/** Clocks of machines that share a disk differ by less than this: a lock of this age needs no watching. */
const certainMs = 600_000;

/**
 * Locks that this process took. A released one stays: until its file is gone, another that waits in this process would
 * take it for one that a killed process left.
 */
const held = new Set<string>();

/** The lock files of a folder, by their names. */
export function isLockFile(name: string): boolean {
  return /^tarnish(-[a-z0-9-]+)?\.lock$/.test(name);
}

/**
 * Takes a lock.
 *
 * @throws LockedError where another process has it; StorageError where its file cannot be written
 */
export async function acquireLock(
  path: string,
  options: LockOptions,
): Promise<Lock> {
  for (;;) {
    const lock = create(path);
    if (lock) return lock;
    const seen = await look(path);
    if (!seen) continue;
    const { holder, text } = seen;
    const state = (holder && stateOf(holder)) ?? (await watch(path, options));
    if (state === "gone") await removeIf(path, text);
    else if (state === "there") {
      if (!options.patient) throw refusal(path, holder, options.doing);
      await sleep(100);
    }
  }
}

/**
 * Makes a folder, where it is missing, and takes a lock in it. Releasing it removes the folder again where nothing was
 * written into it.
 *
 * @throws StorageError where it cannot be written; LockedError where another process has the lock
 */
export async function lockFolder(
  folder: string,
  lockFile: string,
  options: LockOptions,
): Promise<Lock> {
  const made: string[] = [];
  try {
    await makeFolder(folder, made);
    const lock = await acquireLock(join(folder, lockFile), options);
    return {
      release: async () => {
        await lock.release();
        await removeEmpty(made);
      },
    };
  } catch (error) {
    await removeEmpty(made);
    throw error;
  }
}

/** Runs `work` with a lock, after whoever has it now. @throws StorageError where its file cannot be written */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await acquireLock(path, { doing: `${path}: is held`, patient: true }); // prettier-ignore
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** Refuses where another process that surely runs has the lock. Writes nothing and does not wait. @throws LockedError */
export async function refuseLocked(path: string, doing: string): Promise<void> {
  const holder = (await look(path))?.holder;
  if (holder && !held.has(holder.token) && stateOf(holder) === "there")
    throw refusal(path, holder, doing);
}

/** Removes a lock that a killed process surely left, where that is possible. Does not wait. */
export async function removeDeadLock(path: string): Promise<void> {
  try {
    const seen = await look(path);
    if (seen?.holder && stateOf(seen.holder) === "gone")
      await removeIf(path, seen.text);
  } catch (error) {
    // What is only read here may be on a disk that cannot be written.
    if (!(error instanceof StorageError)) throw error;
  }
}

function refusal(
  path: string,
  holder: Holder | undefined,
  doing: string,
): LockedError {
  const where =
    holder && holder.host !== hostname() ? ` on ${holder.host}` : "";
  const who = holder ? `process ${holder.pid}${where}` : "another process";
  return new LockedError(
    `${doing} by ${who}; wait for its end, or stop it (it holds ${path})`,
  );
}

/** Makes the lock file; undefined where there is one. */
function create(path: string): Lock | undefined {
  const token = randomBytes(8).toString("hex");
  const holder: Holder = {
    pid,
    host: hostname(),
    place: place(),
    started: processStat(pid)?.started ?? null,
    token,
  };
  try {
    const file = openSync(path, "wx");
    try {
      writeSync(file, `${JSON.stringify(holder)}\n`);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw storageError(path, error);
  }
  held.add(token);
  const signs = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, signMs);
  signs.unref();
  return {
    release: async () => {
      clearInterval(signs);
      const seen = await look(path);
      if (seen?.holder?.token === token) await rm(path, { force: true });
    },
  };
}

interface Seen {
  readonly text: string;
  readonly holder: Holder | undefined;
  readonly modified: number;
}

/** What a lock file says now; undefined where there is none. */
async function look(path: string): Promise<Seen | undefined> {
  try {
    const [text, { mtimeMs }] = [
      await readFile(path, "utf8"),
      await stat(path),
    ];
    return { text, holder: parseHolder(text), modified: mtimeMs };
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(code)) return undefined;
    throw storageError(path, error);
  }
}

/** Undefined for a file that its holder has not written yet, or never will. */
function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    return typeof value?.pid === "number" && typeof value.token === "string"
      ? (value as Holder)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a lock's holder still runs; undefined where that cannot be looked up from here. */
function stateOf(holder: Holder): "there" | "gone" | undefined {
  if (held.has(holder.token)) return "there";
  if (holder.place !== place()) return undefined;
  // The same number, but no lock of this process: of an earlier one.
  if (holder.pid === pid) return "gone";
  try {
    kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "gone";
  }
  if (platform !== "linux" || holder.started === null) return undefined;
  const now = processStat(holder.pid);
  if (!now) return undefined;
  // A zombie has ended; it waits for a parent to ask how, which many containers have none for.
  const runs = now.started === holder.started && !/[ZX]/.test(now.state);
  return runs ? "there" : "gone";
}

/** Waits for a sign of a holder that cannot be looked up: undefined where the lock changes hands meanwhile. */
async function watch(
  path: string,
  { silenceMs = defaultSilenceMs, onWait, patient }: LockOptions,
): Promise<"there" | "gone" | undefined> {
  const first = await look(path);
  if (!first) return undefined;
  if (Date.now() - first.modified > certainMs) return "gone";
  if (!patient)
    onWait?.(
      `${path}: was made by another machine or container; waiting up to ${Math.ceil(silenceMs / 1000)} seconds to see whether it is still in use`,
    );
  const end = performance.now() + silenceMs;
  while (performance.now() < end) {
    await sleep(Math.min(500, silenceMs / 4));
    const now = await look(path);
    if (now?.text !== first.text) return undefined;
    if (now.modified !== first.modified) return "there";
  }
  return "gone";
}

/** Removes a lock file that holds this text, and no other's that has taken its place meanwhile. */
async function removeIf(path: string, text: string): Promise<void> {
  const aside = temporaryPath(path);
  try {
    await rename(path, aside);
    if ((await readFile(aside, "utf8")) !== text) await link(aside, path);
  } catch (error) {
    // Somebody else was as fast.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "EEXIST") throw storageError(path, error);
  } finally {
    await rm(aside, { force: true });
  }
}

/** State and start of a process; undefined where the system does not tell or there is none. */
function processStat(
  id: number,
): { state: string; started: string } | undefined {
  const text = readOrNothing(() => readFileSync(`/proc/${id}/stat`, "utf8"));
  // The second field is the program's name in brackets, which may hold anything.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, started] = [fields?.[0], fields?.[19]];
  return state && started ? { state, started } : undefined;
}

/** The machine since its last start, and the container: process numbers mean something only there. */
function place(): string {
  const boot = () =>
    readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const parts = [boot, () => readlinkSync("/proc/self/ns/pid")];
  return [hostname(), ...parts.map((part) => readOrNothing(part) ?? "")].join(" "); // prettier-ignore
}

function readOrNothing(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

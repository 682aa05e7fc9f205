/** Writes a file so that nobody ever sees half of it, and makes folders. Node and Deno only. */
import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { pid, platform } from "node:process";

/** A file could not be written while work was under way. What it held before is still there. */
export class StorageError extends Error {
  override name = "StorageError";
  constructor(path: string, cause: NodeJS.ErrnoException) {
    super(`${path}: cannot be written: ${reasonOf(cause)}`, { cause });
  }
}

/** The system's reason in words, with its code. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case "ENOSPC":
      return "the disk is full (ENOSPC)";
    case "EDQUOT":
      return "the disk quota is used up (EDQUOT)";
    case "EFBIG":
      return "the file would be larger than is allowed here (EFBIG)";
    case "EACCES":
    case "EPERM":
      return `not permitted (${code})`;
    case "EROFS":
      return "the disk is read-only (EROFS)";
    case "ENOENT":
      return "its folder is gone (ENOENT)";
    case "EEXIST":
      return "a file is where a folder should be (EEXIST); move it away, or name another place";
    case "EISDIR":
      return "a folder is where a file should be (EISDIR); move it away, or name another place";
    case "ENOTDIR":
      return "a part of its path is no folder (ENOTDIR)";
    case "ENAMETOOLONG":
      return "the name is too long (ENAMETOOLONG)";
    default:
      return message;
  }
}

/** A failure to write `path` as what it is; anything that is no system error stays as it is. */
export function storageError(path: string, error: unknown): unknown {
  return error instanceof Error && "code" in error && "syscall" in error
    ? new StorageError(path, error as NodeJS.ErrnoException)
    : error;
}

/**
 * A name beside `path` for what is to become it. The process's number alone would not do: containers that share a folder
 * have equal ones.
 */
export function temporaryPath(path: string): string {
  return `${path}.${pid}.${randomBytes(4).toString("hex")}.tmp`;
}

/** Whether a name in a folder is one that `temporaryPath` gives. */
export function isTemporary(name: string): boolean {
  return /\.\d+(\.[0-9a-f]{8})?\.tmp$/.test(name);
}

/**
 * Writes through a temporary file beside it, fsynced and renamed, so that `path` holds all of it or what it held before,
 * whatever happens to the process or the machine.
 *
 * @throws StorageError naming the file and the reason.
 */
export async function writeFileAtomic(
  path: string,
  ...parts: readonly (string | Uint8Array)[]
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, "w");
    try {
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw storageError(path, error);
  }
}

/**
 * Makes a folder and those around it, where they are missing. Unlike mkdir's `recursive` it ends where the system makes none
 * (under /proc, for one, which says ENOENT of folders that are there: Node tries for ever).
 *
 * @param made Is told the folders that were missing, outermost first.
 * @throws StorageError naming the folder and the reason.
 */
export async function makeFolder(
  folder: string,
  made: string[] = [],
): Promise<void> {
  try {
    await makeFolders(folder, made);
  } catch (error) {
    throw storageError(folder, error);
  }
}

async function makeFolders(folder: string, made: string[]): Promise<void> {
  const make = async () => {
    try {
      await mkdir(folder);
      made.push(folder);
    } catch (error) {
      // It was there, or somebody else was as fast, such as another shard of a sweep.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EEXIST" || !(await stat(folder)).isDirectory()) throw error;
    }
  };
  try {
    await make();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(folder);
    if (code !== "ENOENT" || parent === folder) throw error;
    await makeFolders(parent, made);
    await make();
  }
}

/** Removes folders that were made, the last first, as long as there is nothing in them. */
export async function removeEmpty(folders: readonly string[]): Promise<void> {
  try {
    for (const folder of [...folders].reverse()) await rmdir(folder);
  } catch {
    // Something is in it by now.
  }
}

/** Makes the names in a folder outlive a power failure. Windows does so by itself, and has no call for it. */
async function syncFolder(folder: string): Promise<void> {
  if (platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Files as runs and commands write them: never half of one under its final name. Node and Deno only. */
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pid, platform } from "node:process";
import { UserError } from "../errors.js";

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

const temporaryName = /\.\d+\.tmp$/;

/**
 * Writes through a temporary file beside it, fsynced and renamed, so that `path` holds all of it or what it held before,
 * whatever happens to the process or the machine.
 *
 * @throws StorageError naming the file and the reason.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
): Promise<void> {
  const temporary = `${path}.${pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(data);
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

/** Removes the temporary files of writes that a killed process did not end. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await entriesOf(folder))
    if (temporaryName.test(name)) await rm(join(folder, name), { force: true });
}

/**
 * Refuses a folder to write into that has anything in it, unless told to overwrite; a path that is no folder always.
 * Writes nothing.
 *
 * @throws UserError naming the folder and the way on.
 */
export async function requireFreshFolder(
  folder: string,
  overwrite: boolean,
): Promise<void> {
  if ((await entriesOf(folder)).length > 0 && !overwrite)
    throw new UserError(
      `${folder}: exists and is not empty; name another folder with --out, or add --overwrite to replace what is there`,
    );
}

/**
 * Refuses a folder with anything in it but not `marker`, the file that says that this program made it: whoever removes
 * or continues a folder asks here first. Writes nothing.
 *
 * @param kind What the folder should be, for the message: "run folder".
 * @throws UserError naming the folder and the way on.
 */
export async function requireOwnFolder(
  folder: string,
  marker: string,
  kind: string,
): Promise<void> {
  const entries = await entriesOf(folder);
  // Killed before the marker was there, this program leaves its beginnings and nothing else.
  const foreign = entries.filter((name) => !temporaryName.test(name));
  if (foreign.length > 0 && !entries.includes(marker))
    throw new UserError(
      `${folder}: is not empty and no ${kind} (it has no ${marker}); name another folder with --out`,
    );
}

/** Names in a folder; none where there is no folder. */
async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return [];
    if (code === "ENOTDIR")
      throw new UserError(
        `${folder}: is not a folder; name another one with --out`,
      );
    throw error;
  }
}

/** Writes files by name into a folder, which is made where it is missing; in order, each atomically. */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, data] of Object.entries(files))
    await writeFileAtomic(join(folder, name), data);
}

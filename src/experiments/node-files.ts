/** Files as runs and commands write them: never half of one under its final name. Node and Deno only. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.js";
import {
  isTemporary,
  makeFolder,
  removeEmpty,
  StorageError,
  storageError,
  temporaryPath,
  writeFileAtomic,
} from "../node-atomic.js";
import { type Lock, lockFolder, type LockOptions } from "../node-lock.js";
import {
  contentsOf,
  entriesOf,
  refuseStudyFolder,
} from "./node-folder-kinds.js";

export { makeFolder, StorageError, storageError, writeFileAtomic };

/** Removes the temporary files of writes that a killed process did not end. Only who holds the folder may ask for it. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await entriesOf(folder))
    if (isTemporary(name)) await rm(join(folder, name), { force: true });
}

/**
 * Refuses a folder to write into that has anything in it, unless told to overwrite, and a path that is no folder. Writes
 * nothing.
 *
 * @throws UserError naming the folder and the way on.
 */
export async function requireFreshFolder(
  folder: string,
  overwrite: boolean,
): Promise<void> {
  const entries = await contentsOf(folder);
  if (!overwrite && entries.length > 0)
    throw new UserError(
      `${folder}: exists and is not empty; name another folder with --out, or add --overwrite to replace what is there`,
    );
}

/** `requireFreshFolder`, that it can be written, and that it is nowhere in the folder of a run or a sweep. */
export async function requireFreshOut(
  folder: string,
  overwrite: boolean,
): Promise<void> {
  await refuseStudyFolder(folder);
  await requireFreshFolder(folder, overwrite);
  await requireWritable(folder);
}

/** A failure to write where a command was told to: the request is what is wrong. */
export function asRequest(error: unknown): unknown {
  return error instanceof StorageError ? new UserError(error.message) : error;
}

/**
 * Makes sure that a folder can be made and written into, before work begins whose results are to go there. Leaves
 * nothing behind.
 *
 * @param named What the message is to name, where `folder` is none that anybody gave.
 * @throws UserError naming the folder and the reason.
 */
export async function requireWritable(
  folder: string,
  named = folder,
): Promise<void> {
  const made: string[] = [];
  const probe = temporaryPath(join(folder, "probe"));
  try {
    await makeFolder(folder, made);
    await writeFileAtomic(probe, "x");
  } catch (error) {
    const failure = asRequest(error);
    throw failure instanceof UserError
      ? new UserError(`${named}: ${reasonIn(failure)}`)
      : failure;
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
    await removeEmpty(made);
  }
}

/** A storage error's message without its path, which is none that anybody named. */
function reasonIn({ message }: Error): string {
  return message.slice(message.lastIndexOf(": cannot be written") + 2);
}

/**
 * `lockFolder` of a folder that a command was told to write into.
 *
 * @throws UserError where it cannot be written; LockedError where another process has the lock
 */
export async function holdFolder(
  folder: string,
  lockFile: string,
  options: LockOptions,
): Promise<Lock> {
  try {
    return await lockFolder(folder, lockFile, options);
  } catch (error) {
    throw asRequest(error);
  }
}

/** Writes files by name into a folder, which is made where it is missing; in order, each atomically. */
export async function writeFolder(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  await makeFolder(folder);
  for (const [name, data] of Object.entries(files))
    await writeFileAtomic(join(folder, name), data);
}

/** The bytes of a file named on the command line. */
export async function readFileOrRefuse(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new UserError(`${path}: cannot be read (${code})`);
  }
}

/** The text of a file; null where there is none. @throws UserError where it cannot be read */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    const what = code === "EISDIR" ? "is a folder, and should be a file" : `cannot be read (${code})`; // prettier-ignore
    throw new UserError(`${path}: ${what}`);
  }
}

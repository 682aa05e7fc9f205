/** Files as runs and commands write them: never half of one under its final name. Node and Deno only. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.js";
import {
  makeFolder,
  StorageError,
  storageError,
  writeFileAtomic,
} from "../node-atomic.js";

export { makeFolder, StorageError, storageError, writeFileAtomic };

const temporaryName = /\.\d+\.tmp$/;

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

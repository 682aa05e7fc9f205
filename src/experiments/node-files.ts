/** Files as runs and commands write them: never half of one under its final name. Node and Deno only. */
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pid } from "node:process";
import { UserError } from "../errors.js";

/** Writes through a temporary file beside it, fsynced and renamed, so that `path` holds all of it or what it held before. */
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
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
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
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    if (code === "ENOTDIR")
      throw new UserError(
        `${folder}: is not a folder; name another one with --out`,
      );
    throw error;
  }
  if (entries.length > 0 && !overwrite)
    throw new UserError(
      `${folder}: exists and is not empty; name another folder with --out, or add --overwrite to replace what is there`,
    );
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

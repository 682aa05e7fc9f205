/** Writes a file so that nobody ever sees half of it. Node and Deno only. */
import { open, rename, rm } from "node:fs/promises";
import { pid } from "node:process";

/** Writes through a temporary file beside it, fsynced and renamed, so that `path` holds all of it or what it held before. */
export async function writeFileAtomic(
  path: string,
  ...parts: readonly (string | Uint8Array)[]
): Promise<void> {
  const temporary = `${path}.${pid}.tmp`;
  try {
    const file = await open(temporary, "w");
    try {
      for (const part of parts) await file.writeFile(part);
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

/** Where tarnish itself is installed, for the files that ship beside the code. Node only. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's root folder: the nearest one above this file with a package.json, from src/ and from dist/src/ alike. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error(
        `no package.json above ${fileURLToPath(import.meta.url)}`,
      );
    folder = parent;
  }
  return folder;
}

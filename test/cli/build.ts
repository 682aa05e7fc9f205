/**
 * The build that tests of the command run: no older than the sources. Vitest's global setup makes it before any worker starts,
 * since two that wrote it at once would read each other's halves.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/data/node-root.js";

const root = packageRoot();

/** The command's script. */
export const main = join(root, "dist", "src", "cli", "main.js");

/** The newest change below a folder, in milliseconds. */
function newest(folder: string): number {
  return Math.max(
    ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map(
      (name) => statSync(join(folder, name)).mtimeMs,
    ),
  );
}

let built = false;

/** Builds dist where it is missing or older than a source: a few seconds, once. */
export default function build(): void {
  if (built) return;
  const sources = Math.max(
    ...["src", "shaders"].map((folder) => newest(join(root, folder))),
  );
  if (!existsSync(main) || statSync(main).mtimeMs < sources) {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const { status, stdout } = spawnSync(
      process.execPath,
      [tsc, "-p", "tsconfig.build.json"],
      { cwd: root, encoding: "utf8" },
    );
    if (status !== 0) throw new Error(`the build failed:\n${stdout}`);
  }
  built = true;
}

/** Keeps the tuner's choices in the user's cache folder, one file per adapter. Node only. */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pid } from "node:process";
import { cacheFolder } from "./node-cache-folder.js";
import {
  type KernelRecord,
  type KernelStore,
  tuningVersion,
} from "./tuning.js";

/** The store of the adapter of that name: `tune-<hash>.json` in the cache folder. */
export function kernelStore(adapter: string): KernelStore {
  const folder = cacheFolder();
  const hash = createHash("sha256")
    .update(`${tuningVersion} ${adapter}`)
    .digest("hex")
    .slice(0, 16);
  const file = join(folder, `tune-${hash}.json`);
  return {
    async load() {
      try {
        const { kernels } = JSON.parse(await readFile(file, "utf8")) as {
          kernels?: unknown;
        };
        return isRecord(kernels) ? kernels : {};
      } catch {
        return {};
      }
    },
    async save(kernels) {
      const temporary = `${file}.${pid}`;
      try {
        await mkdir(folder, { recursive: true });
        // Another process may have measured other problems meanwhile: its answers stay.
        const all = { ...(await this.load()), ...kernels };
        const text = JSON.stringify({ adapter, kernels: all }, undefined, 2);
        await writeFile(temporary, `${text}\n`);
        await rename(temporary, file);
      } catch {
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    },
  };
}

function isRecord(value: unknown): value is KernelRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((variant) => typeof variant === "string")
  );
}

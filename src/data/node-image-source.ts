/** The files of an image folder, a .zip or a .tar.gz, all behind the same list. Node only. */
import { realpath, readFile, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Reader } from "@zip.js/zip.js";
import { UserError } from "../errors.js";
import { type ArchiveFile, entriesInMemory } from "./archive-files.js";
import { type ImageEntry, requireWithinLimits } from "./image-folder.js";
import { readZip } from "./zip-entries.js";

export interface ImageFiles {
  readonly entries: readonly ImageEntry[];
  /** Changes when a file changes: sizes and times, for the cache's key. */
  readonly fingerprint: (path: string) => string;
  close(): Promise<void>;
}

/** Every file below a folder; links are followed, but never in circles. */
export async function openImageFolder(folder: string): Promise<ImageFiles> {
  const files = new Map<string, { size: number; mtimeMs: number }>();
  const walk = async (below: string, above: readonly string[]) => {
    const here = await realpath(join(folder, below));
    if (above.includes(here)) return;
    for (const entry of await readdir(join(folder, below), {
      withFileTypes: true,
    })) {
      if (entry.name.startsWith(".")) continue;
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      const info = await stat(join(folder, path)).catch((error: unknown) => {
        throw new UserError(
          `${folder}: ${path}: cannot be read (${(error as Error).message})`,
        );
      });
      if (info.isDirectory()) await walk(path, [...above, here]);
      else if (info.isFile()) files.set(path, info);
    }
  };
  await walk("", []);
  const entries = Array.from(files, ([path, { size }]) => ({
    path,
    size,
    bytes: () => readFile(join(folder, path)),
  }));
  requireWithinLimits(entries, folder);
  return {
    entries,
    fingerprint: (path) => {
      const { size, mtimeMs } = files.get(path)!;
      return `${path}:${size}:${mtimeMs}`;
    },
    close: () => Promise.resolve(),
  };
}

/** What `open` returns, as far as it is needed here. */
type FileHandle = Awaited<ReturnType<typeof open>>;

/** Random access to a file, so that an archive of any size takes no more memory than the entry being read. */
class FileHandleReader extends Reader<FileHandle> {
  constructor(
    private readonly handle: FileHandle,
    override size: number,
  ) {
    super(handle);
  }

  override async readUint8Array(index: number, length: number) {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await this.handle.read(bytes, 0, length, index);
    return bytes.subarray(0, bytesRead);
  }
}

/** @throws UserError as `readZip` does */
export async function openZip(archive: string): Promise<ImageFiles> {
  const handle = await open(archive);
  try {
    const { size, mtimeMs } = await handle.stat();
    const reader = new FileHandleReader(handle, size);
    return {
      entries: await readZip(reader, archive),
      fingerprint: (path) => `${path}:${size}:${mtimeMs}`,
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The files of a .tar.gz that has been read into memory. */
export function openTar(
  files: readonly ArchiveFile[],
  stamp: string,
): ImageFiles {
  return {
    entries: entriesInMemory(files),
    fingerprint: (path) => `${path}:${stamp}`,
    close: () => Promise.resolve(),
  };
}

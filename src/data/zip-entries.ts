/** The files of a .zip archive, each read when it is asked for. What is read from is the caller's: a disk or a page's Blob. */
import { type Reader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { UserError } from "../errors.js";
import {
  type ImageEntry,
  imageLimits,
  requireWithinLimits,
} from "./image-folder.js";
import { linkRefused, requireInside } from "./image-layout.js";

/**
 * @param archive Its name, for messages.
 * @throws UserError for what is no .zip, is damaged or encrypted, or has entries that no image archive needs
 */
export async function readZip(
  from: Reader<unknown>,
  archive: string,
): Promise<ImageEntry[]> {
  // Names are checked by requireInside, for .zip and .tar.gz alike.
  const reader = new ZipReader(from, {
    useWebWorkers: false,
    checkCrc32: true,
    filenameValidation: "tolerant",
  });
  const listed = await reader.getEntries().catch((error: unknown) => {
    throw new UserError(
      `${archive}: cannot be read as a .zip archive (${(error as Error).message}); if it is damaged or incomplete, fetch it again`,
    );
  });
  const entries = listed.flatMap((entry) => {
    requireInside(entry.filename, archive);
    if (entry.symlink) throw linkRefused(entry.filename, archive);
    if (entry.directory) return [];
    return {
      path: entry.filename,
      size: entry.uncompressedSize,
      bytes: async () => {
        if (entry.encrypted) throw new Error("is encrypted");
        // A Writer of its own keeps to the size that the directory promises: more is an error, not more memory.
        return entry.getData(new BoundedWriter(entry.uncompressedSize));
      },
    };
  });
  requireWithinLimits(entries, archive, imageLimits.archiveBytes);
  return entries;
}

class BoundedWriter extends Uint8ArrayWriter {
  #written = 0;

  constructor(private readonly limit: number) {
    super();
  }

  override async writeUint8Array(array: Uint8Array): Promise<void> {
    this.#written += array.length;
    if (this.#written > this.limit)
      throw new Error(
        `unpacks to more than the ${this.limit} bytes it promises`,
      );
    await super.writeUint8Array(array);
  }
}

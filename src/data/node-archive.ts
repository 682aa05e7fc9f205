/** Reads a data set's .tar.gz into memory, by streaming. Node only. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type ArchiveFile, readDataArchive } from "./archive-files.js";

/** Bytes of a .tar.gz's files that are held in memory at once. */
const heldBytes = 4 * 2 ** 30;

/** As `readDataArchive`, from a file. @throws UserError naming the archive */
export function readTarGz(archive: string): Promise<ArchiveFile[]> {
  const gunzip = createGunzip();
  // Read errors and gzip errors destroy `gunzip`, so that unpacking, which reads from it, is rejected with them too.
  const ended = pipeline(createReadStream(archive), gunzip);
  const tar = Readable.toWeb(gunzip) as ReadableStream<Uint8Array>;
  return readDataArchive({ tar, ended }, archive, heldBytes);
}

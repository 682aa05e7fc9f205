/** Reads wanted files of a .tar.gz into memory, by streaming. Node only. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar";
import { UserError } from "../errors.js";

/**
 * The wanted files of an archive, by bare name (folders inside the archive are ignored).
 *
 * @throws UserError naming the archive when it cannot be read, is damaged or truncated, or holds a wanted name twice.
 */
export async function readTarGz(
  path: string,
  wanted: (name: string) => boolean,
): Promise<Map<string, Uint8Array>> {
  const gunzip = createGunzip();
  // Read errors and gzip errors destroy `gunzip`, so that unpacking, which reads from it, is rejected with them too.
  const [inflating, unpacking] = await Promise.allSettled([
    pipeline(createReadStream(path), gunzip),
    unpackTar(Readable.toWeb(gunzip) as ReadableStream<Uint8Array>, {
      strict: true,
      filter: (header) => wanted(bareName(header.name)),
    }),
  ]);
  // The gzip layer's complaint comes first: a tar error after it is only its consequence.
  if (inflating.status === "rejected") throw damaged(path, inflating.reason);
  if (unpacking.status === "rejected") throw damaged(path, unpacking.reason);
  const files = new Map<string, Uint8Array>();
  for (const { header, data } of unpacking.value) {
    if (data === undefined) continue;
    const name = bareName(header.name);
    if (files.has(name))
      throw new UserError(
        `${path}: holds more than one ${name}; only one data set may be in it`,
      );
    if (data.length !== header.size) {
      throw damaged(path, `${name} has ${data.length} of ${header.size} bytes`);
    }
    files.set(name, data);
  }
  return files;
}

function bareName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function damaged(path: string, reason: unknown): UserError {
  const detail = reason instanceof Error ? reason.message : String(reason);
  return new UserError(
    `${path}: cannot be read as a .tar.gz archive (${detail}); if it is damaged or incomplete, fetch it again`,
  );
}

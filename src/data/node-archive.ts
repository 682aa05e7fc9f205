/** Reads wanted files of a .tar.gz into memory, by streaming. Node only. */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar";
import { UserError } from "../errors.js";

/** A file of an archive, by its whole path inside it. */
export interface ArchiveFile {
  readonly path: string;
  readonly data: Uint8Array;
}

/** An entry of an archive as its header tells it. */
export type ArchiveHeader = Parameters<
  NonNullable<NonNullable<Parameters<typeof unpackTar>[1]>["filter"]>
>[0];

/**
 * The wanted files of an archive in its own order.
 *
 * @param wanted Asked of every entry, files or not; what it throws ends the reading.
 * @throws UserError naming the archive when it cannot be read, is damaged or truncated, or holds a wanted file twice.
 */
export async function readTarGz(
  archive: string,
  wanted: (header: ArchiveHeader) => boolean,
): Promise<ArchiveFile[]> {
  const gunzip = createGunzip();
  // Read errors and gzip errors destroy `gunzip`, so that unpacking, which reads from it, is rejected with them too.
  const [inflating, unpacking] = await Promise.allSettled([
    pipeline(createReadStream(archive), gunzip),
    unpackTar(Readable.toWeb(gunzip) as ReadableStream<Uint8Array>, {
      strict: true,
      filter: wanted,
    }),
  ]);
  if (unpacking.status === "rejected" && unpacking.reason instanceof UserError)
    throw unpacking.reason;
  // The gzip layer's complaint comes first: a tar error after it is only its consequence.
  if (inflating.status === "rejected") throw damaged(archive, inflating.reason);
  if (unpacking.status === "rejected") throw damaged(archive, unpacking.reason);
  const files = new Map<string, ArchiveFile>();
  for (const { header, data } of unpacking.value) {
    if (data === undefined) continue;
    const { name: path, size } = header;
    if (files.has(path))
      throw new UserError(`${archive}: holds ${path} more than once`);
    if (data.length !== size)
      throw damaged(archive, `${path} has ${data.length} of ${size} bytes`);
    files.set(path, { path, data });
  }
  return [...files.values()];
}

/** The last part of a path. */
export function bareName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/**
 * Files by bare name: whatever folders an archive puts around a data set are looked through.
 * @throws UserError where two have the same
 */
export function byBareName(
  files: readonly ArchiveFile[],
  archive: string,
): Map<string, Uint8Array> {
  const named = new Map<string, Uint8Array>();
  for (const { path, data } of files) {
    const name = bareName(path);
    if (named.has(name))
      throw new UserError(
        `${archive}: holds more than one ${name}; only one data set may be in it`,
      );
    named.set(name, data);
  }
  return named;
}

function damaged(archive: string, reason: unknown): UserError {
  const detail = reason instanceof Error ? reason.message : String(reason);
  return new UserError(
    `${archive}: cannot be read as a .tar.gz archive (${detail}); if it is damaged or incomplete, fetch it again`,
  );
}

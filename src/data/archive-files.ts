/** What of an archive a data set may be made of, and what is refused. No file system here: Node and a web page share it. */
import { unpackTar } from "modern-tar";
import { UserError } from "../errors.js";
import { isCifarFile } from "./cifar.js";
import { type ImageEntry, imageLimits } from "./image-folder.js";
import { isImagePath, linkRefused, requireInside } from "./image-layout.js";

/** A file of an archive, by its whole path inside it. */
export interface ArchiveFile {
  readonly path: string;
  readonly data: Uint8Array;
}

/** An entry of an archive as its header tells it. */
type ArchiveHeader = Parameters<
  NonNullable<NonNullable<Parameters<typeof unpackTar>[1]>["filter"]>
>[0];

/** The last part of a path. */
export function bareName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** A .tar.gz while it is decompressed: what comes out, and what ends when all of it has, or fails. */
export interface Inflating {
  readonly tar: ReadableStream<Uint8Array>;
  readonly ended: Promise<unknown>;
}

/**
 * CIFAR's files and images of a .tar.gz in its own order, and the names of its other files (without their bytes).
 *
 * @param archive Its name, for messages.
 * @param held Bytes of files that are held in memory at once.
 * @throws UserError naming the archive when it is damaged or truncated, too large, leads out of itself, or holds a file twice
 */
export async function readDataArchive(
  { tar, ended }: Inflating,
  archive: string,
  held: number,
): Promise<ArchiveFile[]> {
  const others: ArchiveFile[] = [];
  let wantedBytes = 0;
  let declared = 0;
  const wanted = ({ name, type = "file", size }: ArchiveHeader): boolean => {
    requireInside(name, archive);
    if (type === "symlink" || type === "link") throw linkRefused(name, archive);
    if (type !== "file") return false;
    declared += size;
    const isData = isCifarFile(bareName(name)) || isImagePath(name);
    if (isData) wantedBytes += size;
    else others.push({ path: name, data: new Uint8Array() });
    if (wantedBytes > held || declared > imageLimits.archiveBytes)
      throw new UserError(
        `${archive}: its files have more than ${wantedBytes > held ? held : imageLimits.archiveBytes} bytes together, from ` +
          `${name} on; unpack it and name the folder`,
      );
    return isData;
  };
  const [inflating, unpacking] = await Promise.allSettled([
    ended,
    unpackTar(tar, { strict: true, filter: wanted }),
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
  return [...files.values(), ...others];
}

/**
 * CIFAR's files by bare name: whatever folders an archive puts around a data set are looked through.
 * @throws UserError where two have the same
 */
export function cifarFiles(
  files: readonly ArchiveFile[],
  archive: string,
): Map<string, Uint8Array> {
  const named = new Map<string, Uint8Array>();
  for (const { path, data } of files) {
    const name = bareName(path);
    if (!isCifarFile(name)) continue;
    if (named.has(name))
      throw new UserError(
        `${archive}: holds more than one ${name}; only one data set may be in it`,
      );
    named.set(name, data);
  }
  return named;
}

/** The files of an archive that has been read into memory, as an image folder has them. */
export function entriesInMemory(files: readonly ArchiveFile[]): ImageEntry[] {
  return files.map(({ path, data }) => ({
    path,
    size: data.length,
    bytes: () => Promise.resolve(data),
  }));
}

function damaged(archive: string, reason: unknown): UserError {
  const detail = reason instanceof Error ? reason.message : String(reason);
  return new UserError(
    `${archive}: cannot be read as a .tar.gz archive (${detail}); if it is damaged or incomplete, fetch it again`,
  );
}

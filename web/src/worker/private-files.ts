/** The browser's private file system (OPFS) as files by path. Browsers that have none, or no room, throw. */

async function folderOf(
  parts: readonly string[],
  create: boolean,
): Promise<FileSystemDirectoryHandle> {
  let folder = await navigator.storage.getDirectory();
  for (const part of parts)
    folder = await folder.getDirectoryHandle(part, { create });
  return folder;
}

async function bytesOf(
  handle: FileSystemFileHandle,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await handle.getFile()).arrayBuffer());
}

export async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const parts = path.split("/");
  const name = parts.pop()!;
  const folder = await folderOf(parts, false);
  return bytesOf(await folder.getFileHandle(name));
}

/** Every file below a folder, by its path from there. */
export async function readFolder(
  path: string,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const walk = async (folder: FileSystemDirectoryHandle, prefix: string) => {
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === "directory") await walk(handle, `${prefix}${name}/`);
      else files.set(prefix + name, await bytesOf(handle));
    }
  };
  await walk(await folderOf([path], false), "");
  return files;
}

/** Writes a file, in folders that are made where they are missing. A reload in between finds what was there before. */
export async function writeFile(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const parts = path.split("/");
  const name = parts.pop()!;
  const folder = await folderOf(parts, true);
  const handle = await folder.getFileHandle(name, { create: true });
  // A writable stream replaces the file when it is closed.
  const stream = await handle.createWritable();
  await stream.write(bytes);
  await stream.close();
}

/** Removes a folder with all that is in it, where it is there. */
export async function removeFolder(name: string): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(name, { recursive: true });
  } catch {
    // There was nothing, or there are no such files here.
  }
}

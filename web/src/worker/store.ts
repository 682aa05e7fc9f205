/**
 * The study's files: in memory, and as a copy in the browser's private file system (OPFS) so that a reload can go on.
 * Paths are those of a sweep folder. Where the browser keeps no files the study runs all the same.
 */
const folderName = "study";

export type FileContent = string | Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class StudyStore {
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Set once the browser refused to keep something: no room, or a private window. */
  #broken = false;

  /** What an earlier visit left, or an empty store. */
  static async open(): Promise<StudyStore> {
    const store = new StudyStore();
    try {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle(folderName);
      await store.#load(folder, "");
    } catch {
      // Nothing there, or no such file system.
    }
    return store;
  }

  async #load(folder: FileSystemDirectoryHandle, prefix: string) {
    for await (const [name, handle] of folder.entries()) {
      if (handle.kind === "directory")
        await this.#load(
          handle as FileSystemDirectoryHandle,
          `${prefix}${name}/`,
        );
      else {
        const file = await (handle as FileSystemFileHandle).getFile();
        this.#files.set(
          prefix + name,
          new Uint8Array(await file.arrayBuffer()),
        );
      }
    }
  }

  get paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  bytes(path: string): Uint8Array<ArrayBuffer> | undefined {
    return this.#files.get(path);
  }

  text(path: string): string | undefined {
    const bytes = this.#files.get(path);
    return bytes && decoder.decode(bytes);
  }

  async put(path: string, content: FileContent): Promise<void> {
    const bytes =
      typeof content === "string" ? encoder.encode(content) : content;
    this.#files.set(path, bytes);
    await this.#keep(path, bytes);
  }

  async putAll(
    folder: string,
    files: Readonly<Record<string, FileContent>>,
  ): Promise<void> {
    for (const [name, content] of Object.entries(files))
      await this.put(`${folder}${name}`, content);
  }

  async #keep(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#broken) return;
    try {
      const root = await navigator.storage.getDirectory();
      const parts = [folderName, ...path.split("/")];
      const name = parts.pop()!;
      let folder = root;
      for (const part of parts)
        folder = await folder.getDirectoryHandle(part, { create: true });
      const handle = await folder.getFileHandle(name, { create: true });
      // A writable stream replaces the file when it is closed: a reload in between finds the old one.
      const stream = await handle.createWritable();
      await stream.write(bytes);
      await stream.close();
    } catch {
      this.#broken = true;
    }
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    this.#files.clear();
    this.#broken = false;
    try {
      const root = await navigator.storage.getDirectory();
      await root.removeEntry(folderName, { recursive: true });
    } catch {
      // There was nothing.
    }
  }
}

/**
 * The study's files: in memory, and as a copy in the browser's private file system so that a reload can go on. Paths are
 * those of a sweep folder. Where the browser keeps no files the study runs all the same.
 */
import { readFolder, removeFolder, writeFile } from "./private-files.js";

const folderName = "study";

export type FileContent = string | Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class StudyStore {
  /** Set once the browser refused to keep something: no room, or a private window. */
  #broken = false;

  private constructor(
    private readonly files: Map<string, Uint8Array<ArrayBuffer>>,
    private readonly onRoom: (room: boolean) => void,
  ) {}

  /**
   * What an earlier visit left, or an empty store.
   *
   * @param onRoom Told false when the browser refuses to keep the study, and true when it is asked anew.
   */
  static async open(onRoom: (room: boolean) => void): Promise<StudyStore> {
    try {
      return new StudyStore(await readFolder(folderName), onRoom);
    } catch {
      // Nothing there, or no such file system.
      return new StudyStore(new Map(), onRoom);
    }
  }

  get paths(): string[] {
    return [...this.files.keys()].sort();
  }

  bytes(path: string): Uint8Array<ArrayBuffer> | undefined {
    return this.files.get(path);
  }

  text(path: string): string | undefined {
    const bytes = this.files.get(path);
    return bytes && decoder.decode(bytes);
  }

  async put(path: string, content: FileContent): Promise<void> {
    const bytes =
      typeof content === "string" ? encoder.encode(content) : content;
    this.files.set(path, bytes);
    if (this.#broken) return;
    try {
      await writeFile(`${folderName}/${path}`, bytes);
    } catch {
      this.#broken = true;
      this.onRoom(false);
    }
  }

  async putAll(
    folder: string,
    files: Readonly<Record<string, FileContent>>,
  ): Promise<void> {
    for (const [name, content] of Object.entries(files))
      await this.put(`${folder}${name}`, content);
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    this.files.clear();
    this.#broken = false;
    this.onRoom(true);
    await removeFolder(folderName);
  }
}

/** Files of the project for tests that run in every runtime: Node and Deno read the disk, a browser asks Vite. */

// Kept out of the call below, which Vite would take for an asset to bundle.
const here = import.meta.url;

/** The bytes of a file, its path relative to the project's root. */
export async function readProjectFile(
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(`../${path}`, here);
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return new Uint8Array(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A JSON file of the project. The caller says what is in it. */
export async function readProjectJson(path: string): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await readProjectFile(path)));
}

declare global {
  /** Vitest hands the environment through in every runtime, a browser too. */
  interface ImportMeta {
    readonly env: Readonly<Record<string, string | undefined>>;
  }
}

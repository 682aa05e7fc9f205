/** Archives in a page: decompressed and unpacked as they stream, only what is wanted kept. */
import { createTarDecoder } from "modern-tar";

/** Files of a .tar.gz by bare name. */
export async function readArchive(
  file: File,
  wanted: (name: string) => boolean,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const entries = file
    .stream()
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(createTarDecoder());
  for await (const { header, body } of entries) {
    const name = header.name.split("/").at(-1)!;
    if (header.type === "file" && wanted(name))
      files.set(name, new Uint8Array(await new Response(body).arrayBuffer()));
    else await body.cancel();
  }
  return files;
}

/**
 * Downloads one file over HTTP: goes on where a broken download ended (Range requests on a .part file), checks the MD5
 * and renames, so that the file is there whole or not at all. Node and Deno only.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lockFolder } from "../node-lock.js";

export interface Download {
  readonly url: string;
  /** Where the file is to be; what has arrived is kept in `<path>.part`. */
  readonly path: string;
  /** In lower-case hexadecimal. */
  readonly md5: string;
  /** Bytes on disk so far, and of the whole file where the server says. */
  readonly onProgress?:
    ((done: number, total: number | undefined) => void) | undefined;
  /** Tries in a row that bring nothing before a connection that broke is given up, and the first pause, which doubles. */
  readonly attempts?: number;
  readonly pauseMs?: number;
}

/** The file cannot be had from there; the message says why, in a few words. */
export class DownloadError extends Error {
  override name = "DownloadError";
}

/** The connection broke: what has arrived is kept and another try may go on from there. */
class Interruption extends Error {}

/**
 * Where another process downloads the same file, it is waited for.
 *
 * @throws DownloadError; errors of the file system (a full disk) as they are
 */
export async function download(request: Download): Promise<void> {
  const { path, md5 } = request;
  const lock = await lockFolder(dirname(path), `${basename(path)}.lock`, {
    doing: `${path}: is being downloaded`,
    patient: true,
  });
  try {
    const there = (await sizeOf(path)) > 0;
    if (!there || (await md5Of(path)) !== md5) await downloadAlone(request);
  } finally {
    await lock.release();
  }
}

async function downloadAlone(request: Download): Promise<void> {
  const { url, path, md5, attempts = 5, pauseMs = 1000 } = request;
  const part = `${path}.part`;
  const started = await sizeOf(part);
  let failures = 0;
  for (let done = false; !done;) {
    const before = await sizeOf(part);
    try {
      await receive(request, part);
      done = true;
    } catch (error) {
      if (!(error instanceof Interruption)) throw error;
      const now = await sizeOf(part);
      failures = now > before ? 0 : failures + 1;
      // A server that cannot be reached at all is not asked again and again.
      if (now === started || failures >= attempts)
        throw new DownloadError(error.message);
      await sleep(pauseMs * 2 ** failures);
    }
  }
  const actual = await md5Of(part);
  if (actual !== md5) {
    await rm(part, { force: true });
    throw new DownloadError(
      `what came from ${url} is another file: its MD5 is ${actual}, not ${md5}`,
    );
  }
  await rename(part, path);
}

/** Asks for what is missing of the part file and appends it. */
async function receive(request: Download, part: string): Promise<void> {
  const have = await sizeOf(part);
  const response = await fetch(request.url, {
    headers: {
      // Otherwise a server that declares the .gz an encoding would have it unpacked on the way.
      "accept-encoding": "identity",
      ...(have > 0 && { range: `bytes=${have}-` }),
    },
  }).catch((error: unknown) => {
    throw new Interruption(networkReason(error));
  });
  const { status, statusText, headers } = response;
  if (status === 416 && have > 0) {
    await response.body?.cancel();
    if (headers.get("content-range") === `bytes */${have}`) return; // all of it is there
    await rm(part);
    await receive(request, part);
    return;
  }
  const offset = status === 206 ? rangeStart(headers.get("content-range")) : 0;
  if ((status !== 200 && status !== 206) || !response.body) {
    await response.body?.cancel();
    throw new DownloadError(
      `the server answers ${status} ${statusText}`.trim(),
    );
  }
  if (offset !== 0 && offset !== have) {
    await response.body.cancel();
    throw new DownloadError(
      "the server answers with another range of bytes than asked for",
    );
  }
  const length = headers.get("content-length");
  const total = length === null ? undefined : offset + Number(length);
  let done = offset;
  const file = await open(part, offset === 0 ? "w" : "a");
  const reader = response.body.getReader();
  try {
    for (;;) {
      const chunk = await reader.read().catch((error: unknown) => {
        throw new Interruption(networkReason(error));
      });
      if (chunk.done) break;
      await file.writeFile(chunk.value);
      done += chunk.value.length;
      request.onProgress?.(done, total);
    }
    await file.sync();
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
  if (total !== undefined && done < total)
    throw new Interruption("the connection ended early");
}

/** First byte of a `Content-Range: bytes 100-199/200`; NaN where there is none. */
function rangeStart(header: string | null): number {
  return Number(/^bytes (\d+)-/.exec(header ?? "")?.[1] ?? NaN);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

/** MD5 of a file in lower-case hexadecimal, by streaming. */
export async function md5Of(path: string): Promise<string> {
  const hash = createHash("md5");
  for await (const chunk of createReadStream(path))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** fetch says "fetch failed"; why is in its cause. */
function networkReason(error: unknown): string {
  const { cause, message } = error as Error;
  if (!(cause instanceof Error)) return message;
  const { code } = cause as NodeJS.ErrnoException;
  return cause.message || code || message;
}

import { createHash } from "node:crypto";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { download, type Download } from "../../src/data/node-download.js";
import { leaveDeadLock } from "../dead-lock.js";
import { type Mirror, type MirrorOptions, startMirror } from "./mirror.js";

const content = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >> 3);
const md5 = createHash("md5").update(content).digest("hex");

let folder: string;
let mirror: Mirror | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tarnish-download-"));
});
afterEach(async () => {
  await mirror?.close();
  mirror = undefined;
  await rm(folder, { recursive: true });
});

const path = () => join(folder, "data", "set.tar.gz");
const part = () => `${path()}.part`;

async function fetchFrom(
  options: Partial<MirrorOptions>,
  request: Partial<Download> = {},
): Promise<void> {
  mirror = await startMirror({
    files: new Map([["set.tar.gz", content]]),
    ...options,
  });
  await download({
    url: `${mirror.url}set.tar.gz`,
    path: path(),
    md5,
    pauseMs: 1,
    ...request,
  });
}

async function expectWhole(): Promise<void> {
  expect(Buffer.compare(await readFile(path()), content)).toBe(0);
  expect(await readdir(join(folder, "data"))).toEqual(["set.tar.gz"]);
}

/** What an earlier, broken download left. */
async function leave(bytes: Uint8Array): Promise<void> {
  await mkdir(join(folder, "data"));
  await writeFile(part(), bytes);
}

describe("download", () => {
  it("brings the file, and says how far it is", async () => {
    const seen: [number, number | undefined][] = [];
    await fetchFrom(
      {},
      { onProgress: (done, total) => seen.push([done, total]) },
    );
    await expectWhole();
    expect(seen.at(-1)).toEqual([content.length, content.length]);
    expect(seen.map(([done]) => done)).toEqual(
      seen.map(([done]) => done).sort((a, b) => a - b),
    );
  });

  it("is made once where several ask for the same file at once", async () => {
    // The others come while it pauses after the break.
    const one = fetchFrom({ breaks: 1 }, { pauseMs: 500 });
    await expect
      .poll(() => mirror?.requests.length, { timeout: 30_000 })
      .toBe(1);
    const { url } = mirror!;
    const others = [1, 2].map(() =>
      download({ url: `${url}set.tar.gz`, path: path(), md5, pauseMs: 1 }),
    );
    await Promise.all([one, ...others]);
    await expectWhole();
    expect(mirror!.requests).toEqual([
      "set.tar.gz",
      "set.tar.gz bytes=100000-",
    ]);
  });

  it("does not wait for a process that is dead", async () => {
    await mkdir(join(folder, "data"));
    await leaveDeadLock(`${path()}.lock`);
    const start = performance.now();
    await fetchFrom({});
    // A holder that cannot be looked up is waited for a minute.
    expect(performance.now() - start).toBeLessThan(30_000);
    await expectWhole();
  });

  it("goes on by itself where the connection broke, twice", async () => {
    await fetchFrom({ breaks: 2 });
    await expectWhole();
    expect(mirror!.requests).toEqual([
      "set.tar.gz",
      "set.tar.gz bytes=100000-",
      "set.tar.gz bytes=150000-",
    ]);
  });

  it("goes on where an earlier call ended", async () => {
    await leave(content.subarray(0, 70_000));
    await fetchFrom({});
    await expectWhole();
    expect(mirror!.requests).toEqual(["set.tar.gz bytes=70000-"]);
  });

  it("starts over where the server ignores Range", async () => {
    await leave(content.subarray(0, 70_000));
    await fetchFrom({ ignoreRange: true, breaks: 1 });
    await expectWhole();
  });

  it("takes a part file that is all of it, and drops one that is too long", async () => {
    await leave(content);
    await fetchFrom({});
    await expectWhole();
    expect(mirror!.requests).toEqual(["set.tar.gz bytes=200000-"]);
    await mirror!.close();
    await rm(path());
    await writeFile(part(), new Uint8Array(content.length + 1));
    await fetchFrom({});
    await expectWhole();
  });

  it("refuses another file than the one that was asked for, and leaves nothing of it", async () => {
    await leave(new Uint8Array(70_000)); // the beginning of something else
    await expect(fetchFrom({})).rejects.toThrow(
      new RegExp(`its MD5 is [0-9a-f]{32}, not ${md5}`),
    );
    expect(await readdir(join(folder, "data"))).toEqual([]);
  });

  it("keeps what has arrived when a server breaks off for good", async () => {
    await expect(
      fetchFrom({ ignoreRange: true, breaks: 99 }, { attempts: 3 }),
    ).rejects.toThrow(/terminated|closed|reset/);
    expect(mirror!.requests).toHaveLength(4); // the first, which brought something, and three that brought no more
    expect((await readFile(part())).length).toBe(100_000);
  });

  it("gives up at once, and writes nothing, where nobody answers or the file is not there", async () => {
    await expect(fetchFrom({ files: new Map() })).rejects.toThrow(
      "the server answers 404 Not Found",
    );
    const closed = mirror!.url;
    await mirror!.close();
    await expect(
      download({ url: `${closed}set.tar.gz`, path: path(), md5 }),
    ).rejects.toThrow(/ECONNREFUSED/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("hands on that the disk is full", async () => {
    await mkdir(join(folder, "data"));
    await symlink("/dev/full", part());
    await expect(fetchFrom({})).rejects.toMatchObject({ code: "ENOSPC" });
  });
});

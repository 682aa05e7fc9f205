/**
 * One process at a time downloads a file: a lock beside it, which its owner renews, tells the others to wait. Node and Deno
 * only.
 */
import { existsSync } from "node:fs";
import { readFile, rm, rmdir, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { kill, pid } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolder } from "../node-atomic.js";

const renewMs = 2000;
/** A lock that nobody has renewed for so long is a dead process's. */
const staleMs = 30_000;
const lookMs = 200;

/**
 * Runs `work` while no other process that asks for the same path does.
 *
 * @param work Is told whether another one was at it before.
 */
export async function alone<T>(
  path: string,
  work: (waited: boolean) => Promise<T>,
): Promise<T> {
  const lock = `${path}.lock`;
  const folder = dirname(path);
  const made = !existsSync(folder);
  await makeFolder(folder);
  const waited = await acquire(lock);
  const renewal = setInterval(() => {
    const now = new Date();
    utimes(lock, now, now).catch(() => undefined);
  }, renewMs);
  renewal.unref();
  try {
    return await work(waited);
  } finally {
    clearInterval(renewal);
    await rm(lock, { force: true });
    // A folder that was made for nothing goes again.
    if (made) await rmdir(folder).catch(() => undefined);
  }
}

/** Makes the lock, after whoever has it; says whether somebody had. */
async function acquire(lock: string): Promise<boolean> {
  let waited = false;
  let seen = { renewed: 0, at: performance.now() };
  for (;;) {
    try {
      await writeFile(lock, JSON.stringify({ pid, host: hostname() }), {
        flag: "wx",
      });
      return waited;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    waited = true;
    const renewed = (await stat(lock).catch(() => undefined))?.mtimeMs ?? 0;
    // By this machine's clock alone: that of a network disk may differ.
    if (renewed !== seen.renewed) seen = { renewed, at: performance.now() };
    const stale = performance.now() - seen.at > staleMs;
    if (stale || (await ownerIsDead(lock))) await rm(lock, { force: true });
    else await sleep(lookMs);
  }
}

/** Whether the lock is of a process of this machine that is no more. */
async function ownerIsDead(lock: string): Promise<boolean> {
  try {
    const owner: unknown = JSON.parse(await readFile(lock, "utf8"));
    const { pid: id, host } = owner as { pid: number; host: string };
    if (host !== hostname()) return false;
    kill(id, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

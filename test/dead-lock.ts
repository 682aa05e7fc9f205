/** A lock whose holder was killed. */
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { acquireLock } from "../src/node-lock.js";

/** Leaves a lock file as a process of this machine does that is dead by now. */
export async function leaveDeadLock(path: string): Promise<void> {
  const lock = await acquireLock(path, { doing: path });
  const mine = JSON.parse(await readFile(path, "utf8")) as object;
  await lock.release();
  const { pid } = spawnSync(process.execPath, ["--version"]);
  await writeFile(path, JSON.stringify({ ...mine, pid, token: "another" }));
}

/** Locks: one holder at a time, and one that was killed keeps nobody out. */
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import {
  acquireLock,
  type Lock,
  LockedError,
  refuseLocked,
  removeDeadLock,
} from "../../src/node-lock.js";

const folder = mkdtempSync(join(tmpdir(), "tarnish-lock-"));
const path = join(folder, "tarnish.lock");
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const doing = "runs/a: is being trained";

/** What this process's lock file says, to be changed. */
const mine = await (async () => {
  const lock = await acquireLock(path, { doing });
  const holder = JSON.parse(readFileSync(path, "utf8")) as object;
  await lock.release();
  return holder;
})();
const leave = (changes: object) => {
  writeFileSync(
    path,
    JSON.stringify({ ...mine, token: "another", ...changes }),
  );
};
const takeOver = async (silenceMs?: number) => {
  const lock = await acquireLock(path, { doing, silenceMs });
  await lock.release();
  expect(existsSync(path)).toBe(false);
};

describe("a lock", () => {
  it("has one holder, and is free again afterwards", async () => {
    const lock = await acquireLock(path, { doing });
    const second = acquireLock(path, { doing });
    await expect(second).rejects.toThrow(LockedError);
    await expect(second).rejects.toThrow(
      `runs/a: is being trained by process ${process.pid}; wait for its end, or stop it (it holds ${path})`,
    );
    // Its own lock keeps no process from its own work.
    await refuseLocked(path, doing);
    await lock.release();
    await takeOver();
  });

  it("is waited for by who has the patience, one after another", async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const lock = await acquireLock(path, { doing, patient: true });
        most = Math.max(most, ++inside);
        await sleep(5);
        inside--;
        await lock.release();
      }),
    );
    expect(most).toBe(1);
    expect(existsSync(path)).toBe(false);
  });

  it("is never taken for a killed process's while it is released", async () => {
    for (let round = 0; round < 30; round++) {
      const lock = await acquireLock(path, { doing });
      // Looks at the lock at every moment of its release.
      const looks = Array.from({ length: 10 }, async () => {
        for (let turn = 0; turn < round % 10; turn++) await Promise.resolve();
        return acquireLock(path, { doing }).catch((error: unknown) => error);
      });
      const [, ...taken] = await Promise.all([lock.release(), ...looks]);
      const holders = taken.filter((one): one is Lock => !(one instanceof LockedError)); // prettier-ignore
      expect(holders.length).toBeLessThan(2);
      await Promise.all(holders.map((holder) => holder.release()));
      expect(existsSync(path)).toBe(false);
    }
  });
});

describe("a lock that a killed process left", () => {
  it("is taken over at once where its number is nobody's", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    leave({ pid });
    await refuseLocked(path, doing);
    await takeOver();
  });

  it("goes where nobody takes it over, and nobody else's does", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    leave({ pid });
    await removeDeadLock(path);
    expect(existsSync(path)).toBe(false);
    await removeDeadLock(path);
    const lock = await acquireLock(path, { doing });
    await removeDeadLock(path);
    expect(existsSync(path)).toBe(true);
    await lock.release();
    leave({ place: "another container" });
    await removeDeadLock(path);
    expect(existsSync(path)).toBe(true);
    rmSync(path);
  });

  it("is taken over at once where its number is this process's, as in a container that was started again", async () => {
    leave({});
    await takeOver();
  });

  it.runIf(existsSync("/proc/self/stat"))(
    "is taken over at once where its number is another process's by now",
    async () => {
      const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"]); // prettier-ignore
      try {
        leave({ pid: child.pid, started: "1" });
        await takeOver();
        const stat = readFileSync(`/proc/${child.pid!}/stat`, "utf8");
        const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
        leave({ pid: child.pid, started });
        await expect(takeOver()).rejects.toThrow(`by process ${child.pid!};`);
        await expect(refuseLocked(path, doing)).rejects.toThrow(LockedError);
      } finally {
        child.kill();
        rmSync(path);
      }
    },
  );

  it("of another place is taken over when it gives no sign, and not before", async () => {
    const elsewhere = { place: "another container", host: "node-7" };
    leave(elsewhere);
    // Told once the lock has been looked at: the sign comes after that.
    const lines: string[] = [];
    const onWait = (line: string) => {
      lines.push(line);
      utimesSync(path, new Date(), new Date(Date.now() - 5_000));
    };
    const waiting = acquireLock(path, { doing, silenceMs: 400, onWait });
    await expect(waiting).rejects.toThrow("is being trained by process");
    await expect(waiting).rejects.toThrow(" on node-7;");
    expect(lines.join()).toContain("waiting up to 1 seconds");
    await takeOver(100);
    // One of long ago is not waited for.
    leave(elsewhere);
    utimesSync(path, new Date(0), new Date(0));
    await takeOver(60_000);
  });

  it("that was never written is one of another place", async () => {
    writeFileSync(path, "");
    await takeOver(50);
  });
});

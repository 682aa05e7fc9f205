/** Two processes in one folder: who must not is refused, who may does not disturb the other. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { complaint, startTarnish, tarnish, temporaryFolder } from "./command.js"; // prettier-ignore

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const run = (args: string) => tarnish(args.split(" "), { cwd: folder });

const settings =
  "--train-limit 50 --test-limit 50 --batch 40 --epochs 5000 --log-every 1 --checkpoint-seconds 0.1";

describe("a run folder", () => {
  it("belongs to who trains in it, until it is killed", async () => {
    const args = `train ${settings} --out run`;
    const { child, ended } = startTarnish(args.split(" "), { cwd: folder });
    const last = at("run", "checkpoints", "last.safetensors");
    while (child.exitCode === null && !existsSync(last)) await sleep(20);
    for (const more of ["", " --resume", " --overwrite"]) {
      const second = run(`${args}${more}`);
      expect(second.code).toBe(2);
      expect(complaint(second)).toBe(
        `tarnish: run: is being trained by process ${child.pid!}; wait for its end, or stop it (it holds ${join("run", "tarnish.lock")})`,
      );
    }
    child.kill("SIGKILL");
    await ended;
    const text = readFileSync(at("run", "metrics.jsonl"), "utf8");
    expect(text).not.toContain("\0");
    expect(existsSync(at("run", "tarnish.lock"))).toBe(true);
    // Goes on at once: it is the settings that are refused, not the lock.
    const third = run(`${args} --lr 0.5 --resume`);
    expect(complaint(third)).toContain("holds a run of other settings");
  });
});

describe("a sweep folder", () => {
  it("takes a part once", async () => {
    writeFileSync(
      at("sw.json"),
      JSON.stringify({ name: "sw", models: ["lenet"], levels: [0.2], seeds: 1, settings: { trainLimit: 50, testLimit: 50, batch: 40, epochs: 5000 } }), // prettier-ignore
    );
    const { child, ended } = startTarnish(["sweep", "sw.json", "--out", "sw"], {
      cwd: folder,
    });
    const lock = at("sw", "tarnish.lock");
    const text = () => (existsSync(lock) ? readFileSync(lock, "utf8") : "");
    while (child.exitCode === null && text() === "") await sleep(20);
    const before = text();
    const second = run("sweep sw.json --out sw");
    expect(second.code).toBe(2);
    expect(complaint(second)).toContain(
      `tarnish: sw: this sweep is being run by process ${child.pid!}`,
    );
    expect(text()).toBe(before);
    child.kill("SIGTERM");
    const { code, stderr } = await ended;
    expect(code).toBe(143);
    expect(stderr).toContain("0 of 3 runs are done. Go on with:\n  tarnish sweep sw.json --out sw"); // prettier-ignore
    expect(existsSync(lock)).toBe(false);
  });
});

/** What stops a run other than a kill: Ctrl-C, SIGTERM, a full disk, a lost device, damaged files. It always goes on. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { leaveDeadLock } from "../dead-lock.js";
import {
  type CommandResult,
  complaint,
  shell,
  startTarnish,
  tarnish,
  temporaryFolder,
} from "./command.js";
import { checkpointStep, expectSameRun, summaryOf } from "./run-folders.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);

const base =
  "train --train-limit 50 --test-limit 50 --noise 0.4 --noise-kind uniform --seed 3 --batch 40 --epochs 40 --log-every 1";
const run = (more: string) => tarnish(`${base} ${more}`.split(" "), { cwd: folder }); // prettier-ignore
const metrics = (out: string) => {
  const path = at(out, "metrics.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length : 0;
};

/** Starts a run, waits until it has made some records, and sends it a signal. */
async function interrupt(
  more: string,
  out: string,
  signal: NodeJS.Signals,
): Promise<CommandResult> {
  const args = `${base} ${more}`.split(" ");
  const { child, ended } = startTarnish(args, { cwd: folder });
  const before = metrics(out);
  while (child.exitCode === null && metrics(out) < before + 6) await sleep(10);
  child.kill(signal);
  return ended;
}

beforeAll(() => {
  expect(run("--out reference").code).toBe(0);
});

describe.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (signal, exitCode) => {
  const out = `stopped-by-${signal}`;
  it("writes a checkpoint and says how to go on", async () => {
    // Checkpoints are far apart: the one there is was written because of the signal.
    const { code, stderr, stdout } = await interrupt(
      `--checkpoint-every 40 --out ${out}`,
      out,
      signal,
    );
    expect(code).toBe(exitCode);
    const step = checkpointStep(at(out))!;
    expect(step).toBeGreaterThan(3);
    expect(step).toBeLessThan(80);
    expect(stdout).toContain("stopping after the step in flight");
    expect(stderr).toContain(
      `tarnish: training was stopped after step ${step}\n${out} holds a checkpoint after step ${step}. Go on with it:\n  tarnish train`,
    );
    expect(stderr).not.toMatch(/\n\s+at /);
    const command = stderr.trimEnd().split("\n").at(-1)!;
    expect(command).toMatch(/ --resume$/);
    expect(shell(command, folder).code).toBe(0);
    expectSameRun(at(out), at("reference"));
  });
});

/** Loads faulty-device.js before the command. */
const faulty = (faults: Record<string, string>) => ({
  NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, "faulty-device.js")).href}`,
  ...faults,
});

describe("a second Ctrl-C", () => {
  it("quits at once", async () => {
    // After the first one the run waits for its step's loss, which takes three seconds.
    const args = [...`${base} --checkpoint-every 40`.split(" "), "--out", "impatient"]; // prettier-ignore
    const { child, ended } = startTarnish(args, {
      cwd: folder,
      env: faulty({ SLOW_READS_MS: "3000" }),
    });
    while (child.exitCode === null && metrics("impatient") < 2) await sleep(10);
    child.kill("SIGINT");
    // Well after what counts as the same request (interrupt.ts), and before the loss.
    await sleep(1500);
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(130);
    expect(stdout).toContain("once more stops at once");
    expect(stderr).not.toContain("tarnish: ");
    expect(checkpointStep(at("impatient"))).toBe(undefined);
  });
});

describe("a full disk", () => {
  it("ends the run with the reason, the checkpoint intact, and the run goes on when there is room", async () => {
    const more = "--checkpoint-seconds 0.001 --out full";
    const { child, ended } = startTarnish(`${base} ${more}`.split(" "), {
      cwd: folder,
    });
    while (child.exitCode === null && checkpointStep(at("full")) === undefined)
      await sleep(10);
    // From now on no file may grow above 300 kB; LeNet's checkpoint takes 500.
    const { status } = spawnSync("prlimit", [
      `--pid=${child.pid!}`,
      "--fsize=300000",
    ]);
    expect(status).toBe(0);
    const result = await ended;
    const step = checkpointStep(at("full"))!;
    expect(complaint(result)).toBe(
      `tarnish: ${join("full", "checkpoints", "last.safetensors")}: cannot be written: the file would be larger than is allowed here (EFBIG)\n` +
        `full holds a checkpoint after step ${step}. Go on with it:\n  tarnish ${base} ${more} --resume`,
    );
    expect(result.code).toBe(1);
    expect(
      readdirSync(at("full", "checkpoints")).filter((name) =>
        name.endsWith(".tmp"),
      ),
    ).toEqual([]);
    expect(run("--out full --resume").code).toBe(0);
    expectSameRun(at("full"), at("reference"));
  });

  it.each([
    ["below a file", "reference/config.json/x"],
    ["where nobody may make one", "/sys/x"],
  ])("a folder %s is refused before the run starts", (_, out) => {
    const result = run(`--out ${out}`);
    expect(result.code).toBe(2);
    expect(complaint(result)).toContain(`tarnish: ${out}: `);
    expect(result.stderr).not.toMatch(/internal error|\n\s+at /);
  });
});

describe("a lost device", () => {
  it("ends the run with code 1, and the run goes on with --resume", () => {
    const result = tarnish([...base.split(" "), "--out", "lost"], {
      cwd: folder,
      env: faulty({ LOSE_DEVICE_AFTER: "70" }),
    });
    expect(result.code).toBe(1);
    const step = checkpointStep(at("lost"))!;
    expect(step).toBeGreaterThan(0);
    expect(step).toBeLessThan(80);
    expect(complaint(result)).toMatch(/^tarnish: .* was lost \(destroyed\): /);
    expect(complaint(result)).toContain(
      `lost holds a checkpoint after step ${step}. Go on with it:\n  tarnish ${base} --out lost --resume`,
    );
    expect(run("--out lost --resume").code).toBe(0);
    expectSameRun(at("lost"), at("reference"));
  });
});

describe("--resume", () => {
  it("starts where there is nothing, and says when there is nothing left to do", async () => {
    expect(run("--out fresh --resume").code).toBe(0);
    expectSameRun(at("fresh"), at("reference"));
    const before = statSync(at("fresh", "summary.json")).mtimeMs;
    const again = run("--out fresh --resume --json");
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("fresh: is done, there is nothing left to train"); // prettier-ignore
    expect(JSON.parse(again.stdout)).toEqual({ out: "fresh", ...summaryOf(at("fresh")) }); // prettier-ignore
    expect(statSync(at("fresh", "summary.json")).mtimeMs).toBe(before);
    // A process that was killed after its last file has left its lock.
    await leaveDeadLock(at("fresh", "tarnish.lock"));
    expect(run("--out fresh --resume").code).toBe(0);
    expectSameRun(at("fresh"), at("reference"));
  });

  it("makes the tables again where the end is missing", () => {
    cpSync(at("reference"), at("unfinished"), { recursive: true });
    for (const name of ["summary.json", "per_class.csv", "pr.csv"])
      rmSync(at("unfinished", name));
    writeFileSync(at("unfinished", "summary.json.123.tmp"), "{");
    expect(run("--out unfinished --resume").code).toBe(0);
    expectSameRun(at("unfinished"), at("reference"));
  });

  it("starts in a folder that was killed before config.json or before its first checkpoint", () => {
    mkdirSync(at("early"));
    writeFileSync(at("early", "config.json.123.tmp"), "{");
    expect(run("--out early --resume").code).toBe(0);
    expectSameRun(at("early"), at("reference"));
    rmSync(at("early", "checkpoints"), { recursive: true });
    rmSync(at("early", "summary.json"));
    expect(run("--out early --resume").code).toBe(0);
    expectSameRun(at("early"), at("reference"));
  });
});

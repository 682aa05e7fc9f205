/** Files that outlive what happens while they are written. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import {
  removeLeftovers,
  requireOwnFolder,
  StorageError,
  writeFileAtomic,
} from "../../src/experiments/node-files.js";
import { MetricsLog } from "../../src/experiments/node-metrics-log.js";
import type { EvalRecord } from "../../src/experiments/training-events.js";

const folder = mkdtempSync(join(tmpdir(), "tarnish-files-"));
const at = (...path: string[]) => join(folder, ...path);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("writeFileAtomic", () => {
  it("replaces a file whole, or leaves it and says why", async () => {
    await writeFileAtomic(at("a"), "first");
    await writeFileAtomic(at("a"), "second");
    expect(readFileSync(at("a"), "utf8")).toBe("second");
    mkdirSync(at("folder"));
    writeFileSync(at("folder", "inside"), "");
    const failure = writeFileAtomic(at("folder"), "x");
    await expect(failure).rejects.toThrow(StorageError);
    await expect(failure).rejects.toThrow(`${at("folder")}: cannot be written`);
    await expect(writeFileAtomic(at("gone", "a"), "x")).rejects.toThrow(
      `${at("gone", "a")}: cannot be written: its folder is gone (ENOENT)`,
    );
    expect(readdirSync(folder).sort()).toEqual(["a", "folder"]);
  });
});

describe("what a killed process leaves", () => {
  it("is removed, and alone makes no folder somebody else's", async () => {
    mkdirSync(at("killed"));
    writeFileSync(at("killed", "config.json.77.tmp"), "{");
    await requireOwnFolder(at("killed"), "config.json", "run folder");
    writeFileSync(at("killed", "notes.tmp"), "mine");
    await expect(
      requireOwnFolder(at("killed"), "config.json", "run folder"),
    ).rejects.toThrow(UserError);
    await removeLeftovers(at("killed"));
    expect(readdirSync(at("killed"))).toEqual(["notes.tmp"]);
  });
});

const record = (step: number): EvalRecord => ({
  kind: "eval",
  step,
  epoch: 1,
  split: "test",
  loss: 1,
  top1: 0.5,
  top5: null,
});
const lines = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as EvalRecord).step);

describe("metrics.jsonl", () => {
  it("is cut back to what the checkpoint counts, whatever lies behind", () => {
    const path = at("metrics.jsonl");
    const first = MetricsLog.create(path);
    for (const step of [1, 2, 3, 4]) first.append(record(step));
    first.sync();
    first.close();
    writeFileSync(path, '{"kind":"eval","st', { flag: "a" });
    const second = MetricsLog.resume(path, 2);
    expect(lines(path)).toEqual([1, 2]);
    second.append(record(3));
    second.close();
    expect(lines(path)).toEqual([1, 2, 3]);
    MetricsLog.resume(path, 0).close();
    expect(readFileSync(path, "utf8")).toBe("");
  });

  it("is refused where it holds less, and left as it is", () => {
    const path = at("short.jsonl");
    const whole = `${JSON.stringify(record(1))}\n`;
    writeFileSync(path, `${whole}{"kind"\n`);
    expect(() => MetricsLog.resume(path, 2)).toThrow("line 2 is damaged");
    expect(() => MetricsLog.resume(path, 3)).toThrow(UserError);
    writeFileSync(path, whole.trimEnd());
    expect(() => MetricsLog.resume(path, 1)).toThrow("ends in line 1");
    expect(readFileSync(path, "utf8")).toBe(whole.trimEnd());
    expect(() => MetricsLog.resume(at("none"), 1)).toThrow("ENOENT");
  });

  it.runIf(existsSync("/dev/full"))("says that the disk is full", () => {
    const log = MetricsLog.create("/dev/full");
    expect(() => {
      log.append(record(1));
    }).toThrow("/dev/full: cannot be written: the disk is full (ENOSPC)");
    log.close();
  });
});

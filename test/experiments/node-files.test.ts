/** Files that outlive what happens while they are written. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import {
  removeLeftovers,
  requireFreshOut,
  requireWritable,
  StorageError,
  writeFileAtomic,
} from "../../src/experiments/node-files.js";
import {
  clearFolder,
  type KindName,
  requireOwnFolder,
} from "../../src/experiments/node-folder-kinds.js";
import { isTemporary, temporaryPath } from "../../src/node-atomic.js";
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
    await requireOwnFolder(at("killed"), "run");
    writeFileSync(at("killed", "notes.tmp"), "mine");
    await expect(requireOwnFolder(at("killed"), "run")).rejects.toThrow(
      UserError,
    );
    await removeLeftovers(at("killed"));
    expect(readdirSync(at("killed"))).toEqual(["notes.tmp"]);
  });
});

describe("temporary names", () => {
  it("differ where the numbers of processes do not", async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => writeFileAtomic(at("a"), `${i}`)),
    );
    expect(Number(readFileSync(at("a"), "utf8"))).toBeLessThan(20);
    expect(temporaryPath("a")).not.toBe(temporaryPath("a"));
    expect(isTemporary(temporaryPath("a"))).toBe(true);
    expect(isTemporary("notes.2026.tmp.txt")).toBe(false);
  });
});

describe("a folder to write into", () => {
  it("is tried without a trace", async () => {
    await requireWritable(at("new", "below"));
    expect(existsSync(at("new"))).toBe(false);
    mkdirSync(at("there"));
    await requireWritable(at("there"));
    expect(readdirSync(at("there"))).toEqual([]);
    const long = "x".repeat(300);
    await expect(requireWritable(at("new", long))).rejects.toThrow(
      `${at("new", long)}: cannot be written: the name is too long (ENAMETOOLONG)`,
    );
    expect(existsSync(at("new"))).toBe(false);
    writeFileSync(at("file"), "");
    await expect(requireWritable(at("file", "x"))).rejects.toThrow(UserError);
  });

  it("is no file, which is said in words, as of a file that is a folder", async () => {
    const file =
      "a file is where a folder should be (EEXIST); move it away, or name another place";
    await expect(requireWritable(at("file"))).rejects.toThrow(
      new UserError(`${at("file")}: cannot be written: ${file}`),
    );
    await expect(requireWritable(at("file"), "file/x")).rejects.toThrow(
      new UserError(`file/x: cannot be written: ${file}`),
    );
    mkdirSync(at("taken"));
    await expect(writeFileAtomic(at("taken"), "x")).rejects.toThrow(
      `${at("taken")}: cannot be written: a folder is where a file should be (EISDIR); move it away, or name another place`,
    );
  });
});

const runConfig = '{"model":"lenet","data":"sample","seed":0}';

describe("what a folder is", () => {
  const make = (name: string, files: Record<string, string>) => {
    mkdirSync(at(name));
    for (const [file, text] of Object.entries(files))
      writeFileSync(at(name, file), text);
    return at(name);
  };

  it.each<[string, KindName, Record<string, string>, boolean]>([
    ["a run's", "run", { "config.json": runConfig, "notes.txt": "" }, true],
    ["a run's whose config.json is cut off", "run", { "config.json": '{"mo', "labels.npy": "" }, true], // prettier-ignore
    ["such a file beside others", "run", { "config.json": '{"mo', "app.ts": "" }, false], // prettier-ignore
    ["an application's", "run", { "config.json": "{}", "summary.json": "{}" }, false], // prettier-ignore
    ["a sweep's", "sweep", { "sweep.json": '{"name":"a","jobs":[]}' }, true],
    ["another sweep.json", "sweep", { "sweep.json": "[]" }, false],
    ["a web site", "report", { "index.html": "<html>" }, false],
    ["a killed process's", "run", { "config.json.7.tmp": "", "tarnish.lock": "" }, true], // prettier-ignore
  ])("%s", async (name, kind, files, own) => {
    const check = requireOwnFolder(make(name, files), kind);
    if (own) await check;
    else await expect(check).rejects.toThrow(/is not empty and no (run|sweep|report) folder/); // prettier-ignore
  });

  it("says what is removed from it", async () => {
    const run = make("cleared", { "config.json": runConfig, "notes.txt": "mine", "pr.csv": "", "summary.json.7.tmp": "" }); // prettier-ignore
    make("cleared/checkpoints", { "last.safetensors": "", "mine.pt": "" });
    make("cleared/report", { "index.html": "<html>mine" });
    await clearFolder(run, "run");
    expect(readdirSync(run, { recursive: true }).sort()).toEqual(["checkpoints", join("checkpoints", "mine.pt"), "notes.txt", "report", join("report", "index.html")]); // prettier-ignore
  });

  it("keeps other results out of it", async () => {
    const run = make("other", { "config.json": runConfig });
    await expect(requireFreshOut(run, true)).rejects.toThrow("is a run folder"); // prettier-ignore
    await requireFreshOut(make("plain", { "poison.json": "{}" }), true);
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
    const third = MetricsLog.create(path);
    // Whoever else empties the file: no hole comes before the next line.
    third.append(record(1));
    truncateSync(path, 0);
    third.append(record(2));
    third.close();
    expect(lines(path)).toEqual([2]);
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

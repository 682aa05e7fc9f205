/** The folder of `tarnish issues`: what of an earlier one is replaced, and what is left where its writing ends early. */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { platform } from "node:process";
import { afterAll, describe, expect, it, vi } from "vitest";
import { loadDataset } from "../../src/data/node-load.js";
import { rankIssues } from "../../src/experiments/issues.js";
import { requireWritable } from "../../src/experiments/node-files.js";
import { requireOwnFolder } from "../../src/experiments/node-folder-kinds.js";
import {
  type IssueReport,
  stagingFolder,
  writeIssues,
} from "../../src/experiments/node-issues.js";
import { resolveSettings } from "../../src/experiments/settings.js";

/** Which files are not moved to their places, as if the disk were full or the process killed before. */
let failing: (path: string) => boolean = () => false;
vi.mock("node:fs/promises", async (original) => {
  const actual = await original<typeof import("node:fs/promises")>();
  return {
    ...actual,
    rename: async (from: string, to: string) => {
      if (!failing(to)) return actual.rename(from, to);
      const code = { code: "ENOSPC", syscall: "rename" };
      throw Object.assign(new Error(`no room for ${to}`), code);
    },
  };
});

const folder = mkdtempSync(join(tmpdir(), "tarnish-issues-"));
const at = (...path: string[]) => join(folder, ...path);
const namesIn = (...path: string[]) =>
  readdirSync(at(...path), { recursive: true, encoding: "utf8" }).sort();
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const own = ["index.html", "issues.csv", "summary.json"];

async function reportOf(adapter: string): Promise<IssueReport> {
  const dataset = await loadDataset("sample", { trainLimit: 20 });
  const given = [...dataset.train.labels];
  const even = new Float64Array(20 * 10).fill(0.1);
  return {
    dataset,
    settings: resolveSettings({ data: "sample" }),
    ranking: rankIssues(even, given, [...given.keys()], 10),
    quality: null,
    folds: 2,
    repeats: 1,
    agreement: 0.1,
    gallery: 0,
    adapter,
  };
}

describe("an issues folder", () => {
  it("is replaced but for what somebody else put into it", async () => {
    await writeIssues(at("li"), await reportOf("first"));
    expect(namesIn("li")).toEqual(own);
    mkdirSync(at("li", "sub"));
    writeFileSync(at("li", "sub", "note.txt"), "mine");
    writeFileSync(at("li", "marked.csv"), "mine");
    await writeIssues(at("li"), await reportOf("second"));
    expect(namesIn("li")).toEqual(
      [...own, "marked.csv", "sub", join("sub", "note.txt")].sort(),
    );
    expect(readFileSync(at("li", "marked.csv"), "utf8")).toBe("mine");
    expect(readFileSync(at("li", "summary.json"), "utf8")).toContain("second");
  });

  it.skipIf(platform === "win32")("is where a link leads to", async () => {
    mkdirSync(at("target"));
    symlinkSync("target", at("link"));
    await requireWritable(stagingFolder(at("link")), at("link"));
    await writeIssues(at("link"), await reportOf("any"));
    expect(lstatSync(at("link")).isSymbolicLink()).toBe(true);
    expect(namesIn("target")).toEqual(own);
  });

  it("may be the folder that one is in", async () => {
    const before = process.cwd();
    mkdirSync(at("here"));
    process.chdir(at("here"));
    try {
      await requireWritable(stagingFolder("."), ".");
      await writeIssues(".", await reportOf("any"));
    } finally {
      process.chdir(before);
    }
    expect(namesIn("here")).toEqual(own);
  });

  it.each([
    ["issues.csv", []],
    ["index.html", ["issues.csv"]],
    ["summary.json", ["index.html", "issues.csv"]],
  ])("that is left before its %s is known for what it is", async (name, left) => {
    for (const [out, earlier] of [["new", []], ["old", ["issues.csv"]]] as const) {
      const place = at(`${out} ${name}`);
      if (out === "old") await writeIssues(place, await reportOf("first"));
      failing = (path) => path === join(place, name);
      await expect(writeIssues(place, await reportOf("second"))).rejects.toThrow(
        `${place}: cannot be written: the disk is full (ENOSPC)`,
      );
      failing = () => false;
      const names = new Set([...left, ...earlier]);
      expect(namesIn(`${out} ${name}`)).toEqual([...names].sort());
      await requireOwnFolder(place, "issues");
      await writeIssues(place, await reportOf("third"));
      expect(namesIn(`${out} ${name}`)).toEqual(own);
    }
  }); // prettier-ignore

  it("keeps what it has where there is no room for the new one", async () => {
    await writeIssues(at("kept"), await reportOf("first"));
    failing = (path) => path.endsWith("summary.json");
    await expect(writeIssues(at("kept"), await reportOf("second"))).rejects.toThrow(`${at("kept")}: cannot be written: the disk is full (ENOSPC)`); // prettier-ignore
    failing = () => false;
    expect(namesIn("kept")).toEqual(own);
    expect(readFileSync(at("kept", "summary.json"), "utf8")).toContain("first");
  });
});

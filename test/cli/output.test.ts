/** What becomes of a command's words where they can go nowhere, or hold what a terminal would obey. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { printable, printableLines } from "../../src/cli/printable.js";
import { plain, writeFiles } from "../data/images.js";
import { complaint, shell, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const train =
  "tarnish train --train-limit 50 --test-limit 50 --batch 50 --epochs 1";
const quiet = (text: string) =>
  text
    .split("\n")
    .filter((line) => !line.startsWith("Warning: max"))
    .join("\n");

describe.runIf(existsSync("/dev/full"))("words that cannot be written", () => {
  it("a full disk is said in one line, with exit code 1", () => {
    const { code, stderr } = shell("tarnish data show sample >/dev/full", folder); // prettier-ignore
    expect(stderr).toBe(
      "tarnish: stdout: cannot be written: the disk is full (ENOSPC)\n",
    );
    expect(code).toBe(1);
  });

  it("a training goes on without its words, and its exit code tells the truth", () => {
    const full = shell(`${train} --out full >/dev/full`, folder);
    expect(quiet(full.stderr).match(/ENOSPC/g)).toHaveLength(1);
    expect(full.code).toBe(1);
    expect(existsSync(at("full", "summary.json"))).toBe(true);

    // The pipe of stdout is closed at once, then that of stderr.
    const out = shell(`{ ${train} --out out; echo rc=$? >code; } | true`, folder); // prettier-ignore
    expect(out.stderr).not.toContain("EPIPE");
    expect(readFileSync(at("code"), "utf8")).toBe("rc=0\n");
    expect(existsSync(at("out", "summary.json"))).toBe(true);

    shell(`{ ${train} --out err >log; echo rc=$? >code; } 2>&1 | true`, folder);
    expect(readFileSync(at("code"), "utf8")).toBe("rc=0\n");
    expect(readFileSync(at("log"), "utf8")).toContain("run folder: err");
    expect(existsSync(at("err", "summary.json"))).toBe(true);
  });

  it("a refused request is refused whether anybody listens or not", () => {
    shell(
      "{ tarnish train --epochs 0; echo rc=$? >code; } 2>&1 | true",
      folder,
    );
    expect(readFileSync(at("code"), "utf8")).toBe("rc=2\n");
  });
});

describe("characters that a terminal obeys", () => {
  it("are written as JSON writes them", () => {
    expect(printable("x\u001b[31mred\u009b\r\t\u202e\u2028é😀")).toBe(
      "x\\u001b[31mred\\u009b\\u000d\\u0009\\u202e\\u2028é😀",
    );
    expect(printable("new\nline")).toBe("new\\nline");
    expect(printableLines("two\nlines\u0007")).toBe("two\nlines\\u0007");
    const value = { name: "\u202e\u009b\u001b\n" };
    expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
  });

  it("do not reach it from the names of folders and files", async () => {
    const image = await plain([200, 10, 10]);
    const files = ["x\u001b[31mred", "new\nline"].flatMap((name) =>
      [1, 2, 3].map((i) => [`${name}/${i}.png`, image] as const),
    );
    await writeFiles(
      at("photos"),
      new Map([...files, ["bad\u001b.txt", new Uint8Array(1)]]),
    );
    const env = { TARNISH_CACHE: at("cache") };
    const show = (...more: string[]) =>
      tarnish(["data", "show", "photos", ...more], { cwd: folder, env });
    for (const { stdout, stderr, code } of [show(), show("--json")]) {
      expect(code).toBe(0);
      // eslint-disable-next-line no-control-regex -- what must not be there
      expect(stdout + stderr).not.toMatch(/\u001b|^line/m);
      expect(stdout).toContain("x\\u001b[31mred");
    }
    const missing = tarnish(["data", "show", "no\u001bsuch"], { cwd: folder });
    expect(complaint(missing)).toContain("no\\u001bsuch");
  });
});

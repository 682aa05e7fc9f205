/** A place that cannot be written: every command refuses it alike, with exit code 2 and the reason. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const run = (args: readonly string[]) => tarnish(args, { cwd: folder });
const small = "--train-limit 20 --test-limit 20".split(" ");

beforeAll(() => {
  const { code } = run(["train", ...small, ..."--batch 20 --epochs 1 --out run".split(" ")]); // prettier-ignore
  expect(code).toBe(0);
  mkdirSync(at("empty"));
  writeFileSync(
    at("sw.json"),
    JSON.stringify({ name: "sw", models: ["lenet"], levels: [0.5], seeds: 1, settings: { trainLimit: 20, testLimit: 20, epochs: 1, batch: 20 } }), // prettier-ignore
  );
});

const commands = [
  "poison --noise 0.2",
  "export --run run",
  "eval --run run",
  "report run",
  "sweep sw.json",
  "demo",
];

describe.runIf(existsSync("/proc/self"))("--out", () => {
  it.each(commands)("%s", (command) => {
    for (const out of ["/proc/tarnish/out", `long${"x".repeat(300)}`]) {
      const result = run([...command.split(" "), "--out", out]);
      // Of a file, its folder is named.
      expect(complaint(result)).toContain(out.replace(/\/out$/, ""));
      expect(complaint(result)).toMatch(/cannot be written|ENAMETOOLONG/);
      expect(result.stderr).not.toMatch(/internal error|\n\s+at /);
      expect(result.code).toBe(2);
    }
  });
});

it("export makes the folders around its file", () => {
  const result = run(["export", "--run", "run", "--out", "new/er/w.safetensors"]); // prettier-ignore
  expect(result.code).toBe(0);
  expect(existsSync(at("new", "er", "w.safetensors"))).toBe(true);
});

it.each([
  ["--out", ["train"]],
  ["--init", ["train"]],
  ["--labels", ["train"]],
  ["--adapter", ["doctor"]],
])("an empty %s is refused", (flag, command) => {
  const result = run([...command, flag, ""]);
  expect(complaint(result)).toBe(`tarnish: ${flag}: expected a value, got ""`);
  expect(result.code).toBe(2);
});

it.each([
  ["dir", ["report"]],
  ["run", ["issues"]],
  ["data", ["data", "show"]],
])("an empty <%s> is refused", (name, command) => {
  const result = run([...command, ""]);
  expect(complaint(result)).toBe(`tarnish: ${name}: expected a value, got ""`);
  expect(result.code).toBe(2);
});

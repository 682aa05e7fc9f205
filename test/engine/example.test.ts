/** The ten-line example of docs/engine.md, run as it stands there. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { runScript } from "../cli/command.js";

it("the documentation's example trains", () => {
  const page = readFileSync(
    new URL("../../docs/engine.md", import.meta.url),
    "utf8",
  );
  const code = /```ts\n([\s\S]*?)```/.exec(page)![1]!;
  const statements = code
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("import"));
  expect(statements.length).toBeLessThanOrEqual(10);
  const {
    code: exitCode,
    stdout,
    stderr,
  } = runScript(() => `${code}\nprocess.exit(0);`);
  expect(stderr).not.toContain("Error");
  expect(exitCode).toBe(0);
  expect(Number(stdout.trim())).toBeLessThan(0.1);
});

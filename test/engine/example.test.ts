/** The ten-line example of docs/engine.md, run as it stands there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import { runScript } from "../cli/command.js";

const root = packageRoot();
const page = readFileSync(join(root, "docs", "engine.md"), "utf8");
const code = /```ts\n([\s\S]*?)```/.exec(page)![1]!;

/** What TypeScript says of the example in a strict project of somebody who has the built package. */
function complaints(options: ts.CompilerOptions): string[] {
  const file = join(root, "example.mts");
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  const exists = host.fileExists.bind(host);
  host.fileExists = (name) => name === file || exists(name);
  host.readFile = (name) => (name === file ? code : read(name));
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) =>
      ts.flattenDiagnosticMessageText(messageText, "\n"),
    );
}

it.each([
  ["nodenext", { module: ts.ModuleKind.NodeNext }],
  [
    "a bundler",
    {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    },
  ],
])("the documentation's example has its types with %s", (_, module) => {
  const options = {
    ...module,
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2023,
    // As `tsc --init` has it: TypeScript 6 declares WebGPU, too, and a little differently.
    skipLibCheck: true,
    // Nothing but what the package brings itself.
    types: [],
  };
  expect(complaints(options)).toEqual([]);
});

it("the documentation's example trains", () => {
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

/** Correctness on the adapter: the engine's op tables in every kernel family and the models' golden values, in vitest. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failureOf } from "./child.mjs";

/** Test files that run nothing on the adapter take no time away from those that do. */
const folders = ["test/engine", "test/models", "test/experiments/peak-kernels"];
const tinyFiles = ["test/engine/ops/elementwise", "test/engine/ops/philox"];

/**
 * @param {import("./child.mjs").Commands} commands
 * @param {{ adapter: string, seconds: number, tiny: boolean }} options
 */
export async function correctness(commands, { adapter, seconds, tiny }) {
  const folder = mkdtempSync(join(tmpdir(), "gpu-check-"));
  const report = join(folder, "tests.json");
  const projects = tiny ? ["fast"] : ["fast", "slow"];
  const command = [
    process.execPath,
    "node_modules/vitest/vitest.mjs",
    "run",
    ...projects.flatMap((name) => ["--project", name]),
    ...(tiny ? tinyFiles : folders),
    // Rebuilds the package first, for which the compiler is not packed.
    "--exclude=**/example.test.ts",
    // What takes time is the reference on the CPU: a GPU serves several files at once.
    ...(tiny ? [] : ["--file-parallelism", "--max-workers=6"]),
    "--reporter=default",
    "--reporter=json",
    `--outputFile=${report}`,
  ];
  try {
    const result = await commands.run(command, {
      seconds,
      env: { TARNISH_ADAPTER: adapter, CI: "true", NO_COLOR: "1" },
    });
    return summary(report, () => failureOf(command, result));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function summary(report, failure) {
  let results;
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    throw new Error(failure());
  }
  const failures = [];
  for (const { name, message, assertionResults } of results.testResults) {
    const file = name.replace(/^.*\/test\//, "test/");
    // A file that cannot even be loaded has no tests.
    if (assertionResults.length === 0)
      failures.push({ file, test: "", message: message.slice(0, 1500) });
    for (const { status, fullName, failureMessages } of assertionResults)
      if (status === "failed")
        failures.push({
          file,
          test: fullName,
          message: failureMessages.join("\n").slice(0, 1500),
        });
  }
  return {
    passed: results.numPassedTests,
    failed: failures.length,
    failures,
    seconds: results.testResults.map(({ name, startTime, endTime }) => ({
      file: name.replace(/^.*\/test\//, "test/"),
      seconds: Math.round((endTime - startTime) / 100) / 10,
    })),
  };
}

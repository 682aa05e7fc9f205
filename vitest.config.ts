import { defineConfig } from "vitest/config";

const slow = "test/**/*.slow.test.ts";

/**
 * Three suites: `fast` is what `npm test` runs; `slow` holds the files named *.slow.test.ts (whole trainings, kill and
 * resume, other runtimes); `swiftshader` runs the engine's tests again on the bundled software adapter. An empty
 * selection fails.
 */
export default defineConfig({
  test: {
    // Software adapters use every core already: one file at a time keeps a GPU test's timeout meaningful.
    fileParallelism: false,
    globalSetup: "test/cli/build.ts",
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          // Compiling, most of its time, takes one core; a device's waits take none.
          fileParallelism: true,
          maxWorkers: 2,
          include: ["test/**/*.test.ts"],
          // golden.slow.test.ts has all models; files of single ones are for the other runtimes.
          exclude: [slow, "test/models/golden-*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "slow",
          include: [slow],
          testTimeout: 900_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: "swiftshader",
          include: ["test/engine/**/*.test.ts"],
          exclude: [slow],
          env: { TARNISH_ADAPTER: "swiftshader" },
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});

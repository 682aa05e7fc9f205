import { defineConfig } from "vitest/config";

const slow = "test/**/*.slow.test.ts";
const slowEngine = "test/{engine,models}/**/*.slow.test.ts";

/** Compiling, most of the time of these files, takes one core; a device's waits take none. */
const inPairs = { fileParallelism: true, maxWorkers: 2 };
const slowTimeouts = { testTimeout: 900_000, hookTimeout: 300_000 };

/**
 * The suites: `fast` is what `npm test` runs. The files named *.slow.test.ts are `slow-engine` (deep models, all variants of
 * kernels) and `slow` (whole trainings, kill and resume, browsers). `swiftshader` runs the engine's tests again on the bundled
 * software adapter. An empty selection fails.
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
          ...inPairs,
          include: ["test/**/*.test.ts"],
          // The slow suite has all models; files of single ones are for the other runtimes.
          exclude: [slow, "test/models/golden-*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "slow-engine",
          ...inPairs,
          include: [slowEngine],
          ...slowTimeouts,
        },
      },
      {
        extends: true,
        test: {
          name: "slow",
          include: [slow],
          exclude: [slowEngine],
          ...slowTimeouts,
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

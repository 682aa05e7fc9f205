import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

const slow = "test/**/*.slow.test.ts";

/** The browser of the browser suites: Debian's Chromium unless `CHROMIUM` names another. */
const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** What every runtime must do alike: the op table, sessions, ten golden steps, a small study. */
const parity = {
  include: [
    "test/engine/ops/**/*.test.ts",
    "test/engine/{random,session}.test.ts",
    "test/models/golden.test.ts",
    "test/parity/**/*.test.ts",
  ],
  exclude: [slow],
  testTimeout: 300_000,
  hookTimeout: 120_000,
};

/**
 * Three suites: `fast` is what `npm test` runs; `slow` holds the files named *.slow.test.ts (whole trainings, kill and
 * resume, other runtimes); `swiftshader` runs the engine's tests again on the bundled software adapter. An empty
 * selection fails.
 */
export default defineConfig({
  test: {
    // Software adapters use every core already: one file at a time keeps a GPU test's timeout meaningful.
    fileParallelism: false,
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: [slow],
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
      // Vitest itself runs in Deno for these two: `deno task test`.
      {
        extends: true,
        test: {
          name: "deno",
          ...parity,
          pool: "forks",
          env: { TARNISH_GPU_API: "dawn" },
        },
      },
      {
        extends: true,
        test: {
          name: "deno-native",
          ...parity,
          pool: "forks",
          env: { TARNISH_GPU_API: "native" },
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          ...parity,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                executablePath: chromium,
                args: [
                  "--no-sandbox",
                  "--enable-unsafe-webgpu",
                  "--use-webgpu-adapter=swiftshader",
                  "--enable-features=Vulkan",
                ],
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});

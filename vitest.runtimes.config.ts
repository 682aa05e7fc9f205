import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

/** The browser of the browser suites: Debian's Chromium unless `CHROMIUM` names another. */
const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** What every runtime must do alike: the op table, sessions, ten golden steps, a small study. */
const parity = {
  include: [
    "test/engine/ops/**/*.test.ts",
    "test/engine/{random,session}.test.ts",
    "test/models/{golden,golden-shallow,golden-resnet8}.test.ts",
    "test/parity/**/*.test.ts",
  ],
  exclude: ["test/**/*.slow.test.ts"],
  testTimeout: 300_000,
  hookTimeout: 120_000,
};

/**
 * What Deno's own WebGPU leaves to Dawn. lavapipe compiles every shader from nothing there (Dawn's are in Mesa's cache, from
 * the suites before), which is all that takes time. These files are nearly half of it: other variants of kernels, the ops
 * once more in f16, and a third model of ops that the others test.
 */
const leftToDawn = [
  "test/engine/ops/conv2d-matrix.test.ts",
  "test/engine/ops/half.test.ts",
  "test/models/golden-resnet8.test.ts",
];

/**
 * One suite in other runtimes than Node: `browser` in Chromium, and `deno` (Dawn) and `deno-native` (Deno's own WebGPU),
 * for which Vitest itself runs in Deno.
 */
export default defineConfig({
  test: {
    fileParallelism: false,
    projects: [
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
          exclude: [...parity.exclude, ...leftToDawn],
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

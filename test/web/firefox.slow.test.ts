/** The lab in Firefox, whose WebGPU is another implementation (wgpu): on the machine's Vulkan adapter, here Mesa's lavapipe. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import { tarnish, temporaryFolder } from "../cli/command.js";
import {
  cleanLosses,
  expectSteps,
  goldenLosses,
  losses,
  servePage,
} from "./lab-page.js";

const folder = temporaryFolder();
const driver = join(packageRoot(), "tools", "firefox");

let server: Awaited<ReturnType<typeof servePage>>;
beforeAll(async () => {
  if (!existsSync(join(driver, "node_modules")))
    throw new Error("run `npm ci --prefix tools/firefox` first");
  server = await servePage();
});
afterAll(() => {
  server.stop();
});

interface Visit {
  userAgent: string;
  state: string;
  status: string;
  complaints: string[];
}

/** Runs the study at an address to its end: what the page said, and the study's files. */
function visit(query: string) {
  const zip = join(folder, "study.zip");
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(driver, "lab.mjs"), server.url + query, zip],
    { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
  );
  expect(status).toBe(0);
  return {
    page: JSON.parse(stdout) as Visit,
    files: unzipSync(readFileSync(zip)),
  };
}

describe("the lab in Firefox", () => {
  it("makes a study with PyTorch's losses, and with those of the command line", async () => {
    const { page, files } = visit(
      "?data=sample&model=lenet,resnet8&levels=0&epochs=1&trainLimit=400&autostart=1",
    );
    expect(page).toMatchObject({
      state: "done",
      status: "Done.",
      complaints: [],
    });
    expect(page.userAgent).toContain("Firefox/");
    expectSteps(cleanLosses(files, "lenet"), await goldenLosses());

    const config = Object.keys(files).find((path) =>
      /^runs\/resnet8_.*config\.json$/.test(path),
    )!;
    const { lr, weightDecay } = JSON.parse(
      new TextDecoder().decode(files[config]),
    ) as Record<"lr" | "weightDecay", number>;
    const out = join(folder, "run");
    const { stderr, code } = tarnish(
      [
        ...["train", "--model", "resnet8", "--train-limit", "400"],
        ...["--epochs", "1", "--batch", "40", "--augment", "none"],
        ...["--lr", String(lr), "--weight-decay", String(weightDecay)],
        ...["--nesterov", "--log-every", "1", "--out", out],
      ],
      { cwd: folder },
    );
    expect(code, stderr).toBe(0);
    expectSteps(
      cleanLosses(files, "resnet8"),
      losses(readFileSync(join(out, "metrics.jsonl"), "utf8")),
    );
  });
});

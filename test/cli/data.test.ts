/** `tarnish data`, and data options of the commands that need no GPU. */
import { createHash } from "node:crypto";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readNpy } from "../../src/data/npy.js";
import type { PoisonRecord } from "../../src/experiments/poison.js";
import { plain, writeFiles } from "../data/images.js";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const env = {
  TARNISH_CACHE: at("cache"),
  TARNISH_DATA: "",
  TARNISH_MIRROR: "http://127.0.0.1:1",
};
const run = (args: string) => tarnish(args.split(" "), { cwd: folder, env });
const lastLine = (text: string): unknown =>
  JSON.parse(text.trimEnd().split("\n").at(-1)!);

beforeAll(async () => {
  const files = new Map<string, Uint8Array>();
  for (const [name, rgb] of [
    ["cat", [200, 10, 10]],
    ["dog", [10, 10, 200]],
  ] as const)
    for (let i = 0; i < 10; i++)
      files.set(`${name}/${i}.png`, await plain(rgb, 40 + i, 33));
  files.set("notes.txt", new Uint8Array(3));
  await writeFiles(at("photos"), files);
});

describe("tarnish data show", () => {
  it("prints classes, counts, size and normalisation of an image folder", () => {
    const { code, stdout, stderr } = run("data show photos --image-size 16");
    expect(code).toBe(0);
    expect(stdout).toContain(
      "20 images in 2 classes: 16 to train on and 4 held out (20 % of each class)",
    );
    expect(stdout).toContain(
      "the shorter side is scaled to 16 pixels and the centre cropped",
    );
    expect(stdout).toMatch(/cat\s+8\s+2\n\s+dog\s+8\s+2\n\s+all\s+16\s+4\n/);
    expect(stdout).toMatch(/images\s+16×16/);
    expect(stderr).toBe(
      "not used: notes.txt (no .jpg, .jpeg, .png or .webp)\n",
    );
    const again = run("data show photos --image-size 16 --json");
    expect(again.stderr).toContain("(pixels from the cache)");
    const shown = lastLine(again.stdout) as {
      normalisation: { mean: number[] };
      train: object;
    };
    expect(shown).toMatchObject({
      data: "photos",
      layout: "folder",
      classes: ["cat", "dog"],
      imageSize: 16,
    });
    expect(shown.train).toEqual({ count: 16, perClass: [8, 8] });
    shown.normalisation.mean.forEach((mean, c) => {
      expect(mean).toBeCloseTo([105, 10, 105][c]! / 255, 4);
    });
  });

  it("shows the embedded sample", () => {
    const { code, stdout } = run("data show sample --train-limit 50");
    expect(code).toBe(0);
    expect(stdout).toMatch(/airplane\s+5\s+100\n/);
    expect(stdout).toContain("0.4914, 0.4822, 0.4465");
  });
});

describe("tarnish data fetch and verify", () => {
  it("say what to put where when the network refuses, and write nothing", () => {
    const { code, stdout, ...rest } = run("data fetch cifar10 --dir mine");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(complaint({ code, stdout, ...rest })).toMatch(
      /^tarnish: data cifar10: CIFAR-10 is not in .*mine nor in .*data, and http:\/\/127\.0\.0\.1:1\/cifar-10-binary\.tar\.gz cannot be downloaded: .*\. Put cifar-10-binary\.tar\.gz/,
    );
    expect(existsSync(at("mine"))).toBe(false);
  });

  it("take what is there, and tell a damaged archive by its MD5 with exit code 1", async () => {
    await writeFiles(
      at("mine"),
      new Map([["cifar-10-binary.tar.gz", new Uint8Array(1000)]]),
    );
    expect(
      lastLine(run("data fetch cifar10 --dir mine --json").stdout),
    ).toMatchObject({ downloaded: false });
    const md5 = createHash("md5").update(new Uint8Array(1000)).digest("hex");
    const { code, stderr } = run("data verify cifar10 --dir mine");
    expect(code).toBe(1);
    expect(stderr).toContain(
      `its MD5 is ${md5}, not c32a1d4ab5d03f1284b67883e8d87530`,
    );
  });

  it("verify tells files of an unpacked folder that are others or missing", async () => {
    const files = new Map(
      [1, 2, 3, 4, 5].map((k) => [`data_batch_${k}.bin`, new Uint8Array(3073)]),
    );
    await writeFiles(at("other/cifar-10-batches-bin"), files);
    const md5 = createHash("md5").update(new Uint8Array(3073)).digest("hex");
    const { code, stdout } = run("data verify cifar10 --dir other --json");
    expect(code).toBe(1);
    const path = at("other/cifar-10-batches-bin");
    expect(lastLine(stdout)).toEqual({
      data: "cifar10",
      path,
      file: join(path, "data_batch_1.bin"),
      md5,
      expected: "5dd7e06a14cb22eb9f671a540d1b7c25",
      ok: false,
    });
    rmSync(join(path, "data_batch_1.bin"));
    const without = run("data verify cifar10 --dir other");
    expect(without.code).toBe(1);
    expect(without.stderr).toContain("data_batch_1.bin: is missing");
  });

  it("verify reads every image", async () => {
    expect(run("data verify photos").stdout).toContain(
      "16 training and 4 test images of 2 classes, all readable",
    );
    await writeFiles(
      at("broken"),
      new Map([
        ["cat/1.jpg", new Uint8Array(9)],
        ["cat/2.jpg", new Uint8Array(9)],
        ["dog/1.jpg", new Uint8Array(9)],
        ["dog/2.jpg", new Uint8Array(9)],
      ]),
    );
    const broken = run("data verify broken");
    expect(broken.code).toBe(2);
    expect(complaint(broken)).toMatch(
      /broken: (cat|dog)\/[12]\.jpg: is no JPEG, PNG or WebP file/,
    );
  });

  it.each([
    [
      "data fetch sample",
      "data fetch sample: only cifar10 and cifar100 can be fetched",
    ],
    ["data verify cifar100", "'tarnish data fetch cifar100' downloads it"],
    ["data show nowhere", "data nowhere: no such file or folder"],
    [
      "data show photos --val-fraction 1",
      "--val-fraction: expected a share above 0 and below 1, got 1",
    ],
    [
      "data show photos --image-size 4",
      "--image-size: expected a whole number from 8 to 512, got 4",
    ],
    [
      "data show sample --image-size 64",
      "--image-size 64: CIFAR's images are 32×32",
    ],
  ])("%s", (args, message) => {
    const result = run(args);
    expect(complaint(result)).toContain(message);
    expect(result.code).toBe(2);
  });
});

describe("tarnish poison", () => {
  const record = (out: string) =>
    JSON.parse(readFileSync(at(out, "poison.json"), "utf8")) as PoisonRecord;

  it("takes labels from a file, about all images or about those of the limit", () => {
    expect(
      run("poison --noise 0.2 --noise-kind uniform --out noisy").code,
    ).toBe(0);
    const { code, stdout } = run(
      "poison --labels noisy/labels.npy --out again",
    );
    expect(code).toBe(0);
    expect(stdout).toContain("from the file: 400 differ from the true ones");
    expect(readNpy(readFileSync(at("again/labels.npy")), "l")).toEqual(
      readNpy(readFileSync(at("noisy/labels.npy")), "l"),
    );
    expect(record("again")).toMatchObject({
      kind: "labels",
      nominal: 0,
      changed: 400,
      effectiveRate: 0.2,
      selected: record("noisy").selected,
    });
    expect(
      run("poison --labels noisy/labels.csv --train-limit 100 --out cut").code,
    ).toBe(0);
    expect(
      run("poison --labels cut/labels.npy --train-limit 100 --out cut2").code,
    ).toBe(0);
    expect(record("cut2")).toEqual(record("cut"));
  });

  it("says how many labels of a file differ, and warns of a file in another order", () => {
    // Also what train and issues say: they load data in the same way.
    const differ = (flags: string, out: string) => {
      const { code, stdout, stderr } = run(`poison ${flags} --out ${out}`);
      expect(code).toBe(0);
      return { stdout, stderr };
    };
    const same = differ("--labels noisy/labels.npy", "in-order");
    expect(same.stdout).toContain("noisy/labels.npy: 400 of 2,000 labels differ from the data's own\n"); // prettier-ignore
    expect(same.stderr).toBe("");
    const other = differ("--labels noisy/labels.npy --data-split random", "in-another"); // prettier-ignore
    expect(other.stderr).toMatch(/^noisy\/labels\.npy: 1,[78]\d\d of 2,000 labels differ from the data's own, hardly fewer than by chance\. Is the file in the order of these training images\? --data-split random drew them anew\.\n$/); // prettier-ignore
    // Labels may be that bad: it is no error.
    differ("--noise 1 --noise-kind uniform", "all-wrong");
    const { stderr } = differ("--labels all-wrong/labels.npy", "bad");
    expect(stderr).toMatch(/2,000 of 2,000 .* Is the file in the order of these training images\?\n$/); // prettier-ignore
  });

  it("draws from a matrix, and from an earlier run's confusion", () => {
    const names = ["cat", "dog"];
    writeFileSync(at("T.csv"), "0.25,0.75\n0,1\n");
    expect(
      run("poison --data photos --noise 1 --noise-kind matrix:T.csv --out m")
        .code,
    ).toBe(0);
    expect(record("m")).toMatchObject({
      kind: "matrix:T.csv",
      transition: [
        [2, 6],
        [0, 8],
      ],
      matrix: [
        [0.25, 0.75],
        [0, 1],
      ],
    });
    writeFileSync(
      at("m/confusion.csv"),
      `class,${names.join(",")}\ncat,5,1\ndog,2,3\n`,
    );
    expect(
      run("poison --data photos --noise 0.5 --noise-kind confusion:m --out c")
        .code,
    ).toBe(0);
    expect(record("c").transition).toEqual([
      [4, 4],
      [4, 4],
    ]);
  });

  it.each([
    [
      "--labels noisy/labels.npy --noise 0.2",
      "--labels: names the labels to train on, and so does --noise 0.2",
    ],
    [
      "--labels noisy/labels.npy --train-limit 50 --data photos",
      "holds 2000 labels, but there are 16 or 50 training images",
    ],
    ["--labels nowhere.npy", "nowhere.npy: cannot be read (ENOENT)"],
    [
      "--noise 0.2 --noise-kind matrix:T.csv",
      "T.csv: has 2 rows of 2 columns; a transition matrix of 10 classes is 10×10",
    ],
    [
      "--noise 0.2 --noise-kind matrix:nowhere.csv",
      "nowhere.csv: cannot be read",
    ],
    [
      "--noise 0.2 --noise-kind confusion:m",
      "m/confusion.csv: is about the classes cat, dog, the data has airplane",
    ],
    [
      "--noise 0.2 --noise-kind confusion:photos",
      "photos/confusion.csv: cannot be read",
    ],
  ])("refuses %s", (flags, message) => {
    const result = run(`poison --out out ${flags}`);
    expect(complaint(result)).toContain(message);
    expect(result.code).toBe(2);
    expect(readdirSync(folder)).not.toContain("out");
  });
});

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseCifar } from "../../src/data/cifar.js";
import { loadDataset } from "../../src/data/node-load.js";
import { officialArchives } from "../../src/data/official.js";
import { UserError } from "../../src/errors.js";
import {
  classCounts,
  pixelStatistics,
  tinyCifar10,
  tinyCifar100,
} from "./fixtures.js";
import { startMirror } from "./mirror.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tarnish-load-"));
  vi.stubEnv("TARNISH_DATA", "");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function writeFolder(
  path: string,
  files: Map<string, Uint8Array>,
): Promise<string> {
  await mkdir(path, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(path, name), bytes);
  return path;
}

async function tarGz(
  files: Iterable<[string, Uint8Array]>,
): Promise<Uint8Array> {
  const entries = Array.from(files, ([name, body]) => ({
    header: { name, size: body.length },
    body,
  }));
  return gzipSync(await packTar(entries));
}

/** As in the official archive: everything in one folder, with a file that is no data. */
function inFolder(
  name: string,
  files: Map<string, Uint8Array>,
): [string, Uint8Array][] {
  return [
    [`${name}/readme.html`, new TextEncoder().encode("<html>")],
    ...Array.from(files, ([file, bytes]): [string, Uint8Array] => [
      `${name}/${file}`,
      bytes,
    ]),
  ];
}

async function failure(spec: string, options = {}): Promise<string> {
  const error = await loadDataset(spec, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe("the embedded sample", () => {
  it("is 2,000 + 1,000 balanced CIFAR-10 images with CIFAR-10's statistics", async () => {
    const sample = await loadDataset("sample");
    expect(sample.name).toBe("sample");
    expect(sample.classNames).toEqual(
      "airplane automobile bird cat deer dog frog horse ship truck".split(" "),
    );
    expect(classCounts(sample.train.labels, 10)).toEqual(
      Array<number>(10).fill(200),
    );
    expect(classCounts(sample.test.labels, 10)).toEqual(
      Array<number>(10).fill(100),
    );
    for (const split of [sample.train, sample.test]) {
      expect(split.images.length).toBe(split.count * 3072);
      const { mean, std } = pixelStatistics(sample, split);
      for (let c = 0; c < 3; c++) {
        expect(Math.abs(mean[c]! - sample.mean[c]!)).toBeLessThan(0.015);
        expect(Math.abs(std[c]! - sample.std[c]!)).toBeLessThan(0.015);
      }
    }
    // Real images are smooth: neighbours in a row differ far less than pixels at random would (about 70).
    const rows = sample.test.images;
    let difference = 0;
    for (let i = 0; i + 1 < rows.length; i += 2)
      difference += Math.abs(rows[i]! - rows[i + 1]!);
    expect(difference / (rows.length / 2)).toBeLessThan(15);
  });

  it("mixes the classes, so that reading it in order is no worst case", async () => {
    const { train } = await loadDataset("sample");
    for (let start = 0; start < train.count; start += 400) {
      expect(
        Math.min(...classCounts(train.labels.subarray(start, start + 400), 10)),
      ).toBeGreaterThan(15);
    }
  });

  it("is cut by the limits, class by class", async () => {
    const all = await loadDataset("sample");
    const part = await loadDataset("sample", {
      trainLimit: 105,
      testLimit: 30,
    });
    expect(classCounts(part.train.labels, 10)).toEqual([
      11, 11, 11, 11, 11, 10, 10, 10, 10, 10,
    ]);
    expect(classCounts(part.test.labels, 10)).toEqual(
      Array<number>(10).fill(3),
    );
    expect(part.train.images.subarray(0, 3072)).toEqual(
      all.train.images.subarray(0, 3072),
    );
    expect(await failure("sample", { trainLimit: 2001 })).toMatch(
      /2001.*from 1 to 2000/,
    );
    expect(await failure("sample", { coarse: true })).toMatch(
      /no coarse labels/,
    );
  });
});

describe("paths", () => {
  it("reads an official folder and its archive alike", async () => {
    for (const [layout, files] of [
      ["cifar10", tinyCifar10()],
      ["cifar100", tinyCifar100()],
    ] as const) {
      const path = await writeFolder(join(folder, layout), files);
      const archive = join(folder, `${layout}.tar.gz`);
      await writeFile(archive, await tarGz(inFolder("inner", files)));
      const expected = parseCifar(files, layout, { name: layout, source: "" });
      expect(await loadDataset(path)).toEqual(expected);
      expect(await loadDataset(archive)).toEqual(expected);
    }
  });

  it("passes the coarse option on", async () => {
    const path = await writeFolder(join(folder, "c"), tinyCifar100());
    expect((await loadDataset(path, { coarse: true })).classNames).toEqual([
      "fish",
      "flowers",
    ]);
  });

  it("refuses what is not there or is no CIFAR data", async () => {
    expect(await failure(join(folder, "nowhere"))).toMatch(
      /nowhere: no such file or folder/,
    );
    expect(await failure(folder)).toMatch(
      /holds neither CIFAR data in the official binary layout .* nor images/,
    );
    const archive = join(folder, "other.tar.gz");
    await writeFile(archive, await tarGz([["notes.txt", new Uint8Array(10)]]));
    expect(await failure(archive)).toMatch(
      /other\.tar\.gz: holds neither CIFAR data/,
    );
  });

  it("names the file that is missing, damaged or unreadable", async () => {
    const files = tinyCifar10();
    files.delete("test_batch.bin");
    const path = await writeFolder(join(folder, "broken"), files);
    expect(await failure(path)).toMatch(/broken: test_batch\.bin is missing/);
    await writeFile(join(path, "test_batch.bin"), new Uint8Array(100));
    expect(await failure(path)).toMatch(
      /broken: test_batch\.bin has 100 bytes/,
    );
    await rm(join(path, "test_batch.bin"));
    await mkdir(join(path, "test_batch.bin"));
    expect(await failure(path)).toMatch(/test_batch\.bin: cannot be read/);
  });
});

describe("damaged archives", () => {
  async function archiveFailure(bytes: Uint8Array): Promise<string> {
    const path = join(folder, "damaged.tar.gz");
    await writeFile(path, bytes);
    const message = await failure(path);
    expect(message).toContain(path);
    return message;
  }

  it("refuses an archive cut anywhere", async () => {
    const whole = await tarGz(inFolder("inner", tinyCifar10()));
    for (const share of [0.02, 0.3, 0.7, 0.99]) {
      expect(
        await archiveFailure(
          whole.subarray(0, Math.floor(whole.length * share)),
        ),
      ).toMatch(/cannot be read as a \.tar\.gz/);
    }
  });

  it("refuses a tar cut before it was compressed", async () => {
    const entries = inFolder("inner", tinyCifar10()).map(([name, body]) => ({
      header: { name, size: body.length },
      body,
    }));
    const tar = await packTar(entries);
    expect(await archiveFailure(gzipSync(tar.subarray(0, 20_000)))).toMatch(
      /cannot be read.*truncated/,
    );
  });

  it("refuses a flipped bit in the data, a file that is no gzip, and an empty file", async () => {
    const flipped = Uint8Array.from(
      await tarGz(inFolder("inner", tinyCifar10())),
    );
    flipped[flipped.length - 6]! ^= 1; // the CRC at the end
    expect(await archiveFailure(flipped)).toMatch(/incorrect data check/);
    expect(
      await archiveFailure(new TextEncoder().encode("<html>404</html>")),
    ).toMatch(/incorrect header check/);
    expect(await archiveFailure(new Uint8Array())).toMatch(/cannot be read/);
  });

  it("refuses two data sets in one archive", async () => {
    const files = tinyCifar10();
    const both = await tarGz([
      ...inFolder("one", files),
      ...inFolder("two", files),
    ]);
    expect(await archiveFailure(both)).toMatch(/more than one/);
  });
});

describe("cifar10 and cifar100 by name", () => {
  it("looks for the folder, then for the archive, in dataDir and in $TARNISH_DATA", async () => {
    const places = {
      option: join(folder, "option"),
      variable: join(folder, "variable"),
    };
    vi.stubEnv("TARNISH_DATA", places.variable);
    await mkdir(places.variable);
    await writeFile(
      join(places.variable, "cifar-100-binary.tar.gz"),
      await tarGz(inFolder("cifar-100-binary", tinyCifar100())),
    );
    const hundred = await loadDataset("cifar100", { dataDir: places.option });
    expect(hundred).toEqual(
      parseCifar(tinyCifar100(), "cifar100", { name: "cifar100", source: "" }),
    );
    await writeFolder(
      join(places.option, "cifar-10-batches-bin"),
      tinyCifar10(),
    );
    expect(
      (await loadDataset("cifar10", { dataDir: places.option })).train.count,
    ).toBe(5);
  });

  it("refuses another data set under the name", async () => {
    await writeFolder(join(folder, "cifar-10-batches-bin"), tinyCifar100());
    expect(await failure("cifar10", { dataDir: folder })).toMatch(
      /cifar-10-batches-bin: batches\.meta\.txt is missing/,
    );
  });

  it("downloads the archive into the first data folder, and says which file to put where when it cannot", async () => {
    const archive = await tarGz(inFolder("cifar-100-binary", tinyCifar100()));
    const files = new Map([["cifar-100-binary.tar.gz", archive]]);
    const mirror = await startMirror({ files });
    const places = { dataDir: join(folder, "mine"), mirror: mirror.url };
    const archives = {
      ...officialArchives,
      cifar100: {
        ...officialArchives.cifar100,
        md5: createHash("md5").update(archive).digest("hex"),
      },
    };
    try {
      // Not the official archive: its MD5 tells.
      const message = await failure("cifar100", places);
      expect(message).toMatch(
        /^data cifar100: CIFAR-100 is not in .*mine.*cannot be downloaded: .*its MD5 is .*, not 03b5dce0/,
      );
      expect(message).toContain(
        "Put cifar-100-binary.tar.gz (MD5 03b5dce01913d631647c71ecec9e9cb8) or its unpacked folder " +
          `cifar-100-binary into ${join(folder, "mine")}`,
      );
      expect(message).toMatch(/TARNISH_DATA.*--mirror URL/);
      const loaded = await loadDataset("cifar100", { ...places, archives });
      expect(loaded).toEqual(
        parseCifar(tinyCifar100(), "cifar100", {
          name: "cifar100",
          source: "",
        }),
      );
      expect(await readdir(join(folder, "mine"))).toEqual([
        "cifar-100-binary.tar.gz",
      ]);
      const asked = mirror.requests.length;
      await loadDataset("cifar100", { ...places, archives });
      expect(mirror.requests).toHaveLength(asked); // it is there now
      expect(await failure("cifar10", places)).toMatch(
        /the server answers 404 Not Found/,
      );
    } finally {
      await mirror.close();
    }
  });

  it("names the mirror that is no address", async () => {
    const places = { dataDir: folder };
    expect(await failure("cifar10", { ...places, mirror: "here" })).toMatch(
      /^--mirror here: is no http/,
    );
    vi.stubEnv("TARNISH_MIRROR", "file:///here");
    expect(await failure("cifar10", places)).toMatch(
      /^TARNISH_MIRROR file:\/\/\/here: is no http/,
    );
  });

  it("names every place where it looked", async () => {
    vi.stubEnv("TARNISH_DATA", join(folder, "empty"));
    vi.stubEnv("TARNISH_MIRROR", "http://127.0.0.1:1");
    const message = await failure("cifar100", {
      dataDir: join(folder, "mine"),
    });
    expect(message).toContain(join(folder, "mine"));
    expect(message).toContain(join(folder, "empty"));
  });
});

describe("--data-split random", () => {
  it("redraws both splits at their sizes, class by class, by the seed alone", async () => {
    const official = await loadDataset("sample");
    const redrawn = await loadDataset("sample", { dataSplit: "random" });
    const again = await loadDataset("sample", {
      dataSplit: "random",
      splitSeed: 0,
    });
    const other = await loadDataset("sample", {
      dataSplit: "random",
      splitSeed: 1,
    });
    for (const split of [redrawn, other]) {
      expect(classCounts(split.train.labels, 10)).toEqual(
        Array<number>(10).fill(200),
      );
      expect(classCounts(split.test.labels, 10)).toEqual(
        Array<number>(10).fill(100),
      );
    }
    const imagesOf = (dataset: typeof official) =>
      [dataset.train, dataset.test].map(({ images, labels, count }) =>
        Array.from({ length: count }, (_, i) =>
          createHash("md5")
            .update(images.subarray(i * 3072, (i + 1) * 3072))
            .update(String(labels[i]))
            .digest("hex"),
        ),
      ) as [string[], string[]];
    const [train, test] = imagesOf(official);
    const [newTrain, newTest] = imagesOf(redrawn);
    expect(imagesOf(again)).toEqual([newTrain, newTest]);
    const [otherTrain] = imagesOf(other);
    // The same images with the same labels, divided anew: a third of the training images are new ones.
    expect([...newTrain, ...newTest].sort()).toEqual(
      [...train, ...test].sort(),
    );
    const fresh = newTrain.filter((image) => test.includes(image)).length;
    expect(fresh).toBeGreaterThan(560);
    expect(fresh).toBeLessThan(770);
    expect(otherTrain).not.toEqual(newTrain);
    // In the order of the pool: those that were training images before come first.
    expect(
      newTrain.findLastIndex((image) => train.includes(image)),
    ).toBeLessThan(newTrain.findIndex((image) => !train.includes(image)));
  });
});

describe("options that do not fit CIFAR", () => {
  it.each([
    [{ imageSize: 64 }, /--image-size 64: CIFAR's images are 32×32/],
    [{ valFraction: 0.1 }, /--val-fraction 0.1: CIFAR has test images/],
    [{ splitSeed: 3 }, /--split-seed 3: CIFAR has .*--data-split random/],
  ])("%j", async (options, message) => {
    expect(await failure("sample", options)).toMatch(message);
  });
});

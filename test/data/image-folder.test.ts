import {
  mkdtemp,
  readdir,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { normalisationOf } from "../../src/data/image-folder.js";
import { decodeWithSharp } from "../../src/data/node-decode.js";
import type { FolderReport } from "../../src/data/node-image-folder.js";
import { loadDataset, type LoadOptions } from "../../src/data/node-load.js";
import type { Dataset } from "../../src/data/types.js";
import { UserError } from "../../src/errors.js";
import {
  type Files,
  fromPixels,
  plain,
  type Rgb,
  tarGzOf,
  writeFiles,
  zipOf,
} from "./images.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tarnish-images-"));
  vi.stubEnv("TARNISH_CACHE", join(folder, "cache"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const red: Rgb = [250, 5, 10];
const blue: Rgb = [10, 20, 240];
const green: Rgb = [0, 200, 0];

/** Two classes of plain images in all formats and several sizes, with test images. */
async function photos(): Promise<Files> {
  return new Map([
    ["train/red/1.png", await plain(red)],
    ["train/red/2.jpg", await plain(red, 200, 100, "jpeg")],
    ["train/blue/1.webp", await plain(blue, 33, 90, "webp")],
    ["train/blue/2.png", await plain(blue, 1, 1)],
    ["test/blue/3.png", await plain(blue, 32, 32)],
    ["test/red/3.png", await plain(red, 640, 33)],
    ["notes.txt", new TextEncoder().encode("mine")],
    [".DS_Store", new Uint8Array(3)],
  ]);
}

async function failure(
  path: string,
  options: LoadOptions = {},
): Promise<string> {
  const error: unknown = await loadDataset(path, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

async function report(
  path: string,
  options: LoadOptions = {},
): Promise<FolderReport> {
  let seen: FolderReport | undefined;
  await loadDataset(path, {
    ...options,
    onFolder: (folderReport) => (seen = folderReport),
  });
  return seen!;
}

/** The colour in the middle of an image. */
function colourOf({ train, imageSize }: Dataset, image: number): number[] {
  const plane = imageSize ** 2;
  const at = image * 3 * plane + (imageSize / 2) * imageSize + imageSize / 2;
  return [0, 1, 2].map((c) => train.images[at + c * plane]!);
}

const near = (
  actual: Iterable<number>,
  expected: readonly number[],
  by: number,
) => {
  [...actual].forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(by);
  });
};

describe("an image folder", () => {
  it("is a data set: any size and format, by class folder, in order of the paths", async () => {
    const path = await writeFiles(join(folder, "photos"), await photos());
    const { dataset, heldOut, skipped, cache } = await report(path);
    expect(dataset).toMatchObject({
      name: "photos",
      layout: "folder",
      classNames: ["blue", "red"],
      imageSize: 32,
    });
    expect(dataset.train.paths).toEqual([
      "train/blue/1.webp",
      "train/blue/2.png",
      "train/red/1.png",
      "train/red/2.jpg",
    ]);
    expect([...dataset.train.labels]).toEqual([0, 0, 1, 1]);
    expect(dataset.test.paths).toEqual(["test/blue/3.png", "test/red/3.png"]);
    expect(dataset.train.images).toHaveLength(4 * 3 * 32 * 32);
    [blue, blue, red, red].forEach((rgb, image) => {
      near(colourOf(dataset, image), rgb, 4); // lossy formats
    });
    expect({ heldOut, cache }).toEqual({ heldOut: false, cache: "written" });
    expect(skipped).toEqual([
      { path: "notes.txt", reason: "no .jpg, .jpeg, .png or .webp" },
    ]);
    expect(dataset).toMatchObject(normalisationOf(dataset.train.images, 32));
    expect(
      (await loadDataset(path, { imageSize: 48 })).train.images,
    ).toHaveLength(4 * 3 * 48 * 48);
  });

  it("may be a .zip or a .tar.gz, with the same pixels", async () => {
    const files = await photos();
    const wrapped: Files = new Map(
      [...files].map(([path, bytes]) => [`photos/${path}`, bytes]),
    );
    const expected = await loadDataset(
      await writeFiles(join(folder, "photos"), files),
    );
    await writeFile(join(folder, "a.zip"), await zipOf(wrapped));
    await writeFile(join(folder, "b.zip"), await zipOf(wrapped, { level: 0 }));
    await writeFile(join(folder, "c.tar.gz"), await tarGzOf(wrapped));
    for (const name of ["a.zip", "b.zip", "c.tar.gz"]) {
      const { dataset, skipped } = await report(join(folder, name));
      expect(dataset.name).toBe(name[0]);
      expect(dataset.train.images).toEqual(expected.train.images);
      expect(dataset.train.labels).toEqual(expected.train.labels);
      expect(dataset.train.paths).toEqual(
        expected.train.paths!.map((path) => `photos/${path}`),
      );
      expect(skipped).toEqual([
        { path: "photos/notes.txt", reason: "no .jpg, .jpeg, .png or .webp" },
      ]);
    }
  });

  it("follows links, but not in circles", async () => {
    const files = await photos();
    await writeFiles(join(folder, "photos"), files);
    await writeFiles(
      join(folder, "elsewhere"),
      new Map([["4.png", await plain(red)]]),
    );
    await symlink(
      join(folder, "elsewhere"),
      join(folder, "photos/train/red/more"),
    );
    await symlink(
      join(folder, "photos"),
      join(folder, "photos/train/red/round"),
    );
    const { train } = await loadDataset(join(folder, "photos"));
    expect(train.paths).toContain("train/red/more/4.png");
    expect(train.count).toBe(5);
  });

  it("limits splits class by class, with their paths", async () => {
    const path = await writeFiles(join(folder, "photos"), await photos());
    const { train } = await loadDataset(path, { trainLimit: 2 });
    expect(train.paths).toEqual(["train/blue/1.webp", "train/red/1.png"]);
  });
});

describe("the cache", () => {
  it("is used until a file or an option changes, whatever is held out", async () => {
    const files = new Map<string, Uint8Array>();
    for (const [name, rgb] of [
      ["red", red],
      ["blue", blue],
    ] as const)
      for (let i = 0; i < 5; i++)
        files.set(`${name}/${i}.png`, await plain(rgb, 20 + i, 40));
    const path = await writeFiles(join(folder, "photos"), files);
    const first = await report(path);
    const second = await report(path);
    expect([first.cache, second.cache]).toEqual(["written", "used"]);
    expect(second.dataset).toEqual(first.dataset);
    expect((await report(path, { splitSeed: 7 })).cache).toBe("used");
    expect((await report(path, { imageSize: 16 })).cache).toBe("written");
    await utimes(join(path, "red/1.png"), 1, 1);
    expect((await report(path)).cache).toBe("written");
    await writeFile(join(path, "blue/0.png"), await plain(green));
    const changed = await report(path);
    expect(changed.cache).toBe("written");
    expect(changed.dataset.train.images).not.toEqual(
      first.dataset.train.images,
    );
  });

  it("is made anew where it is damaged, and done without where it cannot be written", async () => {
    const path = await writeFiles(join(folder, "photos"), await photos());
    const first = await report(path);
    const images = join(folder, "cache/images");
    const [name] = await readdir(images);
    await truncate(join(images, name!), 1000);
    const again = await report(path);
    expect(again.cache).toBe("written");
    expect(again.dataset).toEqual(first.dataset);
    expect(await readdir(images)).toEqual([name]);
    vi.stubEnv("TARNISH_CACHE", join(path, "notes.txt"));
    const without = await report(path);
    expect(without.cache).toBe("unwritable");
    expect(without.dataset).toEqual(first.dataset);
  });
});

describe("decoding", () => {
  const checker = (width: number, height: number) =>
    Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (__, x): Rgb => [
        (x * 8) & 255,
        (y * 8) & 255,
        (x ^ y) & 255,
      ]),
    );
  const planesOf = (pixels: readonly (readonly Rgb[])[]) =>
    Uint8Array.from(
      [0, 1, 2].flatMap((c) =>
        pixels.flatMap((row) => row.map((rgb) => rgb[c]!)),
      ),
    );

  it("leaves an image alone that has the size already", async () => {
    const pixels = checker(32, 32);
    expect(await decodeWithSharp(await fromPixels(pixels), 32)).toEqual(
      planesOf(pixels),
    );
  });

  it("crops the centre of a longer one", async () => {
    const wide = checker(52, 32);
    expect(await decodeWithSharp(await fromPixels(wide), 32)).toEqual(
      planesOf(wide.map((row) => row.slice(10, 42))),
    );
    const high = checker(32, 40);
    expect(await decodeWithSharp(await fromPixels(high), 32)).toEqual(
      planesOf(high.slice(4, 36)),
    );
  });

  it("scales the shorter side", async () => {
    // A 64×128 image, left half one colour and right half the other: still half and half at 32×32.
    const halves = Array.from({ length: 128 }, () =>
      Array.from({ length: 64 }, (_, x) => (x < 32 ? red : blue)),
    );
    const planes = await decodeWithSharp(await fromPixels(halves), 32);
    const at = (x: number) =>
      [0, 1, 2].map((c) => planes[c * 1024 + 16 * 32 + x]!);
    near(at(8), red, 1);
    near(at(24), blue, 1);
  });

  it("applies the orientation that a camera wrote", async () => {
    // Stored with red on the left; orientation 6 says: turn by 90° clockwise, so red is on top.
    const stored = Array.from({ length: 32 }, () =>
      Array.from({ length: 32 }, (_, x) => (x < 16 ? red : blue)),
    );
    const turned = await sharp(await fromPixels(stored))
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toBuffer();
    const planes = await decodeWithSharp(turned, 32);
    const at = (x: number, y: number) =>
      [0, 1, 2].map((c) => planes[c * 1024 + y * 32 + x]!);
    near(at(4, 4), red, 6);
    near(at(28, 4), red, 6);
    near(at(4, 28), blue, 6);
  });

  it("makes three channels of grey, of CMYK and of 16 bits, and shows transparency on white", async () => {
    const grey = await sharp(await plain([90, 90, 90]))
      .toColourspace("b-w")
      .png()
      .toBuffer();
    near(
      (await decodeWithSharp(grey, 8)).slice(0, 192),
      Array<number>(192).fill(90),
      1,
    );
    const cmyk = await sharp(await plain([255, 255, 255]))
      .toColourspace("cmyk")
      .jpeg({ quality: 100 })
      .toBuffer();
    expect((await sharp(cmyk).metadata()).space).toBe("cmyk");
    near(await decodeWithSharp(cmyk, 8), Array<number>(192).fill(255), 3);
    const deep = await sharp(await plain([200, 100, 50]))
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expect((await sharp(deep).metadata()).depth).toBe("ushort");
    const planes = await decodeWithSharp(deep, 8);
    near([planes[0]!, planes[64]!, planes[128]!], [200, 100, 50], 1);
    const clear = await sharp({
      create: {
        width: 8,
        height: 8,
        channels: 4,
        background: { r: 255, g: 0, b: 0, alpha: 0 },
      },
    })
      .png()
      .toBuffer();
    expect(await decodeWithSharp(clear, 8)).toEqual(
      new Uint8Array(192).fill(255),
    );
  });
});

describe("normalisation", () => {
  it("is the mean and the standard deviation of the training pixels, per channel", () => {
    const images = Uint8Array.from([
      0, 255, 0, 255, 51, 51, 51, 51, 0, 0, 0, 255,
    ]); // one 2×2 image
    const { mean, std } = normalisationOf(images, 2);
    expect(mean).toEqual([0.5, 0.2, 0.25]);
    expect(std[0]).toBeCloseTo(0.5, 12);
    expect(std[1]).toBe(1); // never varies
    expect(std[2]).toBeCloseTo(Math.sqrt(3) / 4, 12);
  });
});

describe("files that are refused, by name", () => {
  const failsWith = async (name: string, bytes: Uint8Array) => {
    const files = await photos();
    files.set(name, bytes);
    const message = await failure(
      await writeFiles(join(folder, "photos"), files),
    );
    expect(message).toContain(`photos: ${name}: `);
    expect(message).toMatch(/replace or remove the file$/);
    return message;
  };

  it("text, and an image of another kind, under an image's name", async () => {
    expect(
      await failsWith(
        "train/red/x.jpg",
        new TextEncoder().encode("<svg xmlns='http://www.w3.org/2000/svg'/>"),
      ),
    ).toMatch(/is no JPEG, PNG or WebP file, whatever its name says/);
  });

  it("an empty file", async () => {
    expect(await failsWith("train/red/x.png", new Uint8Array())).toMatch(
      /is empty/,
    );
  });

  it.each(["jpeg", "png", "webp"] as const)(
    "a truncated %s",
    async (format) => {
      const noisy = await sharp(
        Buffer.alloc(3 * 64 * 64).map((_, i) => (i * 7919) % 251),
        { raw: { width: 64, height: 64, channels: 3 } },
      )
        .toFormat(format)
        .toBuffer();
      expect(
        await failsWith(
          `train/red/x.${format}`,
          noisy.subarray(0, noisy.length * 0.6),
        ),
      ).toMatch(/cannot be decoded/);
    },
  );

  it("an image of too many pixels", async () => {
    // A small file that says it has 30,000 × 30,000 pixels: the header's width and height, and its checksum.
    const bomb = Buffer.from(await plain(red));
    bomb.writeUInt32BE(30_000, 16);
    bomb.writeUInt32BE(30_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
    expect(await failsWith("train/red/x.png", bomb)).toMatch(
      /exceeds pixel limit/,
    );
  });

  it("passes a PNG that is called .jpg: its content counts", async () => {
    const files = await photos();
    files.set("train/red/x.jpg", await plain(red));
    expect(
      (await loadDataset(await writeFiles(join(folder, "photos"), files))).train
        .count,
    ).toBe(5);
  });

  it("an image size out of range, and options that do not fit", async () => {
    const path = await writeFiles(join(folder, "photos"), await photos());
    expect(await failure(path, { imageSize: 4 })).toMatch(
      /--image-size: expected a whole number from 8 to 512, got 4/,
    );
    expect(await failure(path, { coarse: true })).toMatch(/no coarse labels/);
    expect(await failure(path, { valFraction: 0.5 })).toMatch(
      /has test images of its own/,
    );
    const flat = await writeFiles(
      join(folder, "flat"),
      new Map(
        [...(await photos())].map(([name, bytes]) => [
          name.replace(/^(train|test)\//, ""),
          bytes,
        ]),
      ),
    );
    expect(await failure(flat, { dataSplit: "random" })).toMatch(
      /--split-seed draws it anew/,
    );
  });
});

describe("archives that are refused, by name", () => {
  async function archiveFailure(
    name: string,
    bytes: Uint8Array,
  ): Promise<string> {
    await writeFile(join(folder, name), bytes);
    const message = await failure(join(folder, name));
    expect(message).toContain(join(folder, name));
    return message;
  }
  const tarWith = async (
    header: Parameters<typeof packTar>[0][number]["header"],
  ) =>
    gzipSync(
      await packTar([
        {
          header,
          ...(header.size > 0 && { body: new Uint8Array(header.size) }),
        },
      ]),
    );

  it("a path that leads out", async () => {
    const files: Files = new Map([["../evil.png", await plain(red)]]);
    expect(await archiveFailure("slip.zip", await zipOf(files))).toMatch(
      /"\.\.\/evil\.png" leads out/,
    );
    expect(await archiveFailure("slip.tar.gz", await tarGzOf(files))).toMatch(
      /"\.\.\/evil\.png" leads out/,
    );
    const absolute: Files = new Map([["/etc/evil.png", await plain(red)]]);
    expect(
      await archiveFailure("root.tar.gz", await tarGzOf(absolute)),
    ).toMatch(/"\/etc\/evil\.png" leads out/);
    expect(await archiveFailure("root.zip", await zipOf(absolute))).toMatch(
      /"\/etc\/evil\.png" leads out/,
    );
  });

  it("a link", async () => {
    for (const type of ["symlink", "link"] as const)
      expect(
        await archiveFailure(
          "link.tar.gz",
          await tarWith({
            name: "a/1.png",
            size: 0,
            type,
            linkname: "/etc/passwd",
          }),
        ),
      ).toMatch(/"a\/1\.png" is a link/);
    const link = await zipOf(
      new Map([["a/1.png", new TextEncoder().encode("/etc/passwd")]]),
      { unixMode: 0o120777 },
    );
    expect(await archiveFailure("link.zip", link)).toMatch(
      /"a\/1\.png" is a link/,
    );
  });

  it("one that promises too many bytes", async () => {
    const tar = await packTar([
      { header: { name: "a/1.png", size: 4 }, body: new Uint8Array(4) },
    ]);
    // The header's size field, in octal, with its checksum: 68 GB that are not there.
    const header = Buffer.from(tar.subarray(0, 512));
    header.write("777777777777", 124, "ascii");
    header.write("        ", 148, "ascii");
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "ascii");
    tar.set(header);
    expect(await archiveFailure("bomb.tar.gz", gzipSync(tar))).toMatch(
      /more than 4294967296 bytes together, from a\/1\.png on; unpack it/,
    );
  });

  /** A .zip of one file whose directory says that it has so many bytes. */
  async function zipThatPromises(size: number): Promise<Uint8Array> {
    const files: Files = new Map([
      ["a/1.png", new Uint8Array(100_000)],
      ["b/1.png", await plain(red)],
      ["a/2.png", await plain(red)],
      ["b/2.png", await plain(red)],
    ]);
    const zip = Buffer.from(await zipOf(files));
    const entry = zip.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02])); // the first of the central directory
    zip.writeUInt32LE(size, entry + 24);
    return zip;
  }

  it("a .zip entry that promises too much, and one that holds more than it promises", async () => {
    expect(
      await archiveFailure("big.zip", await zipThatPromises(300 * 2 ** 20)),
    ).toMatch(
      /a\/1\.png has 314572800 bytes; an image file may have at most 268435456/,
    );
    expect(await archiveFailure("liar.zip", await zipThatPromises(10))).toMatch(
      /a\/1\.png: /,
    );
  });

  it("damaged, cut and encrypted ones", async () => {
    const files = new Map([...(await photos())]);
    const stored = Buffer.from(await zipOf(files, { level: 0 }));
    const inside = stored.indexOf(files.get("train/red/1.png")!) + 60;
    stored[inside]! ^= 0x10;
    expect(await archiveFailure("flipped.zip", stored)).toMatch(
      /train\/red\/1\.png: /,
    );
    expect(
      await archiveFailure("cut.zip", stored.subarray(0, stored.length / 2)),
    ).toMatch(/cannot be read as a \.zip archive/);
    expect(
      await archiveFailure("text.zip", new TextEncoder().encode("<html>")),
    ).toMatch(/cannot be read as a \.zip archive/);
    expect(
      await archiveFailure("secret.zip", await zipOf(files, { password: "x" })),
    ).toMatch(/is encrypted/);
    const tar = await tarGzOf(files);
    expect(
      await archiveFailure("cut.tar.gz", tar.subarray(0, tar.length / 2)),
    ).toMatch(/cannot be read as a \.tar\.gz/);
  });
});

import {
  readdir,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it, vi } from "vitest";
import { normalisationOf } from "../../src/data/image-folder.js";
import { decodeWithSharp } from "../../src/data/node-decode.js";
import { loadDataset } from "../../src/data/node-load.js";
import { type Dataset } from "../../src/data/types.js";
import {
  type Files,
  fromPixels,
  plain,
  type Rgb,
  tarGzOf,
  writeFiles,
  zipOf,
} from "./images.js";
import {
  blue,
  green,
  photos,
  red,
  report,
  temporaryPhotos,
} from "./photo-folder.js";

const inFolder = temporaryPhotos();

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
    const path = await writeFiles(inFolder("photos"), await photos());
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
      await writeFiles(inFolder("photos"), files),
    );
    await writeFile(inFolder("a.zip"), await zipOf(wrapped));
    await writeFile(inFolder("b.zip"), await zipOf(wrapped, { level: 0 }));
    await writeFile(inFolder("c.tar.gz"), await tarGzOf(wrapped));
    for (const name of ["a.zip", "b.zip", "c.tar.gz"]) {
      const { dataset, skipped } = await report(inFolder(name));
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
    await writeFiles(inFolder("photos"), files);
    await writeFiles(
      inFolder("elsewhere"),
      new Map([["4.png", await plain(red)]]),
    );
    await symlink(inFolder("elsewhere"), inFolder("photos/train/red/more"));
    await symlink(inFolder("photos"), inFolder("photos/train/red/round"));
    const { train } = await loadDataset(inFolder("photos"));
    expect(train.paths).toContain("train/red/more/4.png");
    expect(train.count).toBe(5);
  });

  it("limits splits class by class, with their paths", async () => {
    const path = await writeFiles(inFolder("photos"), await photos());
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
    const path = await writeFiles(inFolder("photos"), files);
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
    const path = await writeFiles(inFolder("photos"), await photos());
    const first = await report(path);
    const images = inFolder("cache/images");
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

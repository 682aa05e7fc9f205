/** Image folders and archives that are refused, by name. */
import { writeFile } from "node:fs/promises";
import { crc32, gzipSync } from "node:zlib";
import { packTar } from "modern-tar";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { loadDataset } from "../../src/data/node-load.js";
import { type Files, plain, tarGzOf, writeFiles, zipOf } from "./images.js";
import { failure, photos, red, temporaryPhotos } from "./photo-folder.js";

const inFolder = temporaryPhotos();

describe("files that are refused, by name", () => {
  const failsWith = async (name: string, bytes: Uint8Array) => {
    const files = await photos();
    files.set(name, bytes);
    const message = await failure(await writeFiles(inFolder("photos"), files));
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
      (await loadDataset(await writeFiles(inFolder("photos"), files))).train
        .count,
    ).toBe(5);
  });

  it("an image size out of range, and options that do not fit", async () => {
    const path = await writeFiles(inFolder("photos"), await photos());
    expect(await failure(path, { imageSize: 4 })).toMatch(
      /--image-size: expected a whole number from 8 to 512, got 4/,
    );
    expect(await failure(path, { coarse: true })).toMatch(/no coarse labels/);
    expect(await failure(path, { valFraction: 0.5 })).toMatch(
      /has test images of its own/,
    );
    expect(await failure(path, { splitSeed: 3 })).toMatch(
      /--split-seed 3: .*photos has test images of its own/,
    );
    const flat = await writeFiles(
      inFolder("flat"),
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
    await writeFile(inFolder(name), bytes);
    const message = await failure(inFolder(name));
    expect(message).toContain(inFolder(name));
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

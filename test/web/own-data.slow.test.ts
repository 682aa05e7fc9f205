/** The reader's own images in the lab: dropped or chosen, decoded as Node decodes them, kept over a reload, refused by name. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadDataset } from "../../src/data/node-load.js";
import {
  type Files,
  plain,
  type Rgb,
  tarGzOf,
  writeFiles,
  zipOf,
} from "../data/images.js";
import { downloadStudy, Lab, state, type Visit } from "./lab-page.js";

const folder = mkdtempSync(join(tmpdir(), "tarnish-own-data-"));
let lab: Lab;
beforeAll(async () => {
  process.env["TARNISH_CACHE"] = join(folder, "cache");
  lab = await Lab.open();
});
afterAll(async () => {
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
});

const colours: Readonly<Record<string, Rgb>> = {
  blue: [40, 60, 200],
  green: [30, 160, 60],
  red: [200, 50, 40],
};

/** A photograph of sorts: a colour with a slope and some texture, of a size of its own. */
function photo(
  [r, g, b]: Rgb,
  i: number,
  format: "jpeg" | "png" | "webp",
): Promise<Buffer> {
  const [width, height] = [40 + ((37 * i) % 150), 40 + ((53 * i) % 110)];
  const pixels = Buffer.alloc(3 * width * height);
  for (let p = 0; p < width * height; p++) {
    const light = 40 * Math.sin((p % width) / 5 + i) + (30 * p) / pixels.length;
    [r, g, b].forEach((value, c) => {
      pixels[3 * p + c] = Math.max(0, Math.min(255, value + light));
    });
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .toFormat(format, { quality: 95 })
    .toBuffer();
}

/** Three classes of twenty images in all formats, some turned by their camera, and a text. */
async function photos(): Promise<Files> {
  const files: Files = new Map();
  const formats = ["jpeg", "png", "webp"] as const;
  for (const [name, colour] of Object.entries(colours))
    for (let i = 0; i < 20; i++) {
      const format = formats[i % 3]!;
      files.set(`${name}/${i}.${format}`, await photo(colour, i, format));
    }
  const turned = await sharp(await photo(colours["red"]!, 4, "jpeg"))
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95 })
    .toBuffer();
  files.set("red/turned.jpg", turned);
  files.set("notes.txt", new TextEncoder().encode("mine"));
  return files;
}

function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Opens the page and waits until it can be used. */
async function ready(query = ""): Promise<Visit> {
  const visit = await lab.visit(query);
  await state(visit.page, "ready");
  return visit;
}

async function choose(page: Page, path: string): Promise<void> {
  await page.setInputFiles("#archive", path);
  await page.waitForSelector("#forget");
}

/** What the page calls the reader's data. */
const described = (page: Page) =>
  page.textContent("label.choice:has(input:checked)");

/** The hash of every run's weights, by the run's folder. */
async function weightsOf(page: Page): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const [path, bytes] of Object.entries(await downloadStudy(page)))
    if (path.endsWith("summary.json")) {
      const text = new TextDecoder().decode(bytes);
      const summary = JSON.parse(text) as { weightsSha256: string };
      hashes.set(path, summary.weightsSha256);
    }
  expect(hashes.size).toBe(5);
  return hashes;
}

/** What the page says of a file that it refuses. */
async function refusal(path: string, input = "#archive"): Promise<string> {
  const { page, complaints } = await ready();
  await page.setInputFiles(input, path);
  const text = await page.textContent(".problem", { timeout: 60_000 });
  expect(text).toContain("These files cannot be used");
  // The page is as good as before.
  expect(await page.isEnabled("#start")).toBe(true);
  expect(complaints).toEqual([]);
  await page.context().close();
  return text!;
}

describe("image folders in the lab", () => {
  it("trains on a .zip, decoded as in Node, and hands out the study", async () => {
    const path = written("photos.zip", await zipOf(await photos()));
    const { page, complaints } = await ready(
      "?model=lenet&levels=0,0.4&epochs=1",
    );
    await choose(page, path);
    expect(await described(page)).toMatch(
      /photos: 49 training and 12 test images in 3 classes\. A fifth of each class is held out to test on\. 1 other file not used\./,
    );
    await page.click("#start");
    await state(page, "done", "failed");
    expect(await page.textContent("#status")).toBe("Done.");

    // The poisoned images that the page shows are pixels that its decoder made.
    const { train, classNames } = await loadDataset(path);
    expect(classNames).toEqual(["blue", "green", "red"]);
    const shown = await page.$$eval(".gallery canvas", (canvases) =>
      canvases.map((canvas) => ({
        label: canvas.getAttribute("aria-label"),
        rgba: [
          ...(canvas as HTMLCanvasElement)
            .getContext("2d")!
            .getImageData(0, 0, 32, 32).data,
        ],
      })),
    );
    expect(shown.length).toBeGreaterThan(9);
    for (const { label, rgba } of shown) {
      const [, index, name] = /training image (\d+): (\w+)/.exec(label!)!;
      expect(classNames[train.labels[Number(index)]!]).toBe(name);
      const expected = train.images.subarray(3072 * Number(index));
      let sum = 0;
      for (let p = 0; p < 1024; p++)
        for (let c = 0; c < 3; c++)
          sum += Math.abs(rgba[4 * p + c]! - expected[1024 * c + p]!);
      expect(sum / 3072, label!).toBeLessThan(2);
    }
    const files = await downloadStudy(page);
    const config = Object.keys(files).find((name) =>
      /baseline.*config\.json$/.test(name),
    )!;
    expect(JSON.parse(new TextDecoder().decode(files[config]))).toMatchObject({
      data: "photos",
      classes: ["blue", "green", "red"],
      images: 49,
    });
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("keeps them over a reload, and goes on with a study of them", async () => {
    const path = written("kept.zip", await zipOf(await photos()));
    const query = "?model=lenet&levels=0,0.2,0.4&epochs=8";
    const { page, complaints } = await ready(query);
    await choose(page, path);
    await page.click("#start");
    await page.waitForSelector('[data-run-state="done"]', { timeout: 120_000 });
    await page.click("#stop");
    await state(page, "ready");
    await page.reload();
    await state(page, "ready");
    expect(await described(page)).toMatch(/^ ?kept: 49 training/);

    // What is forgotten is gone, and a study of it cannot go on until it is back.
    await page.click("#forget");
    await page.waitForSelector("#forget", { state: "detached" });
    await page.reload();
    await state(page, "ready");
    expect(await page.locator("#forget").count()).toBe(0);
    expect(await page.textContent("#kept")).toContain("It needs kept");
    expect(await page.locator("#resume").count()).toBe(0);
    await choose(page, path);
    expect(await page.textContent("#status")).toBe("kept is ready.");
    await page.click("#resume");
    await state(page, "done", "failed");
    expect(await page.locator('[data-run-state="done"]').count()).toBe(5);
    const stopped = await weightsOf(page);

    // Without a stop the same study ends with the same bits.
    await page.click("#start");
    await state(page, "done", "failed");
    expect(await weightsOf(page)).toEqual(stopped);

    // An address that names the sample means it; the reader may still choose.
    await page.goto(`${lab.url}?data=sample`);
    await state(page, "ready");
    expect(await described(page)).toContain("The sample");
    // A finished study needs its images for the gallery alone.
    await page.click("#forget");
    await page.waitForSelector("#forget", { state: "detached" });
    await page.click("#resume");
    await state(page, "done", "failed");
    expect(await page.locator('[data-run-state="done"]').count()).toBe(5);
    expect(await page.locator(".gallery").count()).toBe(0);
    expect(await weightsOf(page)).toEqual(stopped);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("takes a folder that is chosen, one that is dropped, and a .tar.gz", async () => {
    const path = await writeFiles(join(folder, "album"), await photos());
    const { page, complaints } = await ready();
    await page.setInputFiles("#folder", path);
    await page.waitForSelector("#forget");
    expect(await described(page)).toContain("album: 49 training");
    await page.click("#forget");
    await page.waitForSelector("#forget", { state: "detached" });
    expect(await page.textContent("#status")).toBe("Ready.");

    const zone = (await page.locator("#drop").boundingBox())!;
    const cdp = await page.context().newCDPSession(page);
    const drop = async (x: number, y: number) => {
      for (const type of ["dragEnter", "dragOver", "drop"] as const)
        await cdp.send("Input.dispatchDragEvent", {
          type,
          x,
          y,
          data: { items: [], files: [path], dragOperationsMask: 1 },
        });
    };
    // Beside the zone nothing happens: the browser would open the file instead of the page.
    await drop(zone.x + 5, 5);
    await drop(zone.x + 5, zone.y + 5);
    await page.waitForSelector("#forget");
    expect(page.context().pages()).toHaveLength(1);
    expect(await described(page)).toContain("album: 49 training");

    await choose(page, written("tar.tgz", await tarGzOf(await photos())));
    await page.getByText("tar: 49 training").waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

describe("files that the lab refuses, by name", () => {
  it("damaged archives, and what is none", async () => {
    const zip = await zipOf(await photos());
    expect(
      await refusal(written("cut.zip", zip.subarray(0, zip.length / 2))),
    ).toMatch(/cut\.zip: cannot be read as a \.zip archive/);
    const tar = await tarGzOf(await photos());
    expect(
      await refusal(written("cut.tgz", tar.subarray(0, tar.length / 2))),
    ).toMatch(/cut\.tgz: cannot be read as a \.tar\.gz archive/);
  });

  it("a path that leads out, one class alone, and no images", async () => {
    const red = await plain(colours["red"]!);
    const slip = await zipOf(new Map([["../evil.png", red]]));
    expect(await refusal(written("slip.zip", slip))).toMatch(
      /slip\.zip: refused, because its entry "\.\.\/evil\.png" leads out/,
    );
    const one = await zipOf(
      new Map([
        ["cat/1.png", red],
        ["cat/2.png", red],
      ]),
    );
    expect(await refusal(written("one.zip", one))).toMatch(
      /one\.zip: has images of one class alone \(cat\)/,
    );
    const text = await writeFiles(
      join(folder, "texts"),
      new Map([["a/1.txt", new TextEncoder().encode("a")]]),
    );
    expect(await refusal(text, "#folder")).toMatch(/texts: holds neither/);
  });

  it("broken images, and ones with more pixels than there is memory", async () => {
    const bomb = Buffer.from(await plain(colours["red"]!));
    bomb.writeUInt32BE(30_000, 16);
    bomb.writeUInt32BE(30_000, 20);
    bomb.writeUInt32BE(crc32(bomb.subarray(12, 29)), 29);
    const broken: [string, Uint8Array, RegExp][] = [
      ["bomb.png", bomb, /has 30000 × 30000 pixels; at most 100,000,000/],
      ["empty.png", new Uint8Array(), /is empty/],
      ["text.jpg", new TextEncoder().encode("<svg/>"), /is no JPEG, PNG or WebP/], // prettier-ignore
    ];
    for (const format of ["jpeg", "png", "webp"] as const) {
      const file = await photo(colours["green"]!, 7, format);
      const cut = file.subarray(0, file.length * 0.6);
      broken.push([`cut.${format}`, cut, /cannot be decoded/]);
    }
    for (const [name, bytes, message] of broken) {
      const files = await photos();
      files.set(`red/${name}`, bytes);
      const text = await refusal(written(`${name}.zip`, await zipOf(files)));
      expect(text).toContain(`${name}.zip: red/${name}: `);
      expect(text).toMatch(message);
    }
  });

  it("a .zip entry that holds more than it promises", async () => {
    const files = await photos();
    const zip = Buffer.from(await zipOf(files));
    const entry = zip.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]));
    zip.writeUInt32LE(10, entry + 24);
    expect(await refusal(written("liar.zip", zip))).toMatch(
      /liar\.zip: blue\/0\.jpeg: /,
    );
  });
});

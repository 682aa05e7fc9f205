/**
 * A user's own folder, end to end: 300 JPEG images of mixed sizes in 3 classes, with no flag but --data, go through train,
 * eval and issues; and planted noise on the sample is found.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { loadDataset } from "../../src/data/node-load.js";
import { parseRecords } from "../../src/experiments/csv.js";
import { writeFiles } from "../data/images.js";
import { commandsIn, complaint, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const run = commandsIn(folder, 800);
const json = (...path: string[]) =>
  JSON.parse(readFileSync(at(...path), "utf8")) as Record<string, unknown>;

const classes = ["airplane", "automobile", "frog"];

beforeAll(async () => {
  const { train, classNames } = await loadDataset("sample");
  const files = new Map<string, Uint8Array>();
  for (const name of classes) {
    const label = classNames.indexOf(name);
    const members = [...train.labels.keys()]
      .filter((image) => train.labels[image] === label)
      .slice(0, 100);
    for (const [i, image] of members.entries()) {
      const planes = train.images.subarray(image * 3072, (image + 1) * 3072);
      const pixels = Uint8Array.from(
        { length: 3072 },
        (_, at) => planes[(at % 3) * 1024 + Math.floor(at / 3)]!,
      );
      // From a third to twelve times the size, lying and standing.
      const width = 24 + ((i * 53) % 360);
      const height = 24 + ((i * 97) % 300);
      const jpeg = await sharp(pixels, {
        raw: { width: 32, height: 32, channels: 3 },
      })
        .resize(width, height, { fit: "fill" })
        .jpeg({ quality: 90 })
        .toBuffer();
      files.set(`${name}/${String(i).padStart(3, "0")}.jpg`, jpeg);
    }
  }
  await writeFiles(at("photos"), files);
});

describe("a folder of 300 JPEG images with no flag but --data", () => {
  it("trains, and its weights evaluate to the same", () => {
    const trained = run("train --data photos");
    expect(complaint(trained)).toBe("");
    expect(trained.code).toBe(0);
    expect(trained.stdout).toContain(
      "300 images in 3 classes: 240 to train on and 60 held out (20 % of each class)",
    );
    const out = "runs/lenet_photos_s0";
    const config = json(out, "config.json");
    expect(config).toMatchObject({
      data: "photos",
      batch: 128,
      imageSize: 32,
      valFraction: 0.2,
      classes,
    });
    const { last } = json(out, "summary.json") as {
      last: { top1: number; loss: number };
    };
    expect(last.top1).toBeGreaterThan(0.5); // chance is a third
    const evaluated = run(`eval --run ${out} --json`);
    expect(evaluated.code).toBe(0);
    const { top1, loss } = JSON.parse(evaluated.stdout) as {
      top1: number;
      loss: number;
    };
    expect(top1).toBe(last.top1);
    expect(loss).toBeCloseTo(last.loss, 5);
  });

  it("is searched for wrong labels: a table of all training images and a gallery of the suspects", () => {
    const { code, stdout } = run("issues --data photos");
    expect(code).toBe(0);
    expect(readdirSync(at("issues", "photos")).sort()).toEqual([
      "index.html",
      "issues.csv",
      "summary.json",
    ]);
    const rows = parseRecords(
      readFileSync(at("issues/photos/issues.csv"), "utf8"),
      [
        "rank",
        "index",
        "path",
        "given",
        "suggested",
        "self_confidence",
        "suggested_confidence",
        "candidate",
      ],
    );
    expect(rows.map((row) => row.number("rank"))).toEqual(
      Array.from({ length: 240 }, (_, i) => i + 1),
    );
    expect(new Set(rows.map((row) => row.text("path"))).size).toBe(240);
    expect(
      rows.every((row) => row.text("path").startsWith(`${row.text("given")}/`)),
    ).toBe(true);
    const candidates = rows.filter(
      (row) => row.text("candidate") === "1",
    ).length;
    const page = readFileSync(at("issues/photos/index.html"), "utf8");
    expect(page.match(/src="data:image\/webp;base64,/g) ?? []).toHaveLength(
      candidates,
    );
    expect(stdout).toContain("240 labels were judged");
    expect(existsSync(at("issues", "photos", "summary.json"))).toBe(true);
  });

  it("refuses to overwrite, and replaces its own folder when told to", () => {
    const again = run("issues --data photos");
    expect(again.code).toBe(2);
    expect(complaint(again)).toContain("exists and is not empty");
    const other = run("issues --data photos --out photos --overwrite");
    expect(other.code).toBe(2);
    expect(complaint(other)).toContain(
      "photos: is not empty and no issues folder",
    );
    expect(readdirSync(at("photos")).sort()).toEqual(classes);
  });
});

describe("planted noise", () => {
  it("is found in the sample with at least twice the precision of chance", () => {
    const { code, stdout } = run(
      "issues --data sample --noise 0.2 --noise-kind uniform --json",
    );
    expect(code).toBe(0);
    const { quality } = JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as {
      quality: {
        planted: number;
        baseRate: number;
        precisionAtPlanted: number;
        averagePrecision: number;
      };
    };
    expect(quality).toMatchObject({ planted: 400, baseRate: 0.2 });
    expect(quality.precisionAtPlanted).toBeGreaterThanOrEqual(0.4);
    expect(quality.averagePrecision).toBeGreaterThanOrEqual(0.4);
  });

  it("is found in an earlier run's training set, with that run's settings", () => {
    const flags =
      "--train-limit 600 --test-limit 100 --epochs 5 --batch 40 --noise 0.25 --noise-kind pairflip --keep 0.5 --out runs/noisy";
    expect(run(`train ${flags}`).code).toBe(0);
    const { code, stdout } = run("issues runs/noisy --folds 2 --json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1)!)).toMatchObject({
      data: "sample",
      images: 300,
      epochs: 5,
      batch: 40,
      folds: 2,
      quality: { planted: 80 },
    });
    const rows = parseRecords(
      readFileSync(at("issues/noisy/issues.csv"), "utf8"),
      ["given", "true"],
    );
    expect(
      rows.filter((row) => row.text("given") !== row.text("true")),
    ).toHaveLength(80);
  });
});

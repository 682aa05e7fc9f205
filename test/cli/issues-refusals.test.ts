/** `tarnish issues RUN`: an earlier run's labels are for the images that it was trained on, and for no others. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { writeFiles } from "../data/images.js";
import { photos } from "../data/photo-folder.js";
import { commandsIn, complaint, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const run = commandsIn(folder);
const labels = at("labels.json");

beforeAll(async () => {
  await writeFiles(at("photos"), await photos());
  writeFileSync(labels, "[0,1,1,1]");
  const train = "train --data photos --image-size 36 --epochs 1 --batch 2 --labels labels.json --out run"; // prettier-ignore
  expect(run(train).code).toBe(0);
});

/** What follows once the data are found to be the run's. */
const later = "--batch 999: there are 2 training images; take at most as many";
const judge = "issues run --folds 2 --batch 999";

describe("issues RUN", () => {
  it("takes the run's data and its own labels, wherever their file has gone", () => {
    const text = readFileSync(labels);
    rmSync(labels);
    expect(complaint(run(judge))).toContain(later);
    writeFileSync(labels, text);
  });

  it.each([
    ["image changed", ["train/blue/2.png", "train/red/1.png"]],
    ["image moved to another class", ["train/blue/2.png", "train/red/1.png", "train/red/1.png", "train/blue/2.png"]], // prettier-ignore
  ])("refuses data with an %s", async (_, moves) => {
    const files = await photos();
    const changed = new Map<string, Uint8Array>();
    for (let i = 0; i < moves.length; i += 2)
      changed.set(moves[i]!, files.get(moves[i + 1]!)!);
    await writeFiles(at("photos"), changed);
    const result = run(judge);
    await writeFiles(at("photos"), files);
    expect(complaint(result)).toBe(
      "tarnish: run: images or labels of photos have changed since this run was trained, whose given labels go by the images' " +
        "order; put back what was there, or judge the data as they are with --data photos",
    );
    expect(result.code).toBe(2);
  });

  it("goes by the number of images where a run from before has no hash", async () => {
    const path = at("run", "config.json");
    const text = readFileSync(path, "utf8");
    const files = await photos();
    await writeFiles(at("photos"), new Map([["train/blue/2.png", files.get("train/red/1.png")!]])); // prettier-ignore
    writeFileSync(path, text.replace('"dataSha256"', '"was"'));
    const result = run(judge);
    writeFileSync(path, text);
    await writeFiles(at("photos"), files);
    expect(complaint(result)).toContain(later);
  });

  it.each([
    ["--split-seed 3", "--split-seed 3: the run was trained with 0"],
    ["--val-fraction 0.5", "--val-fraction 0.5: the run was trained with 0.2"],
    ["--data-split random", "--data-split random: the run was trained with official"], // prettier-ignore
    ["--image-size 48", "--image-size 48: the run was trained with 36"],
    ["--coarse", "--coarse: the run was trained without it"],
  ])("refuses %s, which the run contradicts", (flag, message) => {
    const result = run(`${judge} ${flag}`);
    expect(complaint(result)).toBe(
      `tarnish: ${message}; a run brings its own data: leave it out`,
    );
    expect(result.code).toBe(2);
  });

  it("takes flags that say what the run says", () => {
    const same = "--split-seed 0 --data-split official --image-size 36";
    expect(complaint(run(`${judge} ${same}`))).toContain(later);
  });
});

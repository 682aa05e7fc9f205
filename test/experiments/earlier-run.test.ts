/** What `tarnish issues` reads of an earlier run: a damaged folder is refused, with the file and what is wrong in it. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpy } from "../../src/data/npy.js";
import { readEarlierRun } from "../../src/experiments/node-issues.js";
import { labelsSha256 } from "../../src/experiments/poison.js";
import { resolveSettings } from "../../src/experiments/settings.js";

const folder = mkdtempSync(join(tmpdir(), "tarnish-earlier-"));
const given = Int32Array.of(0, 1, 1, 0, 2);
const config = { ...resolveSettings({ batch: 4 }), adapter: "some GPU" };
let poison: { labelsSha256: string; kept: unknown };
const whole = join(folder, "config.json");

beforeAll(async () => {
  poison = { labelsSha256: await labelsSha256(given), kept: [0, 1, 3, 4] };
  writeFileSync(whole, JSON.stringify(config));
  writeFileSync(join(folder, "poison.json"), JSON.stringify(poison));
  writeFileSync(join(folder, "labels.npy"), writeNpy(given));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("an earlier run", () => {
  it("is its settings, its labels and the images that it kept", async () => {
    const run = await readEarlierRun(folder);
    expect(run.settings).toMatchObject({ model: "lenet", batch: 4 });
    expect(run.given).toEqual(given);
    expect(run.kept).toEqual(Int32Array.of(0, 1, 3, 4));
  });

  it.each<[string, string, unknown, RegExp]>([
    ["no settings", "config.json", null, /config\.json holds no JSON object$/],
    [
      "parts of no image",
      "config.json",
      { microBatch: 0 },
      /config\.json: microBatch: expected a whole number of at least 1, got 0/,
    ],
    [
      "no rate",
      "config.json",
      { lr: "x" },
      /lr: expected a number above 0, got "x"/,
    ],
    [
      "an unknown word",
      "config.json",
      { order: "foo" },
      /order: expected one of/,
    ],
    ["no poison", "poison.json", null, /poison\.json holds no JSON object$/],
    [
      "an image twice",
      "poison.json",
      { kept: [0, 0] },
      /poison\.json: kept is no list of different images/,
    ],
    [
      "half an image",
      "poison.json",
      { kept: [0.5] },
      /poison\.json: kept is no list of different images/,
    ],
    [
      "an image that there is not",
      "poison.json",
      { kept: [5] },
      /poison\.json: kept is no list of different images/,
    ],
    [
      "no images",
      "poison.json",
      { kept: undefined },
      /poison\.json: kept is no list of different images/,
    ],
    [
      "other labels",
      "poison.json",
      { labelsSha256: "0" },
      /do not belong together/,
    ],
  ])("with %s is refused", async (_, file, change, message) => {
    const damaged = mkdtempSync(join(folder, "damaged-"));
    for (const name of ["config.json", "poison.json", "labels.npy"])
      cpSync(join(folder, name), join(damaged, name));
    const sound = file === "config.json" ? config : poison;
    writeFileSync(
      join(damaged, file),
      JSON.stringify(change && { ...sound, ...change }),
    );
    await expect(readEarlierRun(damaged)).rejects.toThrow(message);
    await expect(readEarlierRun(damaged)).rejects.toMatchObject({
      name: "UserError",
    });
  });
});

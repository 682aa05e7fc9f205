import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadDataset } from "../../src/data/node-load.js";
import { readNpy } from "../../src/data/npy.js";
import { parseRecords } from "../../src/experiments/csv.js";
import {
  labelsSha256,
  poison,
  type PoisonRecord,
} from "../../src/experiments/poison.js";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const text = (...path: string[]) => readFileSync(at(join(...path)), "utf8");

describe("tarnish poison", () => {
  it("writes the same labels, choice and rates to its three files", async () => {
    const { code, stdout, stderr } = tarnish(
      "poison --noise 0.25 --noise-kind uniform --keep 0.9 --seed 3 --out a".split(
        " ",
      ),
      { cwd: folder },
    );
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(readdirSync(at("a")).sort()).toEqual([
      "labels.csv",
      "labels.npy",
      "poison.json",
    ]);
    const { train, classNames } = await loadDataset("sample");
    const expected = poison(train.labels, classNames.length, {
      noise: 0.25,
      kind: "uniform",
      keep: 0.9,
      seed: 3,
    });
    const given = readNpy(readFileSync(at("a/labels.npy")), "labels.npy");
    expect(given).toEqual(expected.given);
    const record = JSON.parse(text("a", "poison.json")) as PoisonRecord;
    // 200 images a class: 20 are removed, and of the 180 that stay 45 get a wrong label.
    expect(record).toMatchObject({
      kind: "uniform",
      nominal: 0.25,
      keep: 0.9,
      seed: 3,
      changed: 450,
      effectiveRate: 0.25,
      labelsSha256: await labelsSha256(given),
    });
    expect(record.selected).toEqual([...expected.selected]);
    expect(record.kept).toHaveLength(1800);
    const rows = parseRecords(text("a", "labels.csv"), [
      "index",
      "label",
      "true",
      "selected",
      "kept",
    ]);
    expect(rows.map((row) => row.number("index"))).toEqual([...given.keys()]);
    expect(rows.map((row) => row.number("label"))).toEqual([...given]);
    expect(rows.map((row) => row.number("true"))).toEqual([...train.labels]);
    const marked = (column: string) =>
      rows.flatMap((row, i) => (row.text(column) === "1" ? [i] : []));
    expect(marked("selected")).toEqual(record.selected);
    expect(marked("kept")).toEqual(record.kept);
    expect(stdout).toContain("450 labels really are wrong");
    expect(stdout).toContain("25.00 %");
  });

  it("ends with one JSON object on stdout with --json, and says the rest on stderr", () => {
    const { code, stdout, stderr } = tarnish(
      "poison --noise 0.2 --train-limit 100 --out b --json".split(" "),
      { cwd: folder },
    );
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    const { transition, ...result } = JSON.parse(stdout) as PoisonRecord;
    expect(result).toMatchObject({ images: 100, selected: 20, kept: 100 });
    expect(transition).toHaveLength(10);
    expect(stderr).toContain("20 images");
  });

  it("gives the same bytes for the same seed", () => {
    for (const out of ["c1", "c2"])
      tarnish(`poison --noise 0.4 --seed 9 --out ${out}`.split(" "), {
        cwd: folder,
      });
    for (const file of ["labels.npy", "labels.csv", "poison.json"])
      expect(
        readFileSync(at(`c1/${file}`)).equals(readFileSync(at(`c2/${file}`))),
      ).toBe(true);
  });

  it("leaves a folder alone that has anything in it, unless told to overwrite", () => {
    mkdirSync(at("d"));
    writeFileSync(at("d/labels.npy"), "mine");
    writeFileSync(at("d/notes.txt"), "mine");
    const args = "poison --noise 0.2 --out d".split(" ");
    const refused = tarnish(args, { cwd: folder });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toBe(
      "tarnish: d: exists and is not empty; name another folder with --out, or add --overwrite to replace what is there\n",
    );
    expect(refused.stdout).toBe("");
    expect(readdirSync(at("d")).sort()).toEqual(["labels.npy", "notes.txt"]);
    expect(text("d", "labels.npy")).toBe("mine");
    expect(tarnish([...args, "--overwrite"], { cwd: folder }).code).toBe(0);
    expect(readdirSync(at("d")).sort()).toEqual([
      "labels.csv",
      "labels.npy",
      "notes.txt",
      "poison.json",
    ]);
    expect(text("d", "notes.txt")).toBe("mine");
    expect(
      readNpy(readFileSync(at("d/labels.npy")), "labels.npy"),
    ).toHaveLength(2000);
  });

  it("writes into an empty folder", () => {
    mkdirSync(at("e"));
    expect(tarnish(["poison", "--out", "e"], { cwd: folder }).code).toBe(0);
    expect(readdirSync(at("e"))).toHaveLength(3);
  });
});

describe("a wrong request ends with 2, one message, and nothing written", () => {
  writeFileSync(at("file"), "");
  mkdirSync(at("empty"));
  it.each([
    ["--noise 1.5", "--noise: expected a share between 0 and 1, got 1.5"],
    ["--noise -0.1", "--noise: expected a share between 0 and 1, got -0.1"],
    ["--noise NaN", "--noise: expected a share between 0 and 1, got NaN"],
    ["--noise 0,2", "--noise: expected a share between 0 and 1, got 0,2"],
    ["--noise=", '--noise: expected a share between 0 and 1, got ""'],
    ["--keep 2", "--keep: expected a share between 0 and 1, got 2"],
    ["--seed -1", "--seed: expected a whole number of at least 0, got -1"],
    ["--seed 1.5", "--seed: expected a whole number of at least 0, got 1.5"],
    ["--seed 9007199254740992", "--seed: expected a whole number"],
    [
      "--train-limit 0",
      "--train-limit: expected a whole number of at least 1, got 0",
    ],
    ["--train-limit 2001", "--train-limit of 2001 images cannot be met"],
    [
      "--noise-kind pink",
      "--noise-kind pink: is unknown; choose one of shuffle, uniform",
    ],
    ["--data nosuch", "nosuch: no such file or folder"],
    ["--data empty", "holds neither CIFAR data"],
    ["--coarse", "CIFAR-10 has no coarse labels"],
    ["--nois 0.2", "unknown option '--nois'\n(Did you mean --noise?)"],
    ["extra", "too many arguments for 'poison'"],
  ])("%s", (flags, message) => {
    const result = tarnish(["poison", "--out", "out", ...flags.split(" ")], {
      cwd: folder,
    });
    expect(complaint(result)).toContain(message);
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result.stderr.match(/^tarnish: /gm)).toHaveLength(1);
    expect(result.stdout).toBe("");
    expect(result.code).toBe(2);
    expect(existsSync(at("out"))).toBe(false);
  });

  it.each([
    [
      ["poison"],
      "required option '--out <dir>' not specified\nSee 'tarnish poison --help'.",
    ],
    [["poison", "--out", "file"], "file: is not a folder"],
    [["poison", "--out", "file/below"], "file/below: is not a folder"],
    [["poisn"], "unknown command 'poisn'\n(Did you mean poison?)"],
    [["--nosuch"], "unknown option '--nosuch'"],
  ])("%j", (args, message) => {
    const result = tarnish(args, { cwd: folder });
    expect(complaint(result)).toContain(`tarnish: ${message}`);
    expect(result.code).toBe(2);
  });

  it("TARNISH_DEBUG=1 shows the stack", () => {
    const { stderr } = tarnish(["poison", "--data", "nosuch", "--out", "out"], {
      cwd: folder,
      env: { TARNISH_DEBUG: "1" },
    });
    expect(stderr).toMatch(/^UserError: .*\n\s+at /m);
  });
});

describe("help and version", () => {
  it("go to stdout with code 0", () => {
    const version = tarnish(["--version"]);
    expect(version).toMatchObject({ code: 0, stderr: "" });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = tarnish(["poison", "--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toContain("tarnish poison --noise 0.2 --out poisoned");
  });

  it("no command at all shows the help on stderr with code 2", () => {
    const { code, stdout, stderr } = tarnish([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage: tarnish");
  });
});

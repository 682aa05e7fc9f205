/** A sweep whose data or files change between two calls, or whose runs lose a file: nothing is mixed, nothing is hushed up. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { writeFiles } from "../data/images.js";
import { photos } from "../data/photo-folder.js";
import { commandsIn, complaint, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const run = commandsIn(folder);
const noisy = () => {
  const { jobs } = JSON.parse(readFileSync(at("sw", "sweep.json"), "utf8")) as { jobs: { id: string; hash: string }[] }; // prettier-ignore
  const { id, hash } = jobs.find((job) => job.id.includes("noise"))!;
  return join("runs", `${id}-${hash.slice(0, 8)}`);
};
const sweep = "sweep sw.json --out sw";
const swapped = "[[0,1],[1,0]]";

beforeAll(async () => {
  await writeFiles(at("photos"), await photos());
  writeFileSync(at("m.json"), swapped);
  writeFileSync(
    at("sw.json"),
    JSON.stringify({
      ...{ name: "sw", models: ["lenet"], levels: [0.5], arms: ["noise"] },
      seeds: 1,
      settings: { data: "photos", noiseKind: "matrix:m.json", epochs: 1, batch: 2 }, // prettier-ignore
    }),
  );
  const { code, stderr } = run(sweep);
  expect(stderr).not.toMatch(/left out/);
  expect(code).toBe(0);
});

describe("a sweep goes on", () => {
  it("not with another matrix", () => {
    writeFileSync(at("m.json"), "[[1,0],[1,0]]");
    const result = run(sweep);
    writeFileSync(at("m.json"), swapped);
    expect(complaint(result)).toBe(
      `tarnish: sw: the matrix of matrix:m.json has changed since ${join("sw", noisy())} was trained; ` +
        "put back what was there, name another folder with --out, or remove these runs to train them again",
    );
    expect(result.code).toBe(2);
  });

  it("not with other images", async () => {
    const files = await photos();
    const other = files.get("train/red/1.png")!;
    await writeFiles(at("photos"), new Map([["train/blue/2.png", other]]));
    const before = readFileSync(at("sw", "results.csv"), "utf8");
    const result = run(sweep);
    await writeFiles(at("photos"), files);
    expect(complaint(result)).toContain("sw: images or labels of photos have changed since"); // prettier-ignore
    expect(result.code).toBe(2);
    expect(readFileSync(at("sw", "results.csv"), "utf8")).toBe(before);
  });

  it("not with files that are missing, in a dry run neither", () => {
    for (const [flag, file] of [
      ["--noise-kind matrix:nope.csv", "nope.csv"],
      ["--init nope.safetensors", "nope.safetensors"],
    ] as const) {
      const result = run(`sweep sw.json --out new ${flag} --dry-run`);
      expect(complaint(result)).toBe(`tarnish: ${file}: cannot be read (ENOENT)`); // prettier-ignore
      expect(result.code).toBe(2);
    }
    expect(existsSync(at("new"))).toBe(false);
  });
});

describe("a run that is done", () => {
  it("and lacks a file is told with the way on, by sweep and report", () => {
    const path = at("sw", noisy(), "per_class.csv");
    renameSync(path, at("kept"));
    for (const command of [sweep, "report sw"]) {
      const result = run(command);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(
        `${noisy()} has no per_class.csv; left out. Remove ${join("sw", noisy())} and continue the sweep to train it again`,
      );
    }
    renameSync(at("kept"), path);
    expect(run(sweep).code).toBe(0);
  });

  it("and has a folder in a file's place is told by that file's name", () => {
    const path = at("sw", noisy(), "per_class.csv");
    renameSync(path, at("kept"));
    mkdirSync(path);
    const result = run("report sw");
    rmSync(path, { recursive: true });
    renameSync(at("kept"), path);
    expect(complaint(result)).not.toMatch(/internal error|EISDIR/);
    expect(result.stderr).toContain("per_class.csv: is a folder, and should be a file"); // prettier-ignore
    expect(result.code).toBeGreaterThan(0);
  });

  it("and whose tables cannot be written says how to go on", () => {
    rmSync(at("sw", "claims.json"));
    mkdirSync(at("sw", "claims.json", "x"), { recursive: true });
    for (const command of [sweep, "report sw"]) {
      const result = run(command);
      expect(result.code).toBe(1);
      expect(complaint(result)).toContain(`${join("sw", "claims.json")}: cannot be written`); // prettier-ignore
      expect(complaint(result)).toMatch(new RegExp(`o on with:\n  tarnish ${command}$`)); // prettier-ignore
    }
    rmSync(at("sw", "claims.json"), { recursive: true });
  });

  it("on other data than the first is left out of the tables", () => {
    const path = at("sw", noisy(), "config.json");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace(/("dataSha256": ")./, "$1x"));
    const result = run("report sw");
    writeFileSync(path, text);
    expect(result.stderr).toContain("lenet noise 0.5, seed 0: trained on other data than the first run"); // prettier-ignore
  });
});

describe("somebody else's folder", () => {
  it("is neither replaced nor emptied", () => {
    const site = new Map([["site/index.html", "<html>mine"], ["site/figures/a.svg", "mine"], ["app/config.json", '{"port":80}'], ["app/index.js", "mine"]].map(([name, text]) => [name!, new TextEncoder().encode(text)] as const)); // prettier-ignore
    return writeFiles(folder, site).then(() => {
      const base = join("sw", noisy());
      for (const [args, message] of [
        ["report sw --out site", "site: is not empty and no report folder (its index.html is none of tarnish's)"],
        ["train --train-limit 50 --out app --overwrite", "app: is not empty and no run folder (its config.json is none of tarnish's)"],
        [`eval --run ${base} --out ${base} --overwrite`, "is a run folder, whose own files would be replaced"],
        [`poison --out ${base} --overwrite`, "is a run folder, whose own files would be replaced"],
        ["poison --out sw/runs --overwrite", "sw/runs: is inside the sweep folder sw"],
        ["poison --out sw --overwrite", "is a sweep folder, whose own files would be replaced"],
      ] as const) {
        const result = run(args);
        expect(complaint(result)).toContain(message);
        expect(result.code).toBe(2);
      } // prettier-ignore
      expect(readFileSync(at("site", "figures", "a.svg"), "utf8")).toBe("mine");
      // A report of this program's is replaced.
      expect(run("report sw --out mine").code).toBe(0);
      writeFileSync(at("mine", "figures", "stale.svg"), "<svg/>");
      expect(run("report sw --out mine").code).toBe(0);
      expect(existsSync(at("mine", "figures", "stale.svg"))).toBe(false);
    });
  });
});

describe("a place that cannot be written", () => {
  const long = "x".repeat(300);
  it.each([
    `poison --out ${long}`,
    `report sw --out ${long}`,
    `sweep sw.json --out ${long}`,
    `demo --out ${long}`,
    `train --train-limit 50 --out ${long}`,
    `issues --data photos --out ${long}`,
  ])("%s", (args) => {
    const result = run(args);
    expect(complaint(result)).toMatch(/^tarnish: x+: .*the name is too long \(ENAMETOOLONG\)/); // prettier-ignore
    expect(result.code).toBe(2);
  });

  it("is not the missing folder of a file, and not nothing", () => {
    const base = join("sw", noisy());
    const file = join("new", "folder", "x.safetensors");
    expect(run(`export --run ${base} --out ${file}`).code).toBe(0);
    expect(existsSync(at(file))).toBe(true);
    for (const args of ["poison --out ", "sweep sw.json --init "]) {
      const result = run(args);
      expect(complaint(result)).toMatch(/^tarnish: --(out|init): expected a value, got ""/); // prettier-ignore
      expect(result.code).toBe(2);
    }
    rmSync(at("new"), { recursive: true });
  });
});

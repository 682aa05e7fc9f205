/** `tarnish sweep`: requests that are refused before anything runs, and a dry run. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const sweep = (...args: string[]) =>
  tarnish(["sweep", ...args], { cwd: folder });

describe("requests that make no sweep", () => {
  it.each<[string[], string]>([
    [[], "missing required argument 'name|file'"],
    [["impact"], "sweep impact: there is no such sweep or file; name dirty-data, impact-index or a JSON file"], // prettier-ignore
    [["impact-index", "--models", "lenet,alexnet"], "--models: expected one of lenet, shallow"], // prettier-ignore
    [["impact-index", "--seeds", "0"], "--seeds: expected a whole number from 1"], // prettier-ignore
    [["impact-index", "--shard", "3/2"], "--shard: expected k/n with 1 ≤ k ≤ n, such as 2/8, got 3/2"], // prettier-ignore
    [["impact-index", "--data", "sample", "--noise", "0.2"], "unknown option '--noise'"], // prettier-ignore
    [["impact-index", "--data", "sample", "--epochs", "2", "--steps", "9"], "--epochs 2, --steps 9: both say how long a run trains"], // prettier-ignore
    [["impact-index", "--data", "sample", "--batch", "5000"], "--batch 5000: there are 2000 training images"], // prettier-ignore
    [["impact-index", "--data", "sample", "--train-limit", "100", "--levels", "0.96"], "removing 96 % of each class leaves none of the 100 training images"], // prettier-ignore
    [["impact-index", "--data", "sample", "--train-limit", "100", "--levels", "0.04"], "4 % of wrong labels in each class changes none of the 100 training images"], // prettier-ignore
  ])("%j", (args, message) => {
    const result = sweep(...args);
    expect(complaint(result)).toContain(message);
    expect(result.code).toBe(2);
    expect(existsSync(join(folder, "sweeps"))).toBe(false);
  });

  it("a file that does not fit the schema, by its path", () => {
    writeFileSync(
      join(folder, "mine.json"),
      JSON.stringify({ name: "mine", models: ["lenet"], levels: [0.1], settings: { epochs: "many" } }), // prettier-ignore
    );
    const result = sweep("mine.json");
    expect(complaint(result)).toBe(
      'tarnish: mine.json: settings.epochs: expected a whole number of at least 1, got "many" (see docs/sweep.schema.json)',
    );
    expect(result.code).toBe(2);
  });

  it("what is no file, and what is no JSON, in one line", () => {
    mkdirSync(join(folder, "folder"));
    expect(complaint(sweep("folder"))).toBe("tarnish: folder: cannot be read (EISDIR)"); // prettier-ignore
    writeFileSync(join(folder, "prose.txt"), "not\nJSON");
    const prose = sweep("prose.txt");
    expect(complaint(prose)).toMatch(
      /^tarnish: prose\.txt: is no JSON: [^\n]+$/,
    );
    expect(prose.code).toBe(2);
  });

  it("a kind of noise that there is not, in a file", () => {
    const mine = { name: "mine", models: ["lenet"], levels: [0.1], settings: { noiseKind: "pink" } }; // prettier-ignore
    // As some editors write it, with a byte order mark.
    writeFileSync(join(folder, "pink.json"), `\ufeff${JSON.stringify(mine)}`);
    const result = sweep("pink.json");
    expect(complaint(result)).toContain("tarnish: pink.json: noiseKind pink: is unknown; choose one of shuffle"); // prettier-ignore
    expect(result.code).toBe(2);
  });

  it("a folder that is no sweep", () => {
    mkdirSync(join(folder, "mine"));
    writeFileSync(join(folder, "mine", "thesis.txt"), "mine");
    const result = sweep("impact-index", "--data", "sample", "--out", "mine");
    expect(complaint(result)).toContain("mine: is not empty and no sweep folder"); // prettier-ignore
    expect(result.code).toBe(2);
  });
});

describe("--dry-run", () => {
  it("measures each model, shows every run and the sums, and writes nothing", () => {
    const result = sweep(
      "impact-index", "--data", "sample", "--models", "lenet", "--levels", "0.1,0.3", "--seeds", "2",
      "--train-limit", "200", "--test-limit", "100", "--epochs", "2", "--batch", "50", "--width", "0.5", "--dry-run", "--json",
    ); // prettier-ignore
    expect(complaint(result)).toBe("");
    expect(result.code).toBe(0);
    expect(existsSync(join(folder, "sweeps"))).toBe(false);
    const { jobs, seconds, bytes } = JSON.parse(result.stdout) as {
      jobs: { id: string; seconds: number; bytes: number; done: boolean }[];
      seconds: number;
      bytes: number;
    };
    // Per seed a baseline, two levels of each arm, and of the second reduction arm.
    expect(jobs).toHaveLength(2 * 7);
    const sum = (key: "seconds" | "bytes") => jobs.reduce((a, job) => a + job[key], 0); // prettier-ignore
    expect(sum("seconds")).toBeCloseTo(seconds, 6);
    expect(sum("bytes")).toBeCloseTo(bytes, 3);
    const cost = (id: string) => jobs.find((job) => job.id === id)!.seconds;
    expect(cost("lenet_baseline_0_s0")).toBeGreaterThan(0);
    // Fewer images, less time; as many steps, as much time.
    expect(cost("lenet_reduction_0.3_s0")).toBeLessThan(cost("lenet_baseline_0_s0")); // prettier-ignore
    expect(cost("lenet_noise_0.3_s1")).toBeCloseTo(cost("lenet_baseline_0_s0"), 9); // prettier-ignore
    expect(result.stderr).toMatch(/14 runs, 14 of them to do: about .* in /);
  });
});

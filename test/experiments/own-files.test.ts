/** Where other results may not go: a study's folder (`eval`, `poison`), and a study's files (`export`). */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { platform } from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../src/errors.js";
import { requireFreshOut } from "../../src/experiments/node-files.js";
import { refuseStudyFile } from "../../src/experiments/node-folder-kinds.js";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "tarnish-own-")));
const at = (...path: string[]) => join(folder, ...path);
const started = process.cwd();
afterAll(() => {
  process.chdir(started);
  rmSync(folder, { recursive: true, force: true });
});

beforeAll(() => {
  const job = join("sw", "runs", "job");
  const files: Record<string, string> = {
    [join("sw", "sweep.json")]: '{"name":"sw","jobs":[]}',
    [join("sw", "results.csv")]: "mine",
    [join("cut", "sweep.json")]: '{"na',
    [join("cut", "results.csv")]: "mine",
    [join("app", "config.json")]: "{}",
  };
  for (const path of ["run", job]) {
    files[join(path, "config.json")] =
      '{"model":"lenet","data":"sample","seed":0}';
    files[join(path, "summary.json")] = "mine";
    files[join(path, "checkpoints", "last.safetensors")] = "mine";
    files[join(path, "checkpoints", "mine.safetensors")] = "mine";
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  }
  if (platform !== "win32") symlinkSync(at("run", "checkpoints"), at("link"));
  process.chdir(folder);
});

const linked = platform === "win32" ? [] : ["link"];

describe("a folder of results", () => {
  it.each<[string, string]>([
    ["run", "is a run folder, whose own files would be replaced"],
    ["run/checkpoints", "is inside the run folder run"],
    ["run/new/er", "is inside the run folder run"],
    ["sw", "is a sweep folder, whose own files would be replaced"],
    ["sw/runs", "is inside the sweep folder sw"],
    ["sw/report", "is inside the sweep folder sw"],
    ["sw/runs/job/checkpoints", `is inside the run folder ${join("sw", "runs", "job")}`], // prettier-ignore
    ["cut/runs", "is inside the sweep folder cut"],
    ...linked.map((link): [string, string] => [link, "is inside the run folder run"]), // prettier-ignore
  ])("is not %s", async (out, message) => {
    for (const overwrite of [false, true]) {
      const complaint = `${out}: ${message}; name another folder with --out`;
      await expect(requireFreshOut(out, overwrite)).rejects.toThrow(
        new UserError(complaint),
      );
    }
    expect(existsSync(at("run", "new"))).toBe(false);
  });

  it("names a study that one is in, or that is elsewhere", async () => {
    process.chdir(at("run"));
    try {
      await expect(requireFreshOut("new", true)).rejects.toThrow("new: is inside the run folder .;"); // prettier-ignore
      await expect(requireFreshOut("../sw/new", true)).rejects.toThrow(
        `is inside the sweep folder ${at("sw")};`,
      );
    } finally {
      process.chdir(folder);
    }
  });

  it("may be beside a study, or in an application's folder", async () => {
    await requireFreshOut("results", false);
    await requireFreshOut("app/results", true);
  });
});

describe("a file of weights", () => {
  it.each<[string, string, string]>([
    ["run/config.json", "run", "run"],
    ["run/checkpoints/last.safetensors", "run", "run"],
    ["run/checkpoints/best.safetensors", "run", "run"],
    ["run/metrics.jsonl", "run", "run"],
    ["run/report/index.html", "run", "run"],
    ["run/report/figures/a.svg", "run", "run"],
    ["sw/sweep.json", "sweep", "sw"],
    ["sw/results.csv", "sweep", "sw"],
    ["sw/tarnish.lock", "sweep", "sw"],
    ["sw/runs/new", "sweep", "sw"],
    ["sw/runs/job/summary.json", "run", join("sw", "runs", "job")],
    ["cut/results.csv", "sweep", "cut"],
    ...linked.map((link): [string, string, string] => [`${link}/last.safetensors`, "run", "run"]), // prettier-ignore
  ])("is not %s", async (out, kind, study) => {
    await expect(refuseStudyFile(out)).rejects.toThrow(
      new UserError(
        `${out}: is one of the files of the ${kind} folder ${study}; name another file with --out`,
      ),
    );
  });

  it.each([
    "weights.safetensors",
    "config.json",
    "run/weights.safetensors",
    "run/checkpoints/mine.safetensors",
    "run/report/mine.safetensors",
    "sw/runs/job/weights.safetensors",
    "app/summary.json",
  ])("may be %s", async (out) => {
    await refuseStudyFile(out);
  });
});

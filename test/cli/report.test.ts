import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeSweepFolder } from "../experiments/sweep-folder.js";
import {
  complaint,
  startTarnish,
  tarnish,
  temporaryFolder,
} from "./command.js";

const folder = temporaryFolder();

describe("tarnish report", () => {
  it("makes a sweep's tables and report from its run folders", () => {
    const dir = join(folder, "sweep");
    writeSweepFolder(dir, { levels: [0.2], perClass: 6, epochs: 2 });
    const { code, stdout, stderr } = tarnish(["report", dir, "--json"]);
    expect(code).toBe(0);
    const { report, figures } = JSON.parse(stdout) as { report: string; figures: string[] }; // prettier-ignore
    expect(report).toBe(join(dir, "report", "index.html"));
    for (const path of [report, ...figures])
      expect(existsSync(path)).toBe(true);
    expect(stderr).toContain("index.html");
    expect(readFileSync(join(dir, "impact.csv"), "utf8")).toContain("lenet");
    // A run of the sweep has a report too, wherever it is wanted.
    const run = join(dir, "runs", "lenet_baseline_0_s0-00000001");
    const out = join(folder, "one");
    expect(tarnish(["report", run, "--out", out]).code).toBe(0);
    expect(existsSync(join(out, "index.html"))).toBe(true);
    expect(existsSync(join(run, "report"))).toBe(false);
  });

  it("may be asked for by several at once, as by parts of a sweep that end together", async () => {
    const dir = join(folder, "shared");
    writeSweepFolder(dir, { levels: [0.2], perClass: 6, epochs: 2 });
    const reports = Array.from({ length: 3 }, () => startTarnish(["report", dir], { cwd: folder })); // prettier-ignore
    for (const { ended } of reports) {
      const { code, stderr } = await ended;
      expect(stderr).toBe("");
      expect(code).toBe(0);
    }
    expect(readdirSync(dir).filter((name) => /lock|tmp/.test(name))).toEqual([]); // prettier-ignore
  });

  it("refuses a folder that is none", () => {
    const result = tarnish(["report", join(folder, "nowhere")]);
    expect(result.code).toBe(2);
    expect(complaint(result)).toMatch(/^tarnish: .*nowhere: neither a sweep folder/); // prettier-ignore
  });
});

import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { complaint, tarnish, temporaryFolder } from "./command.js";

describe("tarnish bench", () => {
  it("ends with one JSON object", () => {
    const { code, stdout, stderr } = tarnish(
      "bench --models lenet --batch 4 --shapes 1x4x4x4-3x3-4 --passes dgrad --rounds 1 --seconds 0.02 --json".split(
        " ",
      ),
    );
    expect(stderr).toContain("images/s");
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
    const { precision, conv, models } = JSON.parse(stdout) as {
      precision: string;
      conv: { shape: string; pass: string }[];
      models: { model: string; batch: number }[];
    };
    expect(precision).toBe("f32");
    expect(conv).toMatchObject([{ shape: "1x4x4x4-3x3-4", pass: "dgrad" }]);
    expect(models).toMatchObject([{ model: "lenet", batch: 4 }]);
  });

  it.each([
    ["--models alexnet", "--models: expected one of"],
    ["--shapes 3x3", "--shapes: expected a model"],
    ["--passes backward", "--passes: expected one of"],
    ["--models lenet --width 2", "--width: lenet comes in width 1 only"],
    ["--seconds 0", "--seconds: expected a number above 0"],
  ])("refuses %s", (args, message) => {
    const refused = tarnish(["bench", ...args.split(" ")]);
    expect(refused.code).toBe(2);
    expect(complaint(refused)).toContain(message);
  });
});

describe("tarnish train --profile", () => {
  const folder = temporaryFolder();

  it("ends with a table of where a step goes", () => {
    const out = join(folder, "run");
    const { code, stdout, stderr } = tarnish([
      ..."train --max-steps 6 --batch 40 --train-limit 80 --test-limit 50 --profile --json".split(
        " ",
      ),
      ...["--out", out],
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^where a step goes: .* mean of 4 steps/m);
    expect(stderr).toMatch(/^conv2d forward +5 /m);
    const { profile } = JSON.parse(stdout) as {
      profile: { steps: number; kernels: { kernel: string }[] };
    };
    expect(profile.steps).toBe(4);
    expect(profile.kernels.map(({ kernel }) => kernel)).toContain("sgd");
    // Evaluation is not part of a step.
    expect(profile.kernels.map(({ kernel }) => kernel)).not.toContain(
      "evaluate",
    );
  });
});

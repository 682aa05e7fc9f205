/** `tarnish export`, and how a run's width and stem reach everything that builds its network again. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeSafetensors } from "../../src/engine/safetensors.js";
import { UserError } from "../../src/errors.js";
import { readRunConfig } from "../../src/experiments/node-run-config.js";
import { describeModel } from "../../src/models/describe.js";
import { buildModel } from "../../src/models/registry.js";
import { records, text } from "../data/fixtures.js";
import { writeFiles } from "../data/images.js";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);
const run = (args: string) => tarnish(args.split(" "), { cwd: folder });
const tensorsOf = (path: string) => decodeSafetensors(readFileSync(path));
const logitsOf = (path: string) =>
  tensorsOf(at(path, "test_logits.safetensors")).tensors.get("logits");

const network = "--model resnet8 --width 0.5 --stem imagenet";
const data = "--data sample --test-limit 20";
const named = { model: "lenet", data: "sample" };

// Compiles all kernels where the driver has none of them yet.
beforeAll(() => {
  const { code, stderr } = run(
    `train ${network} ${data} --train-limit 40 --batch 20 --epochs 1 --out run`,
  );
  expect(stderr).not.toContain("tarnish: ");
  expect(code).toBe(0);
  expect(run("export --run run --out weights.safetensors").code).toBe(0);
}, 300_000);

describe("an exported file", () => {
  it("holds PyTorch's state_dict and nothing else", () => {
    const { tensors } = tensorsOf(at("weights.safetensors"));
    const { specs } = describeModel(
      buildModel("resnet8", 10, { width: 0.5, stem: "imagenet" }),
    );
    const norms = specs
      .filter(({ name }) => name.endsWith("running_mean"))
      .map(({ name }) => name.replace("running_mean", "num_batches_tracked"));
    expect(norms).toHaveLength(9);
    expect([...tensors.keys()].sort()).toEqual(
      [...specs.map(({ name }) => name), ...norms].sort(),
    );
    for (const { name, torchShape } of specs)
      expect(tensors.get(name)).toMatchObject({
        dtype: "F32",
        shape: torchShape,
      });
    // Two steps on two batches.
    for (const name of norms)
      expect(tensors.get(name)).toEqual({
        dtype: "I64",
        shape: [],
        data: BigInt64Array.of(2n),
      });
  });

  it("holds the checkpoint's values, the last one's or the best one's", () => {
    expect(
      run("export --run run --checkpoint best --out best.safetensors").code,
    ).toBe(0);
    for (const [file, checkpoint] of [
      ["weights.safetensors", "last.safetensors"],
      ["best.safetensors", "best.safetensors"],
    ] as const) {
      const exported = tensorsOf(at(file)).tensors;
      const kept = tensorsOf(at("run", "checkpoints", checkpoint)).tensors;
      for (const [name, { data }] of exported)
        if (!name.endsWith("num_batches_tracked"))
          expect(data).toEqual(kept.get(name)?.data);
    }
  });

  it("is evaluated as the run is, given its width and stem", () => {
    for (const [args, out] of [
      ["--run run", "a"],
      [`--weights weights.safetensors ${network} ${data}`, "b"],
    ] as const) {
      expect(run(`eval ${args} --out ${out}`).code).toBe(0);
      expect(logitsOf(out)).toEqual(logitsOf("run"));
    }
  });

  it("is evaluated on other data without the run's limits, which are about its own", async () => {
    const labels = Array.from({ length: 30 }, (_, i) => [i % 10]);
    const names = Array.from({ length: 10 }, (_, i) => `class ${i}`);
    const files = new Map([
      ["other/batches.meta.txt", text(names)],
      ["other/data_batch_1.bin", records(labels)],
      ["other/test_batch.bin", records(labels)],
    ]);
    await writeFiles(folder, files);
    const result = run("eval --run run --data other --json");
    expect(complaint(result)).toBe("");
    expect(JSON.parse(result.stdout)).toMatchObject({ count: 30 });
    const own = run("eval --run run --json");
    expect(JSON.parse(own.stdout)).toMatchObject({ count: 20 });
  });

  it("is refused by a network of another stem, with the tensor's name", () => {
    const result = run(
      `eval --weights weights.safetensors --model resnet8 --width 0.5 ${data}`,
    );
    expect(result.code).toBe(2);
    expect(complaint(result)).toBe(
      "tarnish: weights.safetensors: does not fit the model: conv1.weight has shape [8, 3, 7, 7], the model's has [8, 3, 3, 3]",
    );
  });
});

describe("export, or eval, refuses", () => {
  it.each([
    [
      "export --run nosuch --out x.safetensors",
      "nosuch: is no run folder (it has no readable config.json)",
    ],
    [
      "export --run run --out weights.safetensors",
      "weights.safetensors: exists; name another file with --out, or add --overwrite to replace it",
    ],
    ["export --run run --out run", "--out run: is a folder; name a file"],
    [
      "export --run run --overwrite --out run/config.json",
      "run/config.json: is one of the files of the run folder run; name another file with --out",
    ],
    [
      "eval --run run --overwrite",
      "--overwrite: replaces nothing without --out; name a folder with --out, or leave --overwrite out",
    ],
    [
      "export --run run --checkpoint first --out x.safetensors",
      "--checkpoint: expected one of last, best, got first",
    ],
  ])("%s", (args, message) => {
    const result = run(args);
    expect(result.code).toBe(2);
    expect(complaint(result)).toBe(`tarnish: ${message}`);
    expect(existsSync(at("x.safetensors"))).toBe(false);
  });

  it("a damaged config.json, as eval does", async () => {
    const normalised = (normalisation: unknown) =>
      JSON.stringify({ ...named, classes: ["a", "b"], normalisation });
    const mean = [0.5, 0.5, 0.5];
    for (const [text, message] of [
      ["{", "is damaged (no JSON)"],
      ["null", "names no model or no data"],
      [JSON.stringify(named), "names no classes"],
      [normalised(5), "normalisation is no object with mean and std"],
      [normalised({ mean: [0, 0], std: mean }), "normalisation.mean is no list of three numbers"], // prettier-ignore
      [normalised({ mean, std: [0.2, 0, 0.2] }), "normalisation.std is no list of three numbers above 0"], // prettier-ignore
      [normalised({ mean, std: [0.2, 1e-320, 0.2] }), "normalisation.std is no list of three numbers above 0"], // prettier-ignore
    ] as const) {
      writeFileSync(at("config.json"), text);
      await expect(readRunConfig(folder)).rejects.toThrow(
        new UserError(`${at("config.json")}: ${message}`),
      );
    }
    for (const command of [
      "export --run . --out x.safetensors",
      "eval --run .",
    ]) {
      const result = run(command);
      expect(result.code).toBe(2);
      expect(complaint(result)).toContain("tarnish: config.json: normalisation.std"); // prettier-ignore
    }
  });

  it("a file as its folder", () => {
    const result = run("export --run run --out weights.safetensors/x");
    expect(result.code).toBe(2);
    expect(complaint(result)).toBe("tarnish: weights.safetensors/x: cannot be written: a file is where a folder should be (EEXIST); move it away, or name another place"); // prettier-ignore
  });
});

/** What `tarnish train` and `tarnish eval` refuse: exit code 2, one message, nothing written. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../src/data/node-root.js";
import { encodeSafetensors } from "../../src/engine/safetensors.js";
import { encodeWeights } from "../../src/experiments/weights.js";
import { describeModel } from "../../src/models/describe.js";
import { buildModel } from "../../src/models/registry.js";
import { plain, writeFiles } from "../data/images.js";
import { complaint, tarnish, temporaryFolder } from "./command.js";

const folder = temporaryFolder();
const at = (...path: string[]) => join(folder, ...path);

beforeAll(() => {
  mkdirSync(at("taken"));
  writeFileSync(at("taken", "thesis.txt"), "mine");
  // CIFAR-10's layout with the last byte missing.
  const sample = join(packageRoot(), "data", "sample");
  mkdirSync(at("cut"));
  for (const file of ["batches.meta.txt", "data_batch_1.bin", "test_batch.bin"])
    writeFileSync(
      at("cut", file),
      file === "test_batch.bin"
        ? readFileSync(join(sample, file)).subarray(0, -1)
        : readFileSync(join(sample, file)),
    );
  const other = encodeSafetensors(
    new Map([
      [
        "conv1.weight",
        { dtype: "F32", shape: [2, 1], data: Float32Array.of(1, 2) },
      ],
      ["layer9.bias", { dtype: "F32", shape: [1], data: Float32Array.of(1) }],
    ]),
  );
  writeFileSync(at("other.safetensors"), other);
  writeFileSync(at("damaged.safetensors"), other.subarray(0, -1));
  const { specs } = describeModel(buildModel("lenet", 10));
  const weights = new Map(
    specs.map(({ name, torchShape }) => [
      name,
      new Float32Array(torchShape.reduce((a, b) => a * b, 1)),
    ]),
  );
  weights.get("fc2.bias")![3] = NaN;
  writeFileSync(at("nan.safetensors"), encodeWeights(specs, weights));
});

const train = "train --train-limit 80 --test-limit 50 --batch 40 --epochs 1";
const evaluate = "eval --test-limit 50 --data sample --model lenet --weights";
const misfit =
  "conv1.weight has shape [2, 1], the model's has [6, 3, 5, 5]; missing: conv1.bias, conv2.weight, conv2.bias, fc1.weight, fc1.bias, fc2.weight, fc2.bias, fc3.weight, fc3.bias; not in the model: layer9.bias";

describe("refused before anything is written", () => {
  it.each<[string, string]>([
    [
      `${train} --model alexnet`,
      "--model: expected one of lenet, shallow, resnet8, resnet18, ",
    ],
    [`${train} --width 2`, "--width: lenet comes in width 1 only, got 2"],
    [
      `${train} --model shallow --stem cifar`,
      "--stem: shallow has no choice of stems; leave --stem out",
    ],
    [
      `${train} --model resnet8 --stem conv`,
      "--stem: expected one of cifar, imagenet, got conv",
    ],
    [`${train} --keep 0`, "--keep 0 leaves no training image; keep more"],
    [`${train} --keep 1.5`, "--keep: expected a share between 0 and 1"],
    [
      `${train} --noise 0.2 --noise-kind nosuch`,
      "--noise-kind nosuch: is unknown; choose one of shuffle",
    ],
    [`${train} --data nosuch`, "data nosuch: no such file or folder"],
    [`${train} --data cut`, "test_batch.bin"],
    [
      `${train} --train-limit 30`,
      "--batch 40: there are 30 training images; take at most as many",
    ],
    [
      `${train} --micro-batch 80`,
      "--micro-batch 80: is larger than --batch 40",
    ],
    [
      `${train} --steps 9`,
      "--epochs 1, --steps 9: both say how long a run trains; leave one out",
    ],
    [`${train} --split-seed 3`, "take --data-split random to draw others"],
    [`${train} --micro-batch 0`, "--micro-batch: expected a whole number"],
    [
      `${train} --memory-limit 0.004`,
      "on the device, but the limit set for it is 4.1 MiB. What fits: --micro-batch 20",
    ],
    [
      `${train} --memory-limit 0`,
      "--memory-limit: expected a number above 0, got 0",
    ],
    [`${train} --warmup 1`, "--warmup 1: takes 2 of 2 steps"],
    [
      `${train} --weight-decay 1e39`,
      "--weight-decay: expected at most 3.40e+38",
    ],
    [`${train} --nesterov --momentum 0`, "--nesterov: needs a --momentum"],
    [`${train} --adapter nosuch`, "nosuch"],
    [
      `${train} --init nosuch.safetensors`,
      "nosuch.safetensors: cannot be read",
    ],
    [`${train} --init taken`, "taken: cannot be read"],
    [`${train} --init damaged.safetensors`, "damaged.safetensors: "],
    [
      `${train} --init other.safetensors`,
      `other.safetensors: does not fit the model: ${misfit}`,
    ],
    [
      `${train} --init nan.safetensors`,
      "nan.safetensors: holds NaN in fc2.bias; weights are finite numbers",
    ],
    [`${evaluate} nan.safetensors`, "nan.safetensors: holds NaN in fc2.bias"],
    [`${evaluate} damaged.safetensors`, "damaged.safetensors: "],
    [
      `${evaluate} other.safetensors`,
      `other.safetensors: does not fit the model: ${misfit}`,
    ],
    ["eval --run taken", "taken: is no run folder"],
    ["eval", "name either --run DIR or --weights FILE"],
    [
      "eval --weights other.safetensors",
      "--weights: needs --model and --data beside it",
    ],
  ])("%s", (args, message) => {
    const before = readdirSync(folder, { recursive: true });
    const result = tarnish([...args.split(" "), "--out", "fresh"], {
      cwd: folder,
    });
    expect(complaint(result)).toContain(message);
    expect(complaint(result)).toMatch(/^tarnish: /);
    expect(result.stderr.match(/^tarnish: /gm)).toHaveLength(1);
    expect(result.stderr).not.toMatch(/internal error|\n\s+at /);
    expect(result.code).toBe(2);
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  });
});

it("images too small for the model are refused in the words of the flag", async () => {
  await writeFiles(
    at("photos"),
    new Map([
      ["red/1.png", await plain([250, 5, 10])],
      ["red/2.png", await plain([240, 0, 0])],
      ["blue/1.png", await plain([10, 20, 240])],
      ["blue/2.png", await plain([0, 0, 250])],
    ]),
  );
  for (const size of [8, 12]) {
    const result = tarnish(
      `train --data photos --val-fraction 0.5 --image-size ${size} --out fresh`.split(
        " ",
      ),
      { cwd: folder, env: { TARNISH_CACHE: at("cache") } },
    );
    expect(complaint(result)).toContain(
      `tarnish: --image-size ${size}: lenet cannot take images of ${size}×${size}`,
    );
    expect(result.code).toBe(2);
    expect(existsSync(at("fresh"))).toBe(false);
  }
});

describe("a folder with something in it", () => {
  it("is refused and left as it is without --overwrite", () => {
    for (const command of [train, `${evaluate} other.safetensors`]) {
      const result = tarnish([...command.split(" "), "--out", "taken"], {
        cwd: folder,
      });
      expect(result.code).toBe(2);
      expect(complaint(result)).toBe(
        "tarnish: taken: exists and is not empty; name another folder with --out, or add --overwrite to replace what is there",
      );
      expect(readdirSync(at("taken"))).toEqual(["thesis.txt"]);
      expect(readFileSync(at("taken", "thesis.txt"), "utf8")).toBe("mine");
    }
  });

  it("is refused with --overwrite too where it holds no run", () => {
    const result = tarnish(`${train} --overwrite --out taken`.split(" "), {
      cwd: folder,
    });
    expect(result.code).toBe(2);
    expect(complaint(result)).toBe(
      "tarnish: taken: is not empty and no run folder (it has no config.json); name another folder with --out",
    );
    expect(readFileSync(at("taken", "thesis.txt"), "utf8")).toBe("mine");
  });

  it("keeps what it has when a request with --overwrite is refused", () => {
    mkdirSync(at("earlier"));
    const config = '{"model":"lenet","data":"sample","seed":0}';
    writeFileSync(at("earlier", "config.json"), config);
    const args = `${train} --overwrite --init other.safetensors --out earlier`;
    const result = tarnish(args.split(" "), { cwd: folder });
    expect(result.code).toBe(2);
    expect(complaint(result)).toContain("does not fit the model");
    expect(readFileSync(at("earlier", "config.json"), "utf8")).toBe(config);
  });
});

// Where mkdir's `recursive` would try for ever.
describe.runIf(existsSync("/proc/self"))("a folder that cannot be made", () => {
  it("is refused with the reason", () => {
    const out = "/proc/tarnish/run";
    const result = tarnish([...train.split(" "), "--out", out]);
    expect(result.code).toBe(2);
    expect(complaint(result)).toContain(`${out}: cannot be written`);
  });
});

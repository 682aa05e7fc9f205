/** What models consist of: against PyTorch's own models, and against numbers that are published. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeModel } from "../../src/models/describe.js";
import type { Stem } from "../../src/models/options.js";
import { buildModel, models } from "../../src/models/registry.js";

interface Row {
  readonly model: string;
  readonly stem?: Stem;
  readonly classes: number;
  readonly parameters: number;
  readonly tensors: number;
  readonly shapesSha256: string;
}

const rows = JSON.parse(
  readFileSync(new URL("../golden/models.json", import.meta.url), "utf8"),
) as Row[];

describe("models at width 1", () => {
  it("are all in PyTorch's table, with every stem", () => {
    const inTable = rows.map(({ model, stem = "" }) => `${model} ${stem}`);
    const expected = models.flatMap(({ name, options }) =>
      (options.includes("stem") ? ["cifar", "imagenet"] : [""]).flatMap(
        (stem) => [`${name} ${stem}`, `${name} ${stem}`],
      ),
    );
    expect(inTable).toEqual(expected);
  });

  it.each(rows)(
    "have PyTorch's tensors: $model $stem $classes",
    ({ model, stem, classes, parameters, tensors, shapesSha256 }) => {
      const { specs, ...found } = describeModel(
        buildModel(model, classes, { stem }),
      );
      expect(found.parameters).toBe(parameters);
      expect(specs).toHaveLength(tensors);
      const lines = specs
        .map(({ name, torchShape }) => ({ name, shape: torchShape.join() }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ name, shape }) => `${name} ${shape}\n`);
      expect(createHash("sha256").update(lines.join("")).digest("hex")).toBe(
        shapesSha256,
      );
    },
  );
});

describe("torchvision's numbers (1000 classes, 224×224)", () => {
  it.each([
    ["resnet18", 11_689_512, 1.814e9],
    ["resnet34", 21_797_672, 3.664e9],
    ["resnet50", 25_557_032, 4.089e9],
    ["resnet101", 44_549_160, 7.801e9],
    ["resnet152", 60_192_808, 11.514e9],
  ])("%s", (name, parameters, multiplyAdds) => {
    const found = describeModel(
      buildModel(name, 1000, { stem: "imagenet" }),
      [224, 224, 3],
    );
    expect(found.parameters).toBe(parameters);
    expect(Math.abs(found.multiplyAdds / multiplyAdds - 1)).toBeLessThan(1e-3);
  });
});

describe("a described layer", () => {
  const { layers } = describeModel(buildModel("resnet50", 10));
  const layer = (name: string) => layers.find((found) => found.name === name);

  it("has PyTorch's name, its tensors' shapes, and its cost", () => {
    expect(layer("layer2.0.conv2")).toEqual({
      name: "layer2.0.conv2",
      tensors: new Map([["weight", [128, 128, 3, 3]]]),
      stride: 2,
      output: [16, 16, 128],
      parameters: 147_456,
      multiplyAdds: 16 * 16 * 147_456,
    });
    expect(layer("layer2.0.bn2")).toMatchObject({
      parameters: 256,
      multiplyAdds: 0,
    });
    expect([...layer("layer2.0.bn2")!.tensors.keys()]).toEqual([
      "weight",
      "bias",
      "running_mean",
      "running_var",
    ]);
    expect(layer("fc")).toMatchObject({
      tensors: new Map([
        ["weight", [10, 2048]],
        ["bias", [10]],
      ]),
      output: [1, 1, 10],
      parameters: 20_490,
      multiplyAdds: 20_480,
    });
  });
});

import { describe, expect, it } from "vitest";
import type { ParameterSpec } from "../../src/engine/parameters.js";
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsTensor,
} from "../../src/engine/safetensors.js";
import { UserError } from "../../src/errors.js";
import {
  decodeWeights,
  encodeWeights,
  weightsSha256,
} from "../../src/experiments/weights.js";

const spec = (
  name: string,
  torchShape: readonly number[],
  role: ParameterSpec["role"] = "parameter",
): ParameterSpec => ({
  name,
  role,
  torchShape,
  shape: [1, 1, 1, 1],
  layout: "vector",
  initial: { kind: "constant", value: 0 },
});
const specs = [
  spec("conv1.weight", [2, 3, 1, 1]),
  spec("bn1.running_mean", [2], "state"),
];
const weights = new Map([
  ["conv1.weight", Float32Array.of(1, -0, 3e-45, 4, 5, -6.5)],
  ["bn1.running_mean", Float32Array.of(0.1, 0.2)],
]);
const momentum = new Map([["conv1.weight", new Float32Array(6).fill(7)]]);

const tensor = (shape: number[]): SafetensorsTensor => ({
  dtype: "F32",
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});
const fileOf = (tensors: Record<string, SafetensorsTensor>) =>
  encodeSafetensors(new Map(Object.entries(tensors)));
const good = {
  "conv1.weight": tensor([2, 3, 1, 1]),
  "bn1.running_mean": tensor([2]),
};

describe("weights files", () => {
  it.each([NaN, Infinity, -Infinity])(
    "with %s are refused by the tensor's name",
    (value) => {
      const data = Float32Array.of(0.1, value);
      const bytes = fileOf({
        ...good,
        "bn1.running_mean": { dtype: "F32", shape: [2], data },
      });
      expect(() => decodeWeights(bytes, "w.st", specs)).toThrow(
        `w.st: holds ${value} in bn1.running_mean`,
      );
    },
  );

  it("come back bit for bit, in PyTorch's shapes, with momentum and metadata beside them", () => {
    const bytes = encodeWeights(specs, weights, momentum, { step: "12" });
    const decoded = decodeWeights(bytes, "w", specs);
    expect([...decoded.keys()]).toEqual(["conv1.weight", "bn1.running_mean"]);
    for (const [name, data] of weights)
      expect(new Uint32Array(decoded.get(name)!.slice().buffer)).toEqual(
        new Uint32Array(data.slice().buffer),
      );
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect(metadata).toEqual({ step: "12" });
    expect([...tensors.keys()].sort()).toEqual([
      "bn1.running_mean",
      "conv1.weight",
      "momentum.conv1.weight",
    ]);
    expect(tensors.get("momentum.conv1.weight")).toMatchObject({
      shape: [2, 3, 1, 1],
      data: momentum.get("conv1.weight"),
    });
  });

  it("may hold num_batches_tracked, as PyTorch's do", () => {
    const counter: SafetensorsTensor = {
      dtype: "I64",
      shape: [],
      data: BigInt64Array.of(5n),
    };
    const bytes = fileOf({ ...good, "bn1.num_batches_tracked": counter });
    expect(decodeWeights(bytes, "w", specs).size).toBe(2);
  });

  it("are refused with the names of all tensors that do not fit", () => {
    const bytes = fileOf({
      "conv1.weight": tensor([3, 2, 1, 1]),
      "conv9.weight": tensor([1]),
    });
    expect(() => decodeWeights(bytes, "w.safetensors", specs)).toThrow(
      new UserError(
        "w.safetensors: does not fit the model: conv1.weight has shape [3, 2, 1, 1], the model's has [2, 3, 1, 1]; " +
          "missing: bn1.running_mean; not in the model: conv9.weight",
      ),
    );
  });

  it("are refused where they hold integers", () => {
    const integers: SafetensorsTensor = {
      dtype: "I32",
      shape: [2],
      data: Int32Array.of(1, 2),
    };
    const bytes = fileOf({ ...good, "bn1.running_mean": integers });
    expect(() => decodeWeights(bytes, "w", specs)).toThrow(
      "bn1.running_mean holds I32, not floats",
    );
  });

  it("are refused with every name, however many", () => {
    const many = Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [`x${i}`, tensor([1])]),
    );
    expect(() =>
      decodeWeights(fileOf({ ...good, ...many }), "w", specs),
    ).toThrow(/: not in the model: x0, x1, x2, x3, x4, x5, x6, x7, x8$/);
  });

  it("are refused as UserError where they are cut off, empty or something else", () => {
    const bytes = encodeWeights(specs, weights);
    for (const damaged of [
      bytes.slice(0, -1),
      bytes.slice(0, 20),
      new Uint8Array(),
      new TextEncoder().encode("not a safetensors file at all"),
    ]) {
      expect(() => decodeWeights(damaged, "w.safetensors", specs)).toThrow(
        UserError,
      );
      expect(() => decodeWeights(damaged, "w.safetensors", specs)).toThrow(
        /^w\.safetensors: /,
      );
    }
  });
});

describe("weightsSha256", () => {
  it("depends on every bit of the weights and on nothing else", async () => {
    const hash = await weightsSha256(specs, weights);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const reversed = new Map([...weights].reverse());
    expect(await weightsSha256(specs, reversed)).toBe(hash);
    const changed = new Map(weights).set(
      "bn1.running_mean",
      Float32Array.of(0.1, 0.2 + 2 ** -25),
    );
    expect(changed.get("bn1.running_mean")![1]).not.toBe(Math.fround(0.2));
    expect(await weightsSha256(specs, changed)).not.toBe(hash);
  });
});

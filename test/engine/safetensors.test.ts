import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
  SafetensorsError,
  type SafetensorsFault,
  type SafetensorsTensor,
} from "../../src/engine/safetensors.js";

/** A file of a header text and data, put together apart from the encoder. */
function file(header: string, data: readonly number[] = []): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function entry(
  name: string,
  dtype: string,
  shape: number[],
  begin: number,
  end: number,
): string {
  return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`;
}

function bytesOf(array: ArrayBufferView): number[] {
  return [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)];
}

/** A tensor of every kind that both sides know. */
function everyDtype(): Map<string, SafetensorsTensor> {
  return new Map<string, SafetensorsTensor>([
    ["bool", { dtype: "BOOL", shape: [2], data: Uint8Array.of(0, 1) }],
    ["u8", { dtype: "U8", shape: [3], data: Uint8Array.of(0, 7, 255) }],
    ["i8", { dtype: "I8", shape: [1, 3], data: Int8Array.of(-128, -1, 127) }],
    ["u16", { dtype: "U16", shape: [1], data: Uint16Array.of(65535) }],
    ["i16", { dtype: "I16", shape: [2], data: Int16Array.of(-32768, 5) }],
    [
      "f16",
      {
        dtype: "F16",
        shape: [2, 3],
        data: Float32Array.of(1, -2.5, 65504, 2 ** -24, -0, Infinity),
      },
    ],
    [
      "bf16",
      { dtype: "BF16", shape: [2], data: Float32Array.of(-1.5, 2 ** 100) },
    ],
    ["u32", { dtype: "U32", shape: [1], data: Uint32Array.of(0xffffffff) }],
    ["i32", { dtype: "I32", shape: [2], data: Int32Array.of(-(2 ** 31), 3) }],
    [
      "f32",
      {
        dtype: "F32",
        shape: [2, 1, 2],
        data: Float32Array.of(0.1, -3e38, 1e-45, NaN),
      },
    ],
    ["f64", { dtype: "F64", shape: [1], data: Float32Array.of(0.1) }],
    [
      "i64",
      {
        dtype: "I64",
        shape: [2],
        data: BigInt64Array.of(-(2n ** 63n), 2n ** 62n),
      },
    ],
    [
      "u64",
      { dtype: "U64", shape: [], data: BigUint64Array.of(2n ** 64n - 1n) },
    ],
    ["empty", { dtype: "F32", shape: [0, 4], data: new Float32Array() }],
    ["10", { dtype: "U8", shape: [1], data: Uint8Array.of(1) }],
    ['quote"ü\n', { dtype: "U8", shape: [], data: Uint8Array.of(9) }],
  ]);
}

describe("encodeSafetensors", () => {
  it("writes the bytes that the format prescribes", () => {
    const bytes = encodeSafetensors(
      new Map<string, SafetensorsTensor>([
        ["n", { dtype: "I32", shape: [2], data: Int32Array.of(1, -2) }],
        ["w", { dtype: "F32", shape: [1, 2], data: Float32Array.of(1, -2) }],
        ["h", { dtype: "F16", shape: [1], data: Float32Array.of(1.5) }],
      ]),
      { step: "3" },
    );
    const header =
      '{"__metadata__":{"step":"3"},' +
      '"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
      '"n":{"dtype":"I32","shape":[2],"data_offsets":[8,16]},' +
      '"h":{"dtype":"F16","shape":[1],"data_offsets":[16,18]}}';
    expect(header.length).toBe(193);
    expect([...bytes]).toEqual([
      ...[200, 0, 0, 0, 0, 0, 0, 0],
      ...new TextEncoder().encode(header + " ".repeat(7)),
      ...[0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0],
      ...[0x01, 0x00, 0x00, 0x00, 0xfe, 0xff, 0xff, 0xff],
      ...[0x00, 0x3e],
    ]);
  });

  it("writes an empty file", () => {
    expect([...encodeSafetensors(new Map())]).toEqual([
      ...[8, 0, 0, 0, 0, 0, 0, 0],
      ...new TextEncoder().encode("{}      "),
    ]);
  });

  it("gives the same bytes in whatever order the map is", () => {
    const tensors = everyDtype();
    const reversed = new Map([...tensors].reverse());
    expect(encodeSafetensors(reversed)).toEqual(encodeSafetensors(tensors));
  });

  it("writes a view's own part of its buffer", () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const bytes = encodeSafetensors(
      new Map([["x", { dtype: "F32" as const, shape: [2], data }]]),
    );
    expect(decodeSafetensors(bytes).tensors.get("x")?.data).toEqual(
      Float32Array.of(2, 3),
    );
  });

  const refused: [string, string, SafetensorsTensor, SafetensorsFault][] = [
    [
      "a shape of another size",
      "x",
      { dtype: "F32", shape: [3], data: new Float32Array(2) },
      "size",
    ],
    [
      "a fractional dimension",
      "x",
      { dtype: "F32", shape: [0.5, 4], data: new Float32Array(2) },
      "entry",
    ],
    [
      "an array of another type",
      "x",
      {
        dtype: "F32",
        shape: [2],
        data: new Int32Array(2),
      } as unknown as SafetensorsTensor,
      "dtype",
    ],
    [
      "an unknown dtype",
      "x",
      {
        dtype: "toString",
        shape: [2],
        data: new Int32Array(2),
      } as unknown as SafetensorsTensor,
      "dtype",
    ],
    [
      "the reserved name",
      "__metadata__",
      { dtype: "U8", shape: [1], data: new Uint8Array(1) },
      "entry",
    ],
  ];
  it.each(refused)("refuses %s", (_, name, tensor, fault) => {
    expectFault(() => encodeSafetensors(new Map([[name, tensor]])), fault);
  });
});

describe("decodeSafetensors", () => {
  it("returns what was encoded, bit for bit", () => {
    const tensors = everyDtype();
    const metadata = { format: "pt", note: '{"a":"ü"}' };
    const bytes = encodeSafetensors(tensors, metadata);
    const decoded = decodeSafetensors(bytes);
    expect(decoded.metadata).toEqual(metadata);
    expect(decoded.tensors.size).toBe(tensors.size);
    for (const [name, tensor] of tensors) {
      const back = decoded.tensors.get(name)!;
      expect(back.dtype).toBe(tensor.dtype);
      expect(back.shape).toEqual(tensor.shape);
      expect(back.data.constructor).toBe(tensor.data.constructor);
      expect(bytesOf(back.data)).toEqual(bytesOf(tensor.data));
    }
    expect(encodeSafetensors(decoded.tensors, metadata)).toEqual(bytes);
  });

  it("copies: changing the file's bytes changes no tensor", () => {
    const bytes = encodeSafetensors(everyDtype());
    const { tensors } = decodeSafetensors(bytes);
    bytes.fill(0);
    expect(tensors.get("u8")!.data).toEqual(Uint8Array.of(0, 7, 255));
  });

  it("reads misaligned tensors, unpadded headers and a file inside a larger buffer", () => {
    const inner = file(
      `{${entry("b", "U8", [1], 0, 1)},${entry("x", "F32", [1], 1, 5)}}`,
      [42, 0, 0, 0x80, 0x3f],
    );
    const outer = new Uint8Array(inner.length + 5);
    outer.set(inner, 3);
    const { tensors } = decodeSafetensors(outer.subarray(3, 3 + inner.length));
    expect(tensors.get("b")!.data).toEqual(Uint8Array.of(42));
    expect(tensors.get("x")!.data).toEqual(Float32Array.of(1));
  });

  it("rounds F64 to f32, keeps its infinities, and refuses what f32 cannot hold", () => {
    const stored = (values: number[]) =>
      file(
        `{${entry("x", "F64", [values.length], 0, 8 * values.length)}}`,
        bytesOf(Float64Array.from(values)),
      );
    const { tensors } = decodeSafetensors(stored([0.1, -Infinity, NaN]));
    expect(tensors.get("x")!.data).toEqual(
      Float32Array.of(0.1, -Infinity, NaN),
    );
    expectFault(() => decodeSafetensors(stored([0, 1e39])), "range");
  });

  it("keeps a scalar I64 exactly, as PyTorch's num_batches_tracked is stored", () => {
    const bytes = file(`{${entry("bn1.n", "I64", [], 0, 8)}}`, [
      ...[1, 0, 0, 0, 0, 0, 0x20, 0],
    ]);
    expect(decodeSafetensors(bytes).tensors.get("bn1.n")!.data).toEqual(
      BigInt64Array.of(2n ** 53n + 1n),
    );
  });

  const whole = encodeSafetensors(everyDtype());
  const oversized = new Uint8Array(16);
  new DataView(oversized.buffer).setUint32(4, 1, true);
  const x = (shape: number[], begin: number, end: number) =>
    entry("x", "U8", shape, begin, end);
  const damaged: [string, Uint8Array, SafetensorsFault][] = [
    ["no bytes", new Uint8Array(), "truncated"],
    ["7 bytes", whole.slice(0, 7), "truncated"],
    ["half a header", whole.slice(0, 100), "truncated"],
    ["data cut by one byte", whole.slice(0, -1), "truncated"],
    ["a header length of 2^32", oversized, "header-size"],
    ["text", new TextEncoder().encode("<!DOCTYPE html>"), "header-size"],
    ["an empty header", file(""), "header-json"],
    ["a header cut short", file(`{${x([1], 0, 1)}`, [0]), "header-json"],
    ["a header that is an array", file("[]"), "header-json"],
    ["a header that is not UTF-8", file("{}", []).fill(0xff, 8), "header-json"],
    ["an entry that is null", file('{"x":null}'), "entry"],
    [
      "an entry without a dtype",
      file('{"x":{"shape":[],"data_offsets":[0,0]}}'),
      "entry",
    ],
    ["a negative dimension", file(`{${x([-1, -1], 0, 1)}}`, [0]), "entry"],
    ["a fractional offset", file(`{${x([1], 0.5, 1.5)}}`, [0]), "entry"],
    [
      "three offsets",
      file('{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0,0]}}'),
      "entry",
    ],
    ["metadata that is no text", file('{"__metadata__":{"step":3}}'), "entry"],
    [
      "an unknown dtype",
      file(`{${entry("x", "F4", [2], 0, 1)}}`, [0]),
      "dtype",
    ],
    ["shape × dtype ≠ bytes", file(`{${x([2], 0, 1)}}`, [0]), "size"],
    [
      "a size past all integers",
      file(`{${x([2 ** 52, 2 ** 52, 2 ** 52], 0, 1)}}`, [0]),
      "size",
    ],
    ["an end before its begin", file(`{${x([1], 1, 0)}}`, [0]), "offsets"],
    ["an offset out of range", file(`{${x([1], 9, 10)}}`, [0]), "offsets"],
    ["an end past the data", file(`{${x([9], 0, 9)}}`, [0]), "truncated"],
    [
      "overlapping tensors",
      file(`{${x([2], 0, 2)},${entry("y", "U8", [2], 1, 3)}}`, [0, 0, 0]),
      "offsets",
    ],
    [
      "a hole",
      file(`{${x([1], 0, 1)},${entry("y", "U8", [1], 2, 3)}}`, [0, 0, 0]),
      "offsets",
    ],
    ["bytes after the last tensor", file("{}", [0]), "offsets"],
  ];
  it.each(damaged)("refuses %s", (_, bytes, fault) => {
    expectFault(() => decodeSafetensors(bytes), fault);
  });

  it("refuses every prefix of a file by name", () => {
    for (let length = 0; length < whole.length; length++) {
      expectFault(
        () => decodeSafetensors(whole.subarray(0, length)),
        "truncated",
      );
    }
  });
});

const python = ["/usr/bin/python3", "python3"].find(
  (command) => spawnSync(command, ["-c", "import numpy"]).status === 0,
);

describe.skipIf(python === undefined)("the reader in Python", () => {
  it("reads what encodeSafetensors wrote", () => {
    const tensors = everyDtype();
    const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
    try {
      const path = join(folder, "every.safetensors");
      writeFileSync(path, encodeSafetensors(tensors, { note: "ü" }));
      const run = spawnSync(python!, ["tools/golden/safetensors_io.py", path], {
        encoding: "utf8",
      });
      expect(run.stderr).toBe("");
      const shown = JSON.parse(run.stdout) as {
        tensors: Record<string, unknown>;
        metadata: Record<string, string>;
      };
      expect(shown.metadata).toEqual({ note: "ü" });
      expect(shown.tensors).toEqual(
        Object.fromEntries(
          [...tensors].map(([name, { dtype, shape, data }]) => [
            name,
            { dtype, shape, data: [...data].map((v) => shownAs(dtype, v)) },
          ]),
        ),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.each(["lenet", "shallow", "resnet8"])(
  "test/golden/%s.safetensors, written in Python",
  (model) => {
    it("is read, and its F32 tensors are written back byte for byte", () => {
      const bytes = readFileSync(`test/golden/${model}.safetensors`);
      const { tensors, metadata } = decodeSafetensors(bytes);
      expect(tensors.get("logits.train")?.shape).toEqual([16, 10]);
      expect(JSON.parse(metadata.settings!)).toMatchObject({ model });
      // F64 is rounded when it is read; everything else comes back as it was.
      const single = [...tensors].filter(([, { dtype }]) => dtype === "F32");
      const data = encodeSafetensors(new Map(single));
      const dataBytes = single.reduce((n, [, t]) => n + t.data.byteLength, 0);
      expect(data.subarray(-dataBytes)).toEqual(
        new Uint8Array(bytes.subarray(-dataBytes)),
      );
    });
  },
);

/** A value as safetensors_io.py prints it. */
function shownAs(dtype: string, value: number | bigint): unknown {
  if (typeof value === "bigint") return String(value);
  if (dtype === "BOOL") return value === 1;
  if (Number.isNaN(value)) return "nan";
  if (value === Infinity) return "inf";
  return value;
}

function expectFault(action: () => unknown, fault: SafetensorsFault): void {
  let caught: unknown;
  try {
    action();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(SafetensorsError);
  expect((caught as SafetensorsError).fault).toBe(fault);
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readNpy, writeNpy } from "../../src/data/npy.js";
import { UserError } from "../../src/errors.js";

/** The bytes of numpy.save for a 1-D array (NumPy 1.24): its header is padded to 128 bytes in all. */
function numpyFile(
  descr: string,
  shape: string,
  data: readonly number[],
): Uint8Array {
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = "\x93NUMPY\x01\x00v\x00" + dict.padEnd(117) + "\n";
  return Uint8Array.from([
    ...Array.from(header, (char) => char.charCodeAt(0)),
    ...data,
  ]);
}

describe("writeNpy", () => {
  it("writes the bytes that numpy.save writes", () => {
    // numpy.save(f, numpy.array([0, 1, -2, 2**31 - 1, 9], dtype="<i4"))
    const expected = numpyFile("<i4", "(5,)", [
      ...[0, 0, 0, 0],
      ...[1, 0, 0, 0],
      ...[0xfe, 0xff, 0xff, 0xff],
      ...[0xff, 0xff, 0xff, 0x7f],
      ...[9, 0, 0, 0],
    ]);
    expect(
      Array.from(writeNpy(Int32Array.of(0, 1, -2, 2 ** 31 - 1, 9))),
    ).toEqual(Array.from(expected));
  });

  it("is read back as it was (property)", () => {
    fc.assert(
      fc.property(fc.int32Array({ maxLength: 300 }), (values) => {
        const file = writeNpy(values);
        expect((file.length - 4 * values.length) % 64).toBe(0);
        expect(readNpy(file, "labels.npy")).toEqual(values);
      }),
    );
  });
});

describe("readNpy", () => {
  it("reads other integer types, in either byte order", () => {
    expect(
      Array.from(
        readNpy(
          numpyFile("<i8", "(2,)", [
            3,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            ...Array<number>(8).fill(255),
          ]),
          "f",
        ),
      ),
    ).toEqual([3, -1]);
    expect(
      Array.from(readNpy(numpyFile(">i2", "(2,)", [0, 1, 1, 0x2c]), "f")),
    ).toEqual([1, 300]);
    expect(
      Array.from(readNpy(numpyFile("|u1", "(2,)", [7, 255]), "f")),
    ).toEqual([7, 255]);
    expect(Array.from(readNpy(numpyFile("|i1", "(1,)", [255]), "f"))).toEqual([
      -1,
    ]);
  });

  it("reads a file that starts anywhere in a larger buffer", () => {
    const file = writeNpy(Int32Array.of(5, 6));
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    expect(Array.from(readNpy(shifted.subarray(3), "f"))).toEqual([5, 6]);
  });

  const good = writeNpy(Int32Array.of(1, 2, 3));
  it.each<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(), /no \.npy file/],
    ["text", new TextEncoder().encode("1\n2\n3\n"), /no \.npy file/],
    ["a cut header", good.subarray(0, 40), /header is damaged or incomplete/],
    [
      "nothing after the magic",
      good.subarray(0, 6),
      /header is damaged or incomplete/,
    ],
    [
      "cut data",
      good.subarray(0, -1),
      /11 bytes of data, but its header promises 3 values of 4 bytes/,
    ],
    ["data past the end", Uint8Array.from([...good, 0]), /13 bytes of data/],
    [
      "floats",
      numpyFile("<f8", "(1,)", [0, 0, 0, 0, 0, 0, 0, 0]),
      /type <f8.*integers/,
    ],
    [
      "two dimensions",
      numpyFile("<i4", "(1, 1)", [0, 0, 0, 0]),
      /shape \(1, 1\).*one dimension/,
    ],
    ["no dimension", numpyFile("<i4", "()", [0, 0, 0, 0]), /shape \(\)/],
    [
      "a header of another format",
      numpyFile("<i4", "oops", []),
      /header is damaged/,
    ],
    [
      "a value beyond int32",
      numpyFile("<u4", "(1,)", [0, 0, 0, 0x80]),
      /2147483648 at index 0/,
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readNpy(bytes, "given.npy")).toThrow(UserError);
    expect(() => readNpy(bytes, "given.npy")).toThrow(message);
    expect(() => readNpy(bytes, "given.npy")).toThrow(/^given\.npy: /);
  });
});

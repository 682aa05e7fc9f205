/**
 * NumPy's .npy format, as far as labels and transition matrices need it. Labels are written as version 1.0, int32
 * little-endian, and read from any integer type; matrices are read from any number type.
 * Format: numpy.lib.format's docstring (NEP 1).
 */
import { UserError } from "../errors.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY
/** NumPy pads the header so that the data starts on a multiple of this. */
const ALIGNMENT = 64;

/** The values as int32 little-endian bytes, whatever the machine's own byte order. */
export function int32LittleEndian(values: Int32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setInt32(i * 4, value, true);
  });
  return bytes;
}

/** A .npy file holding `values` as an int32 array of shape (n,). */
export function writeNpy(values: Int32Array): Uint8Array<ArrayBuffer> {
  const dict = `{'descr': '<i4', 'fortran_order': False, 'shape': (${values.length},), }`;
  const prefix = MAGIC.length + 4; // magic, version, header length
  const total = Math.ceil((prefix + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = dict.padEnd(total - prefix - 1) + "\n";
  const file = new Uint8Array(total + values.length * 4);
  file.set([...MAGIC, 1, 0, header.length & 0xff, header.length >> 8]);
  file.set(new TextEncoder().encode(header), prefix);
  file.set(int32LittleEndian(values), total);
  return file;
}

type Reader = (view: DataView, offset: number, little: boolean) => number;

/** Number types by NumPy's kind and size: bytes and how to read one value. */
const numberTypes: Readonly<Record<string, { size: number; read: Reader }>> = {
  i1: { size: 1, read: (view, at) => view.getInt8(at) },
  u1: { size: 1, read: (view, at) => view.getUint8(at) },
  i2: { size: 2, read: (view, at, little) => view.getInt16(at, little) },
  u2: { size: 2, read: (view, at, little) => view.getUint16(at, little) },
  i4: { size: 4, read: (view, at, little) => view.getInt32(at, little) },
  u4: { size: 4, read: (view, at, little) => view.getUint32(at, little) },
  i8: {
    size: 8,
    read: (view, at, little) => Number(view.getBigInt64(at, little)),
  },
  u8: {
    size: 8,
    read: (view, at, little) => Number(view.getBigUint64(at, little)),
  },
  f4: { size: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { size: 8, read: (view, at, little) => view.getFloat64(at, little) },
};

/**
 * The values of a one-dimensional integer .npy file.
 *
 * @param name The file's name, for messages.
 * @throws UserError for anything else: another format, type or shape, a truncated file, a value beyond int32.
 */
export function readNpy(bytes: Uint8Array, name: string): Int32Array {
  const header = readHeader(bytes, name);
  if (!/^[<>|=]?[iu][1248]$/.test(header.descr)) {
    throw new UserError(
      `${name}: holds values of type ${header.descr}, but integers are needed; save it with .astype("int32")`,
    );
  }
  if (header.shape.length !== 1) {
    throw new UserError(
      `${name}: has shape (${header.shape.join(", ")}), but one dimension is needed, one integer per image`,
    );
  }
  return Int32Array.from(readValues(bytes, header, name), (value, i) => {
    if (value !== (value | 0))
      throw new UserError(
        `${name}: value ${value} at index ${i} does not fit int32`,
      );
    return value;
  });
}

/**
 * The rows of a two-dimensional .npy file of numbers, in C or in Fortran order.
 *
 * @param name The file's name, for messages.
 * @throws UserError for anything else.
 */
export function readNpyMatrix(bytes: Uint8Array, name: string): number[][] {
  const header = readHeader(bytes, name);
  const [rows = 0, columns = 0] = header.shape;
  if (
    header.shape.length !== 2 ||
    !/^[<>|=]?([iu][1248]|f[48])$/.test(header.descr)
  ) {
    throw new UserError(
      `${name}: has shape (${header.shape.join(", ")}) and type ${header.descr}, but a matrix of numbers is needed`,
    );
  }
  const values = readValues(bytes, header, name);
  return Array.from({ length: rows }, (_, r) =>
    Array.from(
      { length: columns },
      (__, c) => values[header.fortran ? c * rows + r : r * columns + c]!,
    ),
  );
}

interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Where the data starts. */
  readonly dataStart: number;
}

/** All values in the file's order; its type is one of numberTypes. */
function readValues(
  bytes: Uint8Array,
  { descr, shape, dataStart }: Header,
  name: string,
): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = shape.reduce((product, length) => product * length, 1);
  const { size, read } = numberTypes[descr.slice(-2)]!;
  if (bytes.length - dataStart !== count * size) {
    throw new UserError(
      `${name}: ${bytes.length - dataStart} bytes of data, but its header promises ${count} values of ${size} bytes; ` +
        "the file is damaged or incomplete: save it again",
    );
  }
  const little = !descr.startsWith(">");
  return Array.from({ length: count }, (_, i) =>
    read(view, dataStart + i * size, little),
  );
}

function readHeader(bytes: Uint8Array, name: string): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw new UserError(
      `${name}: is no .npy file (it does not start with \\x93NUMPY); write it with numpy.save`,
    );
  }
  const damaged = () =>
    new UserError(
      `${name}: the .npy header is damaged or incomplete; save the file again`,
    );
  const major = bytes[MAGIC.length];
  // Version 1 has a 2-byte header length, versions 2 and 3 a 4-byte one.
  const headerStart = MAGIC.length + (major === 1 ? 4 : 6);
  if (bytes.length < headerStart) throw damaged();
  const headerLength =
    major === 1
      ? view.getUint16(headerStart - 2, true)
      : view.getUint32(headerStart - 4, true);
  const dataStart = headerStart + headerLength;
  if (bytes.length < dataStart) throw damaged();
  const header = new TextDecoder().decode(
    bytes.subarray(headerStart, dataStart),
  );
  const descr = /'descr':\s*('[^']*'|\[.*?\])/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d, ]*)\)/.exec(header)?.[1];
  if (descr === undefined || shape === undefined) throw damaged();
  return {
    descr: descr.replaceAll("'", ""),
    fortran: /'fortran_order':\s*True/.test(header),
    shape: shape
      .split(",")
      .filter((text) => text.trim())
      .map(Number),
    dataStart,
  };
}

/**
 * NumPy's .npy format, as far as labels need it: one-dimensional integer arrays. Written as version 1.0, int32
 * little-endian; read from any integer type. Format: numpy.lib.format's docstring (NEP 1).
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

/** Integer types by NumPy's kind and size: bytes and how to read one value. */
const integerTypes: Readonly<Record<string, { size: number; read: Reader }>> = {
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
};

/**
 * The values of a one-dimensional integer .npy file.
 *
 * @param name The file's name, for messages.
 * @throws UserError for anything else: another format, type or shape, a truncated file, a value beyond int32.
 */
export function readNpy(bytes: Uint8Array, name: string): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { descr, shape, dataStart } = readHeader(view, bytes, name);
  const type = /^[<>|=]?([iu][1248])$/.exec(descr)?.[1];
  if (type === undefined) {
    throw new UserError(
      `${name}: holds values of type ${descr}, but integers are needed; save it with .astype("int32")`,
    );
  }
  if (!/^\d+,$/.test(shape)) {
    throw new UserError(
      `${name}: has shape (${shape}), but one dimension is needed, one integer per image`,
    );
  }
  const count = parseInt(shape, 10);
  const { size, read } = integerTypes[type]!;
  if (bytes.length - dataStart !== count * size) {
    throw new UserError(
      `${name}: ${bytes.length - dataStart} bytes of data, but its header promises ${count} values of ${size} bytes; ` +
        "the file is damaged or incomplete: save it again",
    );
  }
  const little = !descr.startsWith(">");
  return Int32Array.from({ length: count }, (_, i) => {
    const value = read(view, dataStart + i * size, little);
    if (value !== (value | 0))
      throw new UserError(
        `${name}: value ${value} at index ${i} does not fit int32`,
      );
    return value;
  });
}

/** The header's fields: the type, the inside of the shape's parentheses (blanks removed), and where the data starts. */
function readHeader(view: DataView, bytes: Uint8Array, name: string) {
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
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || shape === undefined) throw damaged();
  return {
    descr: descr.replaceAll("'", ""),
    shape: shape.replaceAll(" ", ""),
    dataStart,
  };
}

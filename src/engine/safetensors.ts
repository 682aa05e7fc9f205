/**
 * The safetensors file format (https://github.com/huggingface/safetensors#format), read and written in memory.
 *
 * A file is an 8-byte little-endian header length, a JSON header padded with spaces to a multiple of 8, and the
 * tensors' bytes, little-endian and row-major. Checkpoints, exported weights, logits and golden values use it.
 *
 * In memory every floating-point tensor is a Float32Array, the engine's own type: F16 and BF16 are widened exactly,
 * F64 is rounded (a finite value beyond f32's range is refused). Integers keep their width, so I64 is a BigInt64Array
 * and nothing has to be range-checked. F8 tensors stay as their raw bytes. `dtype` always names the type in the file,
 * so what was decoded can be encoded again.
 *
 * Typed arrays are taken as little-endian, as they are on every platform that has WebGPU.
 */

import {
  formatOf,
  layoutRank,
  SafetensorsError,
  type SafetensorsDtype,
  type SafetensorsTensor,
} from "./safetensors-dtypes.js";

export {
  SafetensorsError,
  type SafetensorsArrays,
  type SafetensorsDtype,
  type SafetensorsFault,
  type SafetensorsTensor,
} from "./safetensors-dtypes.js";

export interface SafetensorsFile {
  tensors: Map<string, SafetensorsTensor>;
  /** The header's `__metadata__`; empty where there is none. */
  metadata: Record<string, string>;
}

/** The longest header read, in bytes: the reference implementation's limit. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * A file of these tensors, laid out by dtype (widest first), then by name in code-unit order: the bytes do not depend
 * on the map's order. F16 and BF16 are rounded to nearest, ties to even.
 *
 * Throws SafetensorsError (`entry`, `dtype`, `size`) for a tensor that its dtype, shape and data do not agree on.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = [...tensors].sort(
    ([nameA, a], [nameB, b]) =>
      (layoutRank.get(a.dtype) ?? 0) - (layoutRank.get(b.dtype) ?? 0) ||
      (nameA < nameB ? -1 : 1),
  );
  // Put together by hand: an object would move integer-like names to the front.
  const members: string[] = [];
  if (Object.keys(metadata).length > 0) {
    members.push(`"__metadata__":${JSON.stringify(metadata)}`);
  }
  let end = 0;
  for (const [name, tensor] of entries) {
    const begin = end;
    end += checkedBytes(name, tensor);
    const entry = {
      dtype: tensor.dtype,
      shape: tensor.shape,
      data_offsets: [begin, end],
    };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const header = new TextEncoder().encode(`{${members.join(",")}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new SafetensorsError(
      "header-size",
      `the header would take ${headerBytes} bytes, more than ${MAX_HEADER_BYTES}`,
    );
  }
  const file = new Uint8Array(8 + headerBytes + end);
  new DataView(file.buffer).setUint32(0, headerBytes, true);
  file.fill(0x20, 8, 8 + headerBytes).set(header, 8);
  let offset = 8 + headerBytes;
  for (const [name, tensor] of entries) {
    const stored = formatOf(name, tensor.dtype).encode(tensor.data);
    file.set(
      new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength),
      offset,
    );
    offset += stored.byteLength;
  }
  return file;
}

/** Bytes that a tensor takes in a file, after checking that its parts agree. */
function checkedBytes(name: string, tensor: SafetensorsTensor): number {
  if (name === "__metadata__") {
    throw new SafetensorsError(
      "entry",
      `no tensor can be named "__metadata__": the format keeps that name`,
    );
  }
  const format = formatOf(name, tensor.dtype);
  if (!isCounts(tensor.shape)) {
    throw new SafetensorsError(
      "entry",
      `tensor "${name}" has shape [${tensor.shape.join(", ")}]; dimensions are non-negative integers`,
    );
  }
  if (!(tensor.data instanceof format.memory)) {
    throw new SafetensorsError(
      "dtype",
      `tensor "${name}" of dtype ${tensor.dtype} needs a ${format.memory.name}, got a ${tensor.data.constructor.name}`,
    );
  }
  const elements = product(tensor.shape);
  if (elements !== tensor.data.length) {
    throw new SafetensorsError(
      "size",
      `tensor "${name}" of shape [${tensor.shape.join(", ")}] has ${elements} elements, but ${tensor.data.length} values are given`,
    );
  }
  return elements * format.bytes;
}

/**
 * Reads a file's bytes. The arrays are copies, aligned and independent of `bytes`; the map is in the order of the data.
 *
 * Throws SafetensorsError, whose `fault` and message say what is damaged and where.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes);
  const dataBytes = bytes.length - dataStart;
  let metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = checkedMetadata(value);
    else entries.push(checkedEntry(name, value));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== covered) {
      const how = begin < covered ? "overlaps" : "leaves a hole after";
      throw new SafetensorsError(
        "offsets",
        `tensor "${name}" begins at byte ${begin} of the data and ${how} the tensor that ends at ${covered}`,
      );
    }
    covered = end;
  }
  if (covered > dataBytes) {
    throw new SafetensorsError(
      "truncated",
      `the header announces ${covered} bytes of data, the file has ${dataBytes}`,
    );
  }
  if (covered < dataBytes) {
    throw new SafetensorsError(
      "offsets",
      `the tensors end at byte ${covered} of the data, the file has ${dataBytes}`,
    );
  }
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    // A copy of its own: inside the file a tensor need not be aligned to its element.
    const stored = new Uint8Array(end - begin);
    stored.set(bytes.subarray(dataStart + begin, dataStart + end));
    const data = formatOf(name, dtype).decode(stored.buffer, name);
    tensors.set(name, { dtype, shape, data } as SafetensorsTensor);
  }
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array): {
  header: Record<string, unknown>;
  dataStart: number;
} {
  if (bytes.length < 8) {
    throw new SafetensorsError(
      "truncated",
      `the file has ${bytes.length} bytes, fewer than the 8 of the header's length`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length =
    view.getUint32(0, true) + view.getUint32(4, true) * 0x1_0000_0000;
  if (length > MAX_HEADER_BYTES) {
    throw new SafetensorsError(
      "header-size",
      `the header is said to take ${length} bytes, more than ${MAX_HEADER_BYTES}: not a safetensors file`,
    );
  }
  const dataStart = 8 + length;
  if (dataStart > bytes.length) {
    throw new SafetensorsError(
      "truncated",
      `the header takes ${length} bytes, the file has ${bytes.length - 8} after its length`,
    );
  }
  let header: unknown;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    // A copy, because a decoder need not accept a view of shared memory.
    header = JSON.parse(decoder.decode(bytes.slice(8, dataStart)));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SafetensorsError(
      "header-json",
      `the header is no valid JSON: ${reason}`,
    );
  }
  if (!isRecord(header)) {
    throw new SafetensorsError(
      "header-json",
      "the header is JSON, but no object",
    );
  }
  return { header, dataStart };
}

interface Entry {
  name: string;
  dtype: SafetensorsDtype;
  shape: number[];
  /** Offsets in bytes from the start of the data. */
  begin: number;
  end: number;
}

function checkedEntry(name: string, value: unknown): Entry {
  const malformed = (what: string) =>
    new SafetensorsError("entry", `tensor "${name}": ${what}`);
  if (!isRecord(value)) throw malformed("its entry is no object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string") throw malformed("its dtype is no string");
  const format = formatOf(name, dtype);
  if (!isCounts(shape)) {
    throw malformed("its shape is no list of non-negative integers");
  }
  if (!isCounts(offsets) || offsets.length !== 2) {
    throw malformed("its data_offsets are no pair of non-negative integers");
  }
  const [begin, end] = offsets as [number, number];
  if (end < begin) {
    throw new SafetensorsError(
      "offsets",
      `tensor "${name}" ends at byte ${end} of the data, before it begins at ${begin}`,
    );
  }
  const expected = product(shape) * format.bytes;
  if (end - begin !== expected) {
    throw new SafetensorsError(
      "size",
      `tensor "${name}" of dtype ${dtype} and shape [${shape.join(", ")}] takes ${expected} bytes, its offsets give ${end - begin}`,
    );
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, begin, end };
}

function checkedMetadata(value: unknown): Record<string, string> {
  if (
    !isRecord(value) ||
    !Object.values(value).every((item) => typeof item === "string")
  ) {
    throw new SafetensorsError(
      "entry",
      "__metadata__ is no object of strings alone",
    );
  }
  return value as Record<string, string>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}

/** Number of elements of a shape. Past 2^53 it is inexact, but then no real file or array can match it. */
function product(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

/**
 * The element types of safetensors files: how each is stored, and how it is held in memory.
 */
import {
  bfloatToFloat,
  floatToBfloat,
  floatToHalf,
  halfToFloat,
} from "./float16.js";

/** The array that holds a tensor of each dtype in memory. */
export interface SafetensorsArrays {
  U64: BigUint64Array;
  I64: BigInt64Array;
  F64: Float32Array;
  F32: Float32Array;
  U32: Uint32Array;
  I32: Int32Array;
  BF16: Float32Array;
  F16: Float32Array;
  U16: Uint16Array;
  I16: Int16Array;
  F8_E4M3: Uint8Array;
  F8_E5M2: Uint8Array;
  I8: Int8Array;
  U8: Uint8Array;
  BOOL: Uint8Array;
}

export type SafetensorsDtype = keyof SafetensorsArrays;

/** One tensor: its dtype in the file, its shape ([] is a scalar) and its values, row-major. */
export type SafetensorsTensor = {
  [D in SafetensorsDtype]: {
    dtype: D;
    shape: readonly number[];
    data: SafetensorsArrays[D];
  };
}[SafetensorsDtype];

/**
 * What is wrong with a file, or with tensors that cannot be written:
 * - `truncated`: the bytes end before the header or the data that it announces;
 * - `header-size`: the header is said to be longer than the limit;
 * - `header-json`: the header is not UTF-8 or not a JSON object;
 * - `entry`: a tensor's entry or `__metadata__` has the wrong form;
 * - `dtype`: a dtype that is not among {@link SafetensorsArrays};
 * - `size`: shape × dtype is not the number of bytes (or elements) given;
 * - `offsets`: tensors overlap, leave bytes uncovered or end before they begin;
 * - `range`: an F64 value does not fit f32.
 */
export type SafetensorsFault =
  | "truncated"
  | "header-size"
  | "header-json"
  | "entry"
  | "dtype"
  | "size"
  | "offsets"
  | "range";

export class SafetensorsError extends Error {
  override name = "SafetensorsError";

  constructor(
    readonly fault: SafetensorsFault,
    message: string,
  ) {
    super(message);
  }
}

export type Data = SafetensorsTensor["data"];

export interface Format {
  /** Bytes of one element in the file. */
  bytes: number;
  /** Constructor of the array in memory. */
  memory: abstract new (length: number) => Data;
  /** Takes over a buffer that holds exactly the tensor's bytes. */
  decode(stored: ArrayBuffer, name: string): Data;
  /** The values as they are stored. */
  encode(data: Data): ArrayBufferView;
}

/** A dtype that is held in memory as it is stored. */
function plain(array: {
  readonly BYTES_PER_ELEMENT: number;
  new (content: number | ArrayBuffer): Data;
}): Format {
  return {
    bytes: array.BYTES_PER_ELEMENT,
    memory: array,
    decode: (stored) => new array(stored),
    encode: (data) => data,
  };
}

/** A 16-bit float, held in memory as f32. */
function float16(
  widen: (bits: number) => number,
  narrow: (value: number) => number,
): Format {
  return {
    bytes: 2,
    memory: Float32Array,
    decode: (stored) => Float32Array.from(new Uint16Array(stored), widen),
    encode: (data) => Uint16Array.from(data as Float32Array, narrow),
  };
}

const float64: Format = {
  bytes: 8,
  memory: Float32Array,
  decode(stored, name) {
    const exact = new Float64Array(stored);
    const data = Float32Array.from(exact);
    const lost = data.findIndex(
      (value, i) => !Number.isFinite(value) && Number.isFinite(exact[i]),
    );
    if (lost >= 0) {
      throw new SafetensorsError(
        "range",
        `tensor "${name}" (F64) holds ${exact[lost]!} at index ${lost}, beyond the range of f32`,
      );
    }
    return data;
  },
  encode: (data) => Float64Array.from(data as Float32Array),
};

/**
 * Every dtype, widest first, in the order in which the reference implementation lays tensors out, so that the same
 * tensors give the same bytes and each tensor is aligned to its element.
 */
const formats: Record<SafetensorsDtype, Format> = {
  U64: plain(BigUint64Array),
  I64: plain(BigInt64Array),
  F64: float64,
  F32: plain(Float32Array),
  U32: plain(Uint32Array),
  I32: plain(Int32Array),
  BF16: float16(bfloatToFloat, floatToBfloat),
  F16: float16(halfToFloat, floatToHalf),
  U16: plain(Uint16Array),
  I16: plain(Int16Array),
  F8_E4M3: plain(Uint8Array),
  F8_E5M2: plain(Uint8Array),
  I8: plain(Int8Array),
  U8: plain(Uint8Array),
  BOOL: plain(Uint8Array),
};

/** A dtype's place in the layout. */
export const layoutRank = new Map(
  Object.keys(formats).map((dtype, i) => [dtype, i]),
);

/** The format of a tensor's dtype. Throws SafetensorsError (`dtype`) for an unknown one. */
export function formatOf(name: string, dtype: string): Format {
  if (!Object.hasOwn(formats, dtype)) {
    throw new SafetensorsError(
      "dtype",
      `tensor "${name}" has dtype ${JSON.stringify(dtype)}; known are ${Object.keys(formats).join(", ")}`,
    );
  }
  return formats[dtype as SafetensorsDtype];
}

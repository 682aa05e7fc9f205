"""The safetensors format (https://github.com/huggingface/safetensors#format) in numpy.

Debian has no package of the reference library. The layout is the one of src/engine/safetensors.ts and of the
reference: widest dtype first, then by name. bfloat16, which numpy lacks, is read into float32 and is not written.

usage: safetensors_io.py FILE    prints the file as one JSON object (values as lists; 64-bit integers and
                                 non-finite floats as strings)
"""
import json
import math
import struct
import sys

import numpy as np

# In the order in which tensors are laid out.
DTYPES = {
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "BF16": np.dtype("<u2"),
    "F16": np.dtype("<f2"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
RANK = {name: i for i, name in enumerate(DTYPES)}


def dtype_name(array):
    for name, dtype in DTYPES.items():
        if dtype == array.dtype and name != "BF16":
            return name
    raise ValueError(f"safetensors has no dtype for {array.dtype}")


def encode(tensors, metadata=None):
    """Bytes of a file. tensors: name -> numpy array; metadata: str -> str."""
    items = sorted(tensors.items(), key=lambda item: (RANK[dtype_name(item[1])], item[0]))
    header = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, array in items:
        stored = np.ascontiguousarray(array).astype(DTYPES[dtype_name(array)]).tobytes()
        header[name] = {
            "dtype": dtype_name(array),
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(stored)],
        }
        data += stored
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def decode(data):
    """(tensors, metadata, dtype names) of a file's bytes. Raises ValueError for a damaged file."""
    if len(data) < 8:
        raise ValueError("no header length")
    (length,) = struct.unpack_from("<Q", data)
    if length > len(data) - 8:
        raise ValueError("truncated header")
    header = json.loads(data[8 : 8 + length])
    body = data[8 + length :]
    metadata = header.pop("__metadata__", {})
    tensors, names, covered = {}, {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
        if begin != covered or end > len(body) or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"tensor {name}: offsets {begin}..{end} do not fit")
        array = np.frombuffer(body[begin:end], dtype).reshape(shape)
        if entry["dtype"] == "BF16":
            array = (array.astype("<u4") << 16).view("<f4")
        tensors[name], names[name], covered = array, entry["dtype"], end
    if covered != len(body):
        raise ValueError(f"{len(body) - covered} bytes belong to no tensor")
    return tensors, metadata, names


def _json_value(value):
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    return value


def main(path):
    with open(path, "rb") as f:
        tensors, metadata, names = decode(f.read())
    shown = {
        name: {
            "dtype": names[name],
            "shape": list(array.shape),
            "data": [_json_value(value) for value in array.reshape(-1).tolist()],
        }
        for name, array in tensors.items()
    }
    print(json.dumps({"tensors": shown, "metadata": metadata}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])

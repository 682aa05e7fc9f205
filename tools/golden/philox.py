"""tarnish's random numbers in numpy: the words of src/engine/random.ts, its initial weights and its dropout masks."""
import math

import numpy as np

INIT, DROPOUT = 0, 3  # Purpose in src/engine/random.ts


def words(counter, seed):
    """Philox4x32-10 (Salmon et al., SC11). counter: four arrays or numbers that broadcast; four arrays of u32 words."""
    c = [np.array(part, np.uint64) for part in np.broadcast_arrays(*counter)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        high0, high1 = p0 >> np.uint64(32), p1 >> np.uint64(32)
        c = [high1 ^ c[1] ^ np.uint64(k0), p1 & low, high0 ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def floats(count, index, epoch, purpose, seed):
    """The first `count` numbers of a stream, uniform in [0, 1) with 24 bits. index may be an array [n, 1]: [n, count]."""
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    streams = words((blocks, index, epoch, purpose), seed)
    flat = np.stack(streams, -1)
    flat = flat.reshape(*flat.shape[:-2], -1)[..., :count]
    return (flat >> np.uint64(8)) * 2.0**-24


def hash_name(name):
    """FNV-1a of a parameter's name: the index of its stream."""
    value = 0x811C9DC5
    for character in name:
        value = ((value ^ ord(character)) * 0x01000193) & 0xFFFFFFFF
    return value


def initial_weight(name, shape, fan_in, seed):
    """PyTorch's default U(-1/sqrt(fan_in), 1/sqrt(fan_in)) of a convolution or linear layer, as tarnish draws it; f32."""
    values = floats(math.prod(shape), hash_name(name), 0, INIT, seed)
    return ((2 * values - 1) * (1 / math.sqrt(fan_in))).astype(np.float32).reshape(shape)


def dropout_mask(ids, channels, p, epoch, seed, layer=0):
    """What dropout multiplies values [n, channels] of the images `ids` with: 0 or 1/(1-p)."""
    index = np.array(ids, np.uint64)[:, None] ^ np.uint64((layer * 0x9E3779B9) & 0xFFFFFFFF)
    kept = floats(channels, index, epoch, DROPOUT, seed) >= float(np.float32(p))
    return kept / float(np.float32(1 - p))

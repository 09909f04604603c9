"""Training crops as weightproof makes them, by PyTorch and SciPy: the same draws, rectangle, bilinear resampling, flip, mean and PCA
colour jitter. Writes crops.json, which tests/twins/resample.rs holds the twin of the kernel against.

    python crops.py > crops.json
"""

import json

import numpy as np
import torch
from scipy.stats import norm

SEED, STEP = 0x0123_4567_89AB_CDEF, 0x1_0000_0007
CROP, STRETCH, FLIP, COLOR = 10, 0.1, 0.5, 0.1
ROWS, COLUMNS = 12, 15
IMAGES = 6
MEAN = [123.68, 116.779, 103.939]
VALUES = [0.2175, 0.0188, 0.0045]
VECTORS = np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
# Purposes of draws: src/philox.rs.
AUGMENT, CROPS, COLORS = 5, 7, 8


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011)."""
    c, k, mask = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & mask, (p >> 32) ^ c[3] ^ k[1], p & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c


def draws(place, stream):
    key = [(SEED ^ (stream * 0x9E3779B9)) & 0xFFFFFFFF, SEED >> 32]
    return philox([place, 0, STEP & 0xFFFFFFFF, STEP >> 32], key)


def side(of, size, place):
    """First pixel and number of pixels of a rectangle along a side of `of` pixels."""
    u = (size + 0.5) / 2**32
    n = min(int(np.floor(CROP * (1 - STRETCH + 2 * STRETCH * u) + 0.5)), of)
    return place * (of - n + 1) >> 32, n


def gauss(word):
    """A normal number by inversion: one bit is the sign, 23 the probability of the tail."""
    tail = ((word >> 8 & 0x7FFFFF) | 1) * 2.0**-24
    return norm.ppf(tail) if word >> 31 else -norm.ppf(tail)


def picture(i):
    y, x, c = np.meshgrid(range(ROWS), range(COLUMNS), range(3), indexing="ij")
    return ((37 * y * y + 91 * x * y + 53 * x + 11 * x * x + 29 * c * (y + 1) + 77 * i) % 256).astype(np.uint8)


def image(i):
    words = draws(i, CROPS)
    (top, rows), (left, columns) = side(ROWS, words[0], words[2]), side(COLUMNS, words[1], words[3])
    part = torch.from_numpy(picture(i)[top : top + rows, left : left + columns].astype(np.float64))
    part = part.permute(2, 0, 1)[None]
    out = torch.nn.functional.interpolate(part, size=(CROP, CROP), mode="bilinear", align_corners=False)
    out = out[0].permute(1, 2, 0).numpy()
    if draws(i, AUGMENT)[0] < FLIP * 2**32:
        out = out[:, ::-1]
    z = np.array([gauss(word) for word in draws(i, COLORS)[:3]])
    jitter = VECTORS @ (COLOR * z * 255 * np.sqrt(VALUES))
    return {"rectangle": [top, left, rows, columns], "image": np.round(out - MEAN + jitter, 4).ravel().tolist()}


if __name__ == "__main__":
    print(json.dumps([image(i) for i in range(IMAGES)]))

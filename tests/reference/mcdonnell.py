"""A small network in the form of those that McDonnell 2018 published (src/weights/mcdonnell.rs), written by scipy: compressed,
depth 8, 4, 8 and 16 channels, 10 classes. Bits and moments come from a generator. Its logits, in float64 and plain loops over the taps
as Keras pads, for images of a formula that the test knows: `mcdonnell.json`."""

import json

import numpy as np
from scipy.io import savemat

rng = np.random.default_rng(1)
WIDTHS = [4, 8, 16]
convs, norms = [], []


def conv(kernel, c_in, c_out):
    convs.append(rng.integers(0, 2, (1, kernel, kernel, c_in, c_out), dtype=np.uint8))


def norm(channels, mean, deviation, learned=False):
    rows = [rng.uniform(0.5, 1.5, channels), rng.uniform(-0.5, 0.5, channels)] if learned else []
    rows += [rng.normal(mean, deviation, channels), rng.uniform(0.5, 2, channels) * deviation ** 2]
    norms.append(np.stack(rows).astype(np.float32))


norm(3, 127, 60, learned=True)
conv(3, 3, WIDTHS[0])
channels = WIDTHS[0]
for width in WIDTHS:
    norm(channels, 0, 1)
    conv(3, channels, width)
    norm(width, 0, 1)
    conv(3, width, width)
    channels = width
norm(channels, 0, 1.5)
conv(1, channels, 10)
norm(10, 0, 1)

named = {}
for i, array in enumerate(norms):
    named[f"batch_normalization_v1_{7 + i}"] = array
    if i < len(convs):
        named["conv2d" + (f"_{i}" if i else "")] = convs[i]
savemat("mcdonnell.mat", named, do_compression=True)


def images(count):
    """[image, row, column, channel]"""
    image, row, column, channel = np.ogrid[:count, :32, :32, :3]
    return ((29 * image + 5 * row + 3 * column + 50 * channel + image * row * column) % 256).astype(np.float64)


def same(x, kernel, stride):
    """Each tap's view of the input, padded as TensorFlow's `same`; and where it is padding."""
    n, h, w, _ = x.shape
    out = [-(-h // stride), -(-w // stride)]
    before = [max((o - 1) * stride + kernel - s, 0) // 2 for o, s in zip(out, (h, w))]
    padded = np.zeros((n, h + 2 * kernel, w + 2 * kernel, x.shape[3]))
    inside = np.zeros((h + 2 * kernel, w + 2 * kernel))
    at = [slice(b, b + s) for b, s in zip(before, (h, w))]
    padded[:, at[0], at[1]], inside[at[0], at[1]] = x, 1
    for ky in range(kernel):
        for kx in range(kernel):
            rows, columns = (slice(k, k + o * stride, stride) for k, o in zip((ky, kx), out))
            yield ky, kx, padded[:, rows, columns], inside[rows, columns]


def logits(x):
    weights, moments = iter(convs), iter(norms)

    def conv(x, stride=1):
        bits = next(weights)[0].astype(np.float64)
        kernel, _, c_in, _ = bits.shape
        w = (2 * bits - 1) * np.sqrt(2 / (kernel * kernel * c_in))
        return sum(view @ w[ky, kx] for ky, kx, view, _ in same(x, kernel, stride))

    def norm(x):
        *learned, mean, variance = next(moments).astype(np.float64)
        gamma, beta = learned or (1, 0)
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    relu = lambda x: np.maximum(x, 0)
    x = conv(norm(x))
    for scale in range(3):
        stride = 2 if scale else 1
        y = conv(relu(norm(conv(relu(norm(x)), stride))))
        if scale:
            views = list(same(x, 3, 2))
            x = sum(view for *_, view, _ in views) / sum(inside for *_, inside in views)[:, :, None]
            x = np.concatenate([x, np.zeros_like(x)], axis=3)
        x = x + y
    return norm(conv(relu(norm(x)))).mean((1, 2))


values = logits(images(20))
labels = np.arange(20) % 10
loss = np.log(np.exp(values).sum(1)) - values[np.arange(20), labels]
result = {"logits": values.round(9).tolist(), "loss": loss.mean(), "error": 100 * float((values.argmax(1) != labels).mean())}
with open("mcdonnell.json", "w") as f:
    json.dump(result, f, indent=1)
    f.write("\n")

"""Reads a packed network (models/README.md, "Packed files") and computes its logits with NumPy.

python3 packed.py NET.wp1 IMAGES.npy      images: [n, rows, columns, channels], bytes; or floats, prepared as in training
"""
import json
import sys
import tomllib

import numpy as np


def load(path):
    """Tensors by name, packed ones as f32; and the metadata."""
    data = open(path, "rb").read()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    meta, tensors = header.pop("__metadata__"), {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        kind = {"F32": "<f4", "U8": "u1"}[t["dtype"]]
        tensors[name] = np.frombuffer(data[start + begin:start + end], kind).reshape(t["shape"])
    for name, form in json.loads(meta["packed"]).items():
        bits, scale = (tensors.pop(f"{name}.{part}") for part in ("bits", "scale"))
        code = np.unpackbits(bits, axis=1, bitorder="little").astype(np.float32)
        inner = int(np.prod(form["shape"][1:]))
        sign = 2 * code - 1 if form["bits"] == 1 else code[:, ::2] * (2 * code[:, 1::2] - 1)
        tensors[name] = (scale[:, None] * sign[:, :inner]).reshape(form["shape"])
    return tensors, meta


def pair(n):
    return (n, n) if isinstance(n, int) else tuple(n)


def windows(x, size, stride, pad, fill, ceil=False):
    """The windows of a map, [n, channels, rows, columns, kh, kw]."""
    (kh, kw), (sh, sw) = pair(size), pair(stride)
    around = []
    for n, k, s, p in zip(x.shape[2:], (kh, kw), (sh, sw), (pad, pad) if pad == "same" else pair(pad)):
        if p == "same":
            total = max(0, (-(-n // s) - 1) * s + k - n)
            around.append((total // 2, total - total // 2))
            continue
        out = (n + 2 * p - k) // s + 1
        out += ceil and (n + 2 * p - k) % s != 0 and out * s < n + p
        around.append((p, p + max(0, (out - 1) * s + k - n - 2 * p)))
    x = np.pad(x, ((0, 0), (0, 0), *around), constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]


class Net:
    def __init__(self, path):
        self.tensors, self.meta = load(path)
        self.preset = tomllib.loads(self.meta["preset"])
        self.epsilon = self.preset.get("batch_norm", {}).get("epsilon", 1e-4)

    def __call__(self, x):
        """Logits of prepared images [n, rows, columns, channels]."""
        self.count = {}
        return self.layers(self.preset["layers"], x.transpose(0, 3, 1, 2)).reshape(len(x), -1)

    def layers(self, layers, x):
        for layer in layers:
            x = self.layer(layer, x)
        return x

    def layer(self, l, x):
        if "repeat" in l:
            for _ in range(l["repeat"]):
                x = self.layers(l["layers"], x)
            return x
        kind = next(k for k in PREFIX if k in l)
        prefix = PREFIX[kind]
        self.count[prefix] = self.count.get(prefix, 0) + 1
        name = l.get("name", f"{prefix}{self.count[prefix]}")
        of = lambda part: self.tensors.get(f"{name}.{part}")
        if kind == "conv2d":
            w, groups = of("weight"), l.get("groups", 1)
            win = windows(x, l["kernel"], l.get("stride", 1), l.get("pad", 0), 0)
            parts = zip(np.split(win, groups, axis=1), np.split(w, groups))
            x = np.concatenate([np.einsum("ncijuv,ocuv->noij", a, b, optimize=True) for a, b in parts], axis=1)
        elif kind == "linear":
            x = (x.reshape(len(x), -1) @ of("weight").T)[:, :, None, None]
        elif kind == "batchnorm":
            column = lambda v, none: none if v is None else v[:, None, None]
            scale = column(of("weight"), 1) / np.sqrt(column(of("running_var"), 0) + np.float32(self.epsilon))
            x = (x - column(of("running_mean"), 0)) * scale + column(of("bias"), 0)
        elif kind == "relu":
            x = np.maximum(x, 0)
        elif kind == "avgpool" and l[kind] == "global":
            x = x.mean((2, 3), keepdims=True)
        elif kind in ("maxpool", "avgpool"):
            args = (l[kind], l.get("stride", l[kind]), l.get("pad", 0))
            fill = 0 if l.get("include_pad") else np.nan
            reduce = np.nanmax if kind == "maxpool" else np.nanmean
            x = reduce(windows(x, *args, np.nan if kind == "maxpool" else fill, l.get("ceil", False)), (4, 5))
        elif kind == "pad_channels":
            channels = round(l[kind] * self.preset.get("width", 1.0))
            x = np.pad(x, ((0, 0), (0, channels - x.shape[1]), (0, 0), (0, 0)))
        elif kind == "residual":
            x = self.layers(l[kind], x) + self.layers(l.get("shortcut", []), x)
        bias = of("bias") if kind in ("conv2d", "linear") else None
        return x if bias is None else x + bias[:, None, None]


PREFIX = {"conv2d": "conv", "linear": "fc", "batchnorm": "bn", "relu": "relu", "maxpool": "pool", "avgpool": "pool",
          "dropout": "dropout", "pad_channels": "pad", "residual": "res"}

if __name__ == "__main__":
    net, images = Net(sys.argv[1]), np.load(sys.argv[2])
    if images.dtype == np.uint8:
        images = images.astype(np.float32)
        if net.preset["data"].get("scale", "unit") == "unit":
            images = images / 127.5 - 1
    logits = net(images)
    classes = json.loads(net.meta["classes"]) or range(logits.shape[1])
    for row in logits:
        print(classes[row.argmax()], *(f"{v:.4f}" for v in row))

#!/usr/bin/env python3
"""A small network trained and saved by PyTorch, and what the test protocol of Merolla et al. 2016 says of it: check values for the Rust program's import of weights.

  torch_digits.py        needs numpy and torch; writes torch_digits.safetensors and torch_digits.json beside this file

Network: an nn.Sequential, so that the names are numbers; torch_digits.toml is the same as a preset. Data: the digits that the binary carries, shuffled and split as it does it, pixels 0..16 to -1..1.
Protocol: weights (not biases, not batch norm) projected to alpha sign(w), alpha the largest |w| of the layer, sign(0) = +1; mean and biased variance of each batch of 50 training images, in order and without the
incomplete last batch, averaged over the batches; then the test images, in f64.
"""

import gzip
import json
import os
import struct

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
COUNT, TRAIN, BATCH = 1797, 1437, 50


def philox(c, k):
    c, k = list(c), list(k)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def digits():
    """Images [count, 1, 8, 8] and labels, for training and for testing."""
    with gzip.open(os.path.join(HERE, "../../data/digits.bin.gz")) as f:
        rows = np.frombuffer(f.read(), dtype=np.uint8).reshape(COUNT, 65)
    # Fisher and Yates with the draws of epoch 0 of seed 0, stream 3.
    order, key = list(range(COUNT)), [3 * 0x9E3779B9 & 0xFFFFFFFF, 0]
    for i in range(COUNT - 1, 0, -1):
        low, high = philox([i, 0, 0, 0], key)[:2]
        j = ((high << 32 | low) * (i + 1)) >> 64
        order[i], order[j] = order[j], order[i]
    rows = rows[order]
    x = torch.from_numpy(2.0 * rows[:, :64].astype(np.float64) / 16 - 1).float().reshape(-1, 1, 8, 8)
    y = torch.from_numpy(rows[:, 64].astype(np.int64))
    return x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]


def network():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 10),
    )


def train(x, y):
    torch.manual_seed(1)
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(4):
        for batch in torch.randperm(len(x)).split(BATCH)[:-1]:
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    return net.eval()


def save(path, state):
    """The safetensors format: length of the header, header as JSON, the elements."""
    kinds, header, data = {torch.float32: "F32", torch.int64: "I64"}, {}, b""
    for name, t in sorted(state.items()):
        raw = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": kinds[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps({"__metadata__": {"format": "pt"}} | header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def distorted(net, sign):
    """A copy in f64."""
    copy = network().double().eval()
    copy.load_state_dict({k: v.double() if v.is_floating_point() else v for k, v in net.state_dict().items()})
    if sign:
        with torch.no_grad():
            for i in (0, 4, 7):
                w = copy[i].weight
                w.copy_(w.abs().max() * torch.where(w >= 0, 1.0, -1.0).double())
    return copy


def recomputed(net, x):
    """With the moments of the training images."""
    batches = [net[0](x[i : i + BATCH].double()) for i in range(0, len(x) - BATCH + 1, BATCH)]
    net[1].running_mean.copy_(torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    net[1].running_var.copy_(torch.stack([b.var((0, 2, 3), unbiased=False) for b in batches]).mean(0))
    return net


def main():
    torch.set_num_threads(1)
    x, y, xt, yt = digits()
    net = train(x, y)
    save(os.path.join(HERE, "torch_digits.safetensors"), net.state_dict())

    def measured(n):
        o = n(xt.double())
        top = o.topk(2).values
        return {
            "error": 100.0 * (o.argmax(1) != yt).double().mean().item(),
            "loss": round(F.cross_entropy(o, yt).item(), 8),
            "closest": float(f"{(top[:, 0] - top[:, 1]).min().item():.2g}"),
            "logits": [round(v, 7) for v in o[:6].reshape(-1).tolist()],
        }

    with torch.no_grad():
        out = {
            "about": "written by torch_digits.py: per cent of the 360 test images, mean loss, logits of the first six, and how close the two largest logits of any image are",
            "trained": {"none": measured(distorted(net, False)), "sign": measured(distorted(net, True))},
            "recomputed": {"none": measured(recomputed(distorted(net, False), x)), "sign": measured(recomputed(distorted(net, True), x))},
        }
    with open(os.path.join(HERE, "torch_digits.json"), "w") as f:
        f.write("{\n" + ",\n".join(f' "{k}": {json.dumps(v)}' for k, v in out.items()) + "\n}\n")
    for k in ("trained", "recomputed"):
        for p in ("none", "sign"):
            print(k, p, {q: out[k][p][q] for q in ("error", "loss", "closest")})


if __name__ == "__main__":
    main()

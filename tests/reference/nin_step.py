#!/usr/bin/env python3
"""Training steps of a tiny network with biases and without batch norm, in float64, and poolings in ceil mode: check values for the Rust program.

  nin_step.py [--json OUT]        needs numpy and torch; writes nin_step.json beside this file by default

Layouts: activations NHWC, conv weights [kh, kw, c_in, c_out], linear weights [in, out]; a flat index i runs over a tensor in that order.

Network (batch 4), layers 0 to 4 = conv1, conv2, conv3, conv4, fc1, every one with a bias:
  input 8x8x3 -> conv1 5x5 pad 2, 3-6 -> ReLU -> conv2 1x1, 6-4 -> ReLU -> maxpool 3x3 stride 2 ceil (8 to 4) -> conv3 3x3 pad 1, 4-6 -> ReLU -> avgpool 3x3 stride 2 ceil (4 to 2)
  -> conv4 1x1, 6-8 -> ReLU -> global average -> fc1 8-10 (the logits) -> softmax cross-entropy, mean over the batch.
The last window of each pooling reaches one row and column beyond the map; the average is over what lies in the map.

Inputs: the brackets with % are integers, the rest is evaluated in f64 from left to right and then rounded to f32; everything after that is f64:
  x[i]            = ((i*37 + i*i*5 + 11) % 101) / 50 - 1                                   i in 0..768
  labels          = 3, 1, 4, 1
  weight_k[i]     = (((i*53 + i*i*13 + 13*k + 3) % 97) - 48) / 97 * (0.4 + 0.1*k)          k the layer
  bias_k[j]       = (((j*29 + 5*k + 4) % 13) - 3) / 20
Training: no projection, SGD with momentum 0.9, lr 0.1, weight decay 0.01 on the weights and none on the biases: v = 0.9 v - lr (g + decay w), w += v.
The rate of the biases of conv1 to conv4 is twice lr, that of fc1 a tenth of lr.

The poolings: x[i] = ((i*37 + i*i*5 + 11) % 101) / 50 - 1 over [1, h, w, 2], the outputs of torch's max_pool2d and avg_pool2d.
"""

import argparse
import json
import math
import os
import re

import numpy as np
import torch
import torch.nn.functional as F

BATCH, LR, MOMENTUM, DECAY = 4, 0.1, 0.9, 0.01
NAMES = ["conv1", "conv2", "conv3", "conv4", "fc1"]
SHAPES = [(5, 5, 3, 6), (1, 1, 6, 4), (3, 3, 4, 6), (1, 1, 6, 8), (8, 10)]
PADS = [2, 0, 1, 0]
LABELS = [3, 1, 4, 1]
# Height, width, window, stride, padding, ceil.
POOLS = [
    (8, 6, (3, 3), (2, 2), (0, 0), True),
    (8, 6, (3, 3), (2, 2), (0, 0), False),
    (7, 6, (3, 3), (2, 2), (1, 1), True),
    (7, 6, (3, 3), (2, 2), (1, 1), False),
    (6, 5, (2, 3), (3, 2), (1, 1), True),
    (5, 4, (2, 2), (3, 3), (0, 0), True),
    (3, 3, (2, 2), (2, 2), (1, 1), True),
]


def f32(v):
    return np.asarray(v, dtype=np.float64).astype(np.float32).astype(np.float64)


def ramp(shape):
    i = np.arange(math.prod(shape))
    return f32(((i * 37 + i * i * 5 + 11) % 101) / 50 - 1).reshape(shape)


def inputs():
    w, b = [], []
    for k, s in enumerate(SHAPES):
        i, j = np.arange(math.prod(s)), np.arange(s[-1])
        w.append(f32((((i * 53 + i * i * 13 + 13 * k + 3) % 97) - 48) / 97 * (0.4 + 0.1 * k)).reshape(s))
        b.append(f32((((j * 29 + 5 * k + 4) % 13) - 3) / 20))
    return ramp((BATCH, 8, 8, 3)), np.array(LABELS), w, b


def forward(x, y, w, b):
    """Loss, logits, and the smallest distance to a kink of ReLU and maxpool."""
    h, kink = x.permute(0, 3, 1, 2), {"relu": math.inf, "maxpool": math.inf}
    for k in range(4):
        h = F.conv2d(h, w[k].permute(3, 2, 0, 1), b[k], padding=PADS[k])
        kink["relu"] = min(kink["relu"], h.abs().min().item())
        h = F.relu(h)
        if k == 1:
            # Windows by hand, behind the edge nothing; equal elements are all zeros of the ReLU.
            top = F.pad(h, (0, 1, 0, 1), value=-1).unfold(2, 3, 2).unfold(3, 3, 2).flatten(4).sort(dim=4).values
            assert torch.equal(top[..., 8], F.max_pool2d(h, 3, 2, ceil_mode=True))
            apart = (top[..., 8] - top[..., 7])[top[..., 8] > 0]
            kink["maxpool"] = apart.min().item()
            h = F.max_pool2d(h, 3, 2, ceil_mode=True)
        if k == 2:
            h = F.avg_pool2d(h, 3, 2, ceil_mode=True)
    o = h.mean((2, 3)) @ w[4] + b[4]
    return F.cross_entropy(o, y), o, kink


def run(steps, dtype=torch.float64):
    x, y, w, b = inputs()
    x, y = torch.from_numpy(x).to(dtype), torch.from_numpy(y)
    p = [torch.from_numpy(v).to(dtype) for v in w + b]
    v = [torch.zeros_like(t) for t in p]
    records = []
    for _ in range(steps):
        p = [t.detach().requires_grad_() for t in p]
        loss, logits, kink = forward(x, y, p[:5], p[5:])
        grads = torch.autograd.grad(loss, p)
        decay = [DECAY] * 5 + [0.0] * 5
        rates = [LR] * 4 + [0.1 * LR] + [2 * LR] * 4 + [0.1 * LR]
        v = [MOMENTUM * m - r * (g + d * t.detach()) for m, r, g, d, t in zip(v, rates, grads, decay, p)]
        p = [t.detach() + m for t, m in zip(p, v)]
        records.append({"loss": loss, "logits": logits, "grads": grads, "kink": kink, "p": p})
    return records


def check(first):
    """Central differences of every gradient of the first step."""
    x, y, w, b = inputs()
    x, y, p = torch.from_numpy(x), torch.from_numpy(y), [torch.from_numpy(v) for v in w + b]
    worst, d = 0.0, 1e-6
    for t, g in zip(p, first["grads"]):
        for i in np.ndindex(*t.shape):
            keep = t[i].item()
            ends = []
            for at in (keep + d, keep - d):
                t[i] = at
                ends.append(forward(x, y, p[:5], p[5:])[0].item())
            t[i] = keep
            worst = max(worst, abs((ends[0] - ends[1]) / (2 * d) - g[i].item()))
    assert worst < 1e-8, worst
    return worst


def flat(v):
    return [float(f"{float(e):.10g}") for e in v.detach().reshape(-1)]


def pools():
    out = []
    for h, w, kernel, stride, pad, ceil in POOLS:
        x = torch.from_numpy(ramp((1, h, w, 2))).permute(0, 3, 1, 2)
        top = F.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil)
        means = {str(p).lower(): F.avg_pool2d(x, kernel, stride, pad, ceil_mode=ceil, count_include_pad=p) for p in (False, True)}
        case = {"h": h, "w": w, "kernel": kernel, "stride": stride, "pad": pad, "ceil": ceil, "out": list(top.shape[2:])}
        nhwc = lambda t: flat(t.permute(0, 2, 3, 1))
        out.append(case | {"max": nhwc(top), "mean": nhwc(means["false"]), "mean_include_pad": nhwc(means["true"])})
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--json", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "nin_step.json"))
    a = ap.parse_args()
    torch.set_num_threads(1)
    records, single = run(3), run(3, torch.float32)
    first = records[0]
    print(f"central differences: worst error {check(first):.1e}")

    def apart(pick):
        return float(f"{max((a.double() - b).abs().max().item() for a, b in zip(pick(single), pick(records))):.2g}")

    def per_layer(v):
        return {n: {"weight": flat(v[k]), "bias": flat(v[5 + k])} for k, n in enumerate(NAMES)}

    out = {
        "about": "written by nin_step.py, whose header gives the network, the formulae of the inputs and the layouts",
        "losses": [float(f"{r['loss'].item():.10g}") for r in records],
        "margins": {k: float(f"{min(r['kink'][k] for r in records):.3g}") for k in first["kink"]},
        "f32_error": {
            "losses": apart(lambda r: [v["loss"] for v in r]),
            "logits": apart(lambda r: [r[0]["logits"]]),
            "grad": apart(lambda r: r[0]["grads"]),
            "after_3": apart(lambda r: r[2]["p"]),
        },
        "first": {"logits": flat(first["logits"]), "grad": per_layer(first["grads"])},
        "after_3": per_layer(records[2]["p"]),
        "pools": pools(),
    }
    text = re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", json.dumps(out, indent=1))
    with open(a.json, "w") as f:
        f.write(text + "\n")
    print(json.dumps({k: out[k] for k in ("losses", "margins", "f32_error")}))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Training steps of a tiny residual network by PyTorch's own layers, in float64: check values for the Rust program.

  resnet_step.py [--json OUT]        needs numpy and torch; writes resnet_step.json beside this file by default

Network (batch 4, images 8x8x3; names and order of the parameters are those of the Rust program, a shortcut behind its body):
  conv1 3x3 pad 1, 3-4, bias
  block of BN bn1, ReLU, conv2 3x3 pad 1, 4-4, 2 groups, bias; shortcut: the identity
  block of bn2, ReLU, conv3 3x3 stride 2 pad 1, 4-8, bn3, ReLU, conv4 3x3 pad 1, 8-8, 4 groups; shortcut: mean over 3x3, stride 2, pad 1, the padding excluded, and zeros for the new channels
  block of bn4, ReLU, conv5 3x3 stride 2 pad 1, 8-12, 2 groups, bn5, ReLU, conv6 1x1, 12-12, bias; shortcut: conv7 1x1 stride 2, 8-12, bn6
  block of conv8 1x1, 12-6, bias, ReLU; shortcut: conv9 1x1, 12-6, bias
  bn7 -> ReLU -> flatten 24, in the order row, column, channel -> fc1 24-10, bias (the logits) -> softmax cross-entropy, mean over the batch.
BN: moments of the batch, eps 1e-4.

Layouts of the file: conv weights [kh, kw, c_in / groups, c_out], linear weights [in, out]; a flat index i runs over a tensor in that order.
Inputs: the brackets with % are integers, the rest is evaluated in f64 from left to right and then rounded to f32; everything after that is f64. k is the number of the tensor in the list of
parameters, from 0; a convolution's fan_in is kh kw c_in / groups:
  x[i]            = ((i*37 + i*i*5 + 11) % 101) / 50 - 1                                   i in 0..768, NHWC
  labels          = 3, 1, 4, 1
  weight[i]       = (((i*53 + i*i*13 + 13*k + 3) % 97) - 48) / 97 * 3 / sqrt(fan_in)
  gamma[j]        = 1 + (((j*29 + 5*k) % 13) - 6) / 20
  bias, beta[j]   = (((j*31 + 11*k + 1) % 17) - 8) / 40
Training: no projection, torch.optim.SGD with momentum 0.9, lr 0.05, weight decay 0.01 on the weights of convolutions and of the linear layer alone.

The JSON: logits and gradients of step 1, the losses of steps 1, 2, 3, the parameters after step 3. `f32_error` is the largest absolute difference of the same script run in f32, over
the 24 orders of the batch's images: what a correct f32 program may show. `margin` is the smallest distance of a ReLU's input to 0.
"""

import argparse
import itertools
import json
import math
import os
import re

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

BATCH, LR, MOMENTUM, DECAY = 4, 0.05, 0.9, 0.01
LABELS = [3, 1, 4, 1]


class PadChannels(nn.Module):
    def __init__(self, more):
        super().__init__()
        self.more = more

    def forward(self, x):
        return F.pad(x, (0, 0, 0, 0, 0, self.more))


class Block(nn.Module):
    def __init__(self, body, shortcut=()):
        super().__init__()
        self.body, self.shortcut = nn.Sequential(*body), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.shortcut(x) + self.body(x)


class FlattenNHWC(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def bn(channels):
    return nn.BatchNorm2d(channels, eps=1e-4)


def network():
    conv = nn.Conv2d
    half = dict(stride=2, padding=1)
    return nn.Sequential(
        conv(3, 4, 3, padding=1),
        Block([bn(4), nn.ReLU(), conv(4, 4, 3, padding=1, groups=2)]),
        Block(
            [bn(4), nn.ReLU(), conv(4, 8, 3, **half, bias=False), bn(8), nn.ReLU(), conv(8, 8, 3, padding=1, groups=4, bias=False)],
            [nn.AvgPool2d(3, 2, 1, count_include_pad=False), PadChannels(4)],
        ),
        Block(
            [bn(8), nn.ReLU(), conv(8, 12, 3, **half, groups=2, bias=False), bn(12), nn.ReLU(), conv(12, 12, 1)],
            [conv(8, 12, 1, stride=2, bias=False), bn(12)],
        ),
        Block([conv(12, 6, 1), nn.ReLU()], [conv(12, 6, 1)]),
        bn(6),
        nn.ReLU(),
        FlattenNHWC(),
        nn.Linear(24, 10),
    )


def named(net):
    """Parameters with the names of the Rust program: modules are numbered by kind."""
    count, out = {nn.Conv2d: 0, nn.BatchNorm2d: 0, nn.Linear: 0}, []
    short = {nn.Conv2d: "conv", nn.BatchNorm2d: "bn", nn.Linear: "fc"}
    for m in net.modules():
        if type(m) in count:
            count[type(m)] += 1
            out += [(f"{short[type(m)]}{count[type(m)]}.{n}", p) for n, p in m.named_parameters()]
    return out


def ours(t):
    """In the layout of the file."""
    return t.permute({4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[t.dim()])


def f32(v):
    return v.astype(np.float32).astype(np.float64)


def inputs(net):
    i = np.arange(BATCH * 8 * 8 * 3)
    x = torch.from_numpy(f32(((i * 37 + i * i * 5 + 11) % 101) / 50 - 1)).reshape(BATCH, 8, 8, 3).permute(0, 3, 1, 2)
    for k, (name, p) in enumerate(named(net)):
        i = np.arange(p.numel())
        if p.dim() > 1:
            fan_in = p.shape[1:].numel()
            v = (((i * 53 + i * i * 13 + 13 * k + 3) % 97) - 48) / 97 * 3 / math.sqrt(fan_in)
        elif name.startswith("bn") and name.endswith("weight"):
            v = 1 + (((i * 29 + 5 * k) % 13) - 6) / 20
        else:
            v = (((i * 31 + 11 * k + 1) % 17) - 8) / 40
        with torch.no_grad():
            to = ours(p)
            to.copy_(torch.from_numpy(f32(v)).reshape(to.shape))
    return x, torch.tensor(LABELS)


def run(steps, dtype=torch.float64, order=(0, 1, 2, 3)):
    net = network().to(torch.float64)
    x, y = inputs(net)
    net, x, y = net.to(dtype), x.to(dtype)[list(order)], y[list(order)]
    net.train()
    kink = [math.inf]

    def see(_, args):
        kink[0] = min(kink[0], args[0].abs().min().item())

    for m in net.modules():
        if isinstance(m, nn.ReLU):
            m.register_forward_pre_hook(see)
    weights = [p for _, p in named(net) if p.dim() > 1]
    others = [p for _, p in named(net) if p.dim() == 1]
    groups = [{"params": weights, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=LR, momentum=MOMENTUM)
    losses, first = [], {}
    for step in range(steps):
        optimizer.zero_grad()
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            first = {n: ours(p.grad).clone() for n, p in named(net)}
            first_logits = logits.detach()[[order.index(i) for i in range(BATCH)]]
        optimizer.step()
    after = {n: ours(p.detach()).clone() for n, p in named(net)}
    return {"losses": losses, "logits": first_logits, "grad": first, "after_3": after, "margin": kink[0]}


def check(grad):
    """Central differences of every gradient of the first step."""
    net = network().to(torch.float64)
    x, y = inputs(net)
    worst, d = 0.0, 1e-6
    with torch.no_grad():
        for name, p in named(net):
            t, g = ours(p), grad[name]
            for i in np.ndindex(*t.shape):
                keep = t[i].item()
                ends = []
                for at in (keep + d, keep - d):
                    t[i] = at
                    ends.append(F.cross_entropy(net(x), y).item())
                t[i] = keep
                worst = max(worst, abs((ends[0] - ends[1]) / (2 * d) - g[i].item()))
    assert worst < 1e-8, worst
    return worst


def flat(v):
    return [float(f"{float(e):.10g}") for e in v.reshape(-1)]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--json", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "resnet_step.json"))
    a = ap.parse_args()
    torch.set_num_threads(1)
    double = run(3)
    print(f"central differences: worst error {check(double['grad']):.1e}")

    def apart(single, key):
        a, b = single[key], double[key]
        if key == "losses":
            return max(abs(u - v) for u, v in zip(a, b))
        pairs = [(a, b)] if key == "logits" else [(a[n], b[n]) for n in b]
        return max((u.double() - v).abs().max().item() for u, v in pairs)

    singles = [run(3, torch.float32, order) for order in itertools.permutations(range(BATCH))]
    errors = {key: float(f"{max(apart(s, key) for s in singles):.2g}") for key in ("losses", "logits", "grad", "after_3")}
    out = {
        "about": "written by resnet_step.py, whose header gives the network, the formulae of the inputs and the layouts",
        "losses": [float(f"{v:.10g}") for v in double["losses"]],
        "margin": float(f"{double['margin']:.3g}"),
        "f32_error": errors,
        "logits": flat(double["logits"]),
        "grad": {n: flat(g) for n, g in double["grad"].items()},
        "after_3": {n: flat(p) for n, p in double["after_3"].items()},
    }
    text = re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", json.dumps(out, indent=1))
    with open(a.json, "w") as f:
        f.write(text + "\n")
    print(json.dumps({k: out[k] for k in ("losses", "margin", "f32_error")}))


if __name__ == "__main__":
    main()

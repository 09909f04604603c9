#!/usr/bin/env python3
"""Training steps of a tiny network in float64, from inputs given by integer formulae, as a check value for the Rust program.

  small_step.py [--json OUT]        needs numpy and torch; writes small_step.json beside this file by default

Layouts: activations NHWC, conv weights [kh, kw, c_in, c_out], linear weights [in, out]; a flat index i runs over a tensor in that order. Flattening before fc1 is NHWC order [h, w, c].

Network (batch 4), layers 0 to 3 = conv1, conv2, fc1, fc2:
  input 8x8x3 -> conv1 3x3 pad 1, 3-4 -> BN -> ReLU -> conv2 3x3 pad 1, 4-4 -> maxpool 2x2 -> BN -> ReLU -> flatten 64 -> fc1 64-8 -> BN -> ReLU -> fc2 8-10 -> BN (the logits) -> squared hinge.
No biases. BN: batch mean, biased batch variance, eps 1e-5. Maxpool: stride 2.

Inputs: the brackets with % are integers, the rest is evaluated in f64 from left to right and then rounded to f32; everything after that is f64:
  x[i]            = ((i*37 + i*i*5 + 11) % 101) / 50 - 1                                   i in 0..768
  label[n]        = n % 10
  w_layer[i]      = (((i*53 + i*i*13 + 13*layer + 3) % 97) - 48) / 97 * (0.3 + 0.05*layer)   some weights of conv1 and conv2 are zero: sign(0) = +1
  gamma_layer[j]  = 1 + (((j*29 + 5*layer) % 13) - 6) / 40
  beta_layer[j]   = (((j*31 + 11*layer + 1) % 17) - 8) / 40

One step: P = alpha * sign(W), alpha = max|W| of the layer; forward with P; L = mean over batch and classes of max(0, 1 - t*o)^2, t in {-1, +1}; dL/dP is used as the gradient of W as it is
(no mask, nothing through alpha); ADAM (lr 0.003, beta 0.9 and 0.999, eps 1e-8 added to the square root of the corrected second moment, state zero, step number from 1) on W, gamma and beta;
then W is clipped to [-c, c], c = 0.5 * sqrt(2 / (fan_in + fan_out)), conv fan_in = 9 c_in and fan_out = 9 c_out. gamma and beta are not clipped. The same batch is used for every step.

The JSON: `first` holds alpha, batch moments before each BN, logits, loss and all gradients of step 1; `after_1` the parameters after step 1; `losses` the loss of steps 1, 2, 3 (each before its
update); `after_3` the parameters after step 3. Arrays are flat; numbers have 10 significant digits. `margins` is the smallest distance of steps 1, 2, 3 to a kink
(ReLU: |BN output|; maxpool: best minus second best; hinge: |1 - t*o|), so how much rounding they bear; `gradient` is the smallest gradient that is not zero (the inputs of a ReLU that is off for
the whole batch have gradient exactly zero). `f32_error` is the largest absolute difference of the same script run in f32 throughout: what a correct f32 program may show.
The script checks itself: a second forward pass in plain numpy loops, and central differences of that pass for every gradient.
"""
import argparse, json, math, os, re
import numpy as np
import torch
import torch.nn.functional as F

NAMES = ["conv1", "conv2", "fc1", "fc2"]
SHAPES = [(3, 3, 3, 4), (3, 3, 4, 4), (64, 8), (8, 10)]
BATCH, EPS, LR, B1, B2, ADAM_EPS = 4, 1e-5, 3e-3, 0.9, 0.999, 1e-8


def f32(v):
    return v.astype(np.float32).astype(np.float64)


def inputs():
    i = np.arange(BATCH * 8 * 8 * 3)
    x = f32(((i * 37 + i * i * 5 + 11) % 101) / 50 - 1).reshape(BATCH, 8, 8, 3)
    w, gamma, beta = [], [], []
    for layer, s in enumerate(SHAPES):
        i, j = np.arange(math.prod(s)), np.arange(s[-1])
        w.append(f32((((i * 53 + i * i * 13 + 13 * layer + 3) % 97) - 48) / 97 * (0.3 + 0.05 * layer)).reshape(s))
        gamma.append(f32(1 + (((j * 29 + 5 * layer) % 13) - 6) / 40))
        beta.append(f32((((j * 31 + 11 * layer + 1) % 17) - 8) / 40))
    return x, np.arange(BATCH) % 10, w, gamma, beta


def clip(layer):
    s = SHAPES[layer]
    taps = math.prod(s[:-2])
    return 0.5 * math.sqrt(2 / (taps * s[-2] + taps * s[-1]))


# ---- the step, by autograd ------------------------------------------------------------------------------------------------------------------------------------

def forward(x, y, p, gamma, beta):
    """Loss, logits, moments before each BN, and the smallest distance to a kink of ReLU, maxpool and hinge."""
    h, moments, kink = x, [], {"relu": math.inf, "maxpool": math.inf, "hinge": math.inf}
    for k, w in enumerate(p):
        if k < 2:
            h = F.conv2d(h.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), padding=1)
            if k == 1:
                top = h.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).sort(dim=4).values
                kink["maxpool"] = (top[..., 3] - top[..., 2]).min().item()
                h = F.max_pool2d(h, 2)
            h = h.permute(0, 2, 3, 1)
        else:
            h = h.reshape(BATCH, -1) @ w
        axes = tuple(range(h.dim() - 1))
        mean, var = h.mean(axes), h.var(axes, unbiased=False)
        moments.append((mean, var))
        h = (h - mean) / (var + EPS).sqrt() * gamma[k] + beta[k]
        if k < 3:
            kink["relu"] = min(kink["relu"], h.abs().min().item())
            h = F.relu(h)
    slack = 1 - (2 * F.one_hot(y, 10) - 1) * h
    kink["hinge"] = slack.abs().min().item()
    return slack.clamp(min=0).square().mean(), h, moments, kink


def run(steps, dtype=torch.float64):
    x, y, w, gamma, beta = inputs()
    x, y = torch.from_numpy(x).to(dtype), torch.from_numpy(y)
    w, gamma, beta = ([torch.from_numpy(v).to(dtype) for v in group] for group in (w, gamma, beta))
    state = [(torch.zeros_like(v), torch.zeros_like(v)) for v in w + gamma + beta]
    records = []
    for t in range(1, steps + 1):
        alpha = [v.abs().max() for v in w]
        p = [(a * torch.where(v >= 0, 1.0, -1.0).to(dtype)).requires_grad_() for v, a in zip(w, alpha)]
        gamma, beta = ([v.detach().requires_grad_() for v in group] for group in (gamma, beta))
        loss, logits, moments, kink = forward(x, y, p, gamma, beta)
        grads = torch.autograd.grad(loss, p + gamma + beta)
        after = []
        for v, g, (m, s) in zip(w + gamma + beta, grads, state):
            m.mul_(B1).add_((1 - B1) * g)
            s.mul_(B2).add_((1 - B2) * g * g)
            after.append(v.detach() - LR * (m / (1 - B1**t)) / ((s / (1 - B2**t)).sqrt() + ADAM_EPS))
        w, gamma, beta = [v.clamp(-clip(k), clip(k)) for k, v in enumerate(after[:4])], after[4:8], after[8:]
        kink["gradient"] = min(g[g != 0].abs().min().item() for g in grads)
        records.append({"p": p, "alpha": alpha, "loss": loss, "logits": logits, "moments": moments, "grads": grads, "kink": kink, "w": w, "gamma": gamma, "beta": beta})
    return records


# ---- the check: the same forward pass in plain loops ----------------------------------------------------------------------------------------------------------

def forward_by_loops(x, y, p, gamma, beta):
    def bn(h, k):
        flat = h.reshape(-1, h.shape[-1])
        mean = flat.sum(0) / len(flat)
        var = ((flat - mean) ** 2).sum(0) / len(flat)
        return (h - mean) / np.sqrt(var + EPS) * gamma[k] + beta[k]

    def conv(h, w):
        n, rows, cols, _ = h.shape
        out = np.zeros((n, rows, cols, w.shape[3]))
        for dy in range(3):
            for dx in range(3):
                for r in range(max(0, 1 - dy), min(rows, rows + 1 - dy)):
                    c0, c1 = max(0, 1 - dx), min(cols, cols + 1 - dx)
                    out[:, r, c0:c1] += h[:, r + dy - 1, c0 + dx - 1:c1 + dx - 1] @ w[dy, dx]
        return out

    h = np.maximum(bn(conv(x, p[0]), 0), 0)
    h = conv(h, p[1])
    h = np.maximum(np.maximum(h[:, 0::2, 0::2], h[:, 0::2, 1::2]), np.maximum(h[:, 1::2, 0::2], h[:, 1::2, 1::2]))
    h = np.maximum(bn(h, 1), 0).reshape(BATCH, 64)
    h = np.maximum(bn(h @ p[2], 2), 0)
    o = bn(h @ p[3], 3)
    total = 0.0
    for n in range(BATCH):
        for j in range(10):
            total += max(0.0, 1 - (1 if j == y[n] else -1) * o[n, j]) ** 2
    return total / (BATCH * 10), o


def check(first):
    x, y, w, gamma, beta = inputs()
    params = [np.where(v >= 0, 1.0, -1.0) * np.abs(v).max() for v in w] + gamma + beta

    def loss():
        return forward_by_loops(x, y, params[:4], params[4:8], params[8:])

    value, logits = loss()
    assert abs(value - first["loss"].item()) < 1e-12 and np.abs(logits - first["logits"].detach().numpy()).max() < 1e-11
    worst, d = 0.0, 1e-6
    for v, g in zip(params, first["grads"]):
        for i in np.ndindex(v.shape):
            keep = v[i]
            v[i] = keep + d
            up = loss()[0]
            v[i] = keep - d
            down = loss()[0]
            v[i] = keep
            worst = max(worst, abs((up - down) / (2 * d) - g[i].item()))
    assert worst < 1e-8, worst
    return worst


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--json", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "small_step.json"))
    a = ap.parse_args()
    torch.set_num_threads(1)
    records = run(3)
    first = records[0]
    print(f"central differences: worst error {check(first):.1e}")
    single = run(3, torch.float32)

    def apart(pick):
        return float(f"{max((a.double() - b).abs().max().item() for a, b in zip(pick(single), pick(records))):.2g}")

    def flat(v):
        return [float(f"{float(e):.10g}") for e in v.detach().reshape(-1)]

    def per_layer(w, gamma, beta):
        return {n: {"weight": flat(w[k]), "gamma": flat(gamma[k]), "beta": flat(beta[k])} for k, n in enumerate(NAMES)}

    g = first["grads"]
    out = {
        "about": "written by small_step.py, whose header gives the network, the formulae of the inputs and the layouts",
        "clip": {n: float(f"{clip(k):.10g}") for k, n in enumerate(NAMES)},
        "losses": [float(f"{r['loss'].item():.10g}") for r in records],
        "margins": {k: float(f"{min(r['kink'][k] for r in records):.3g}") for k in first["kink"]},
        "f32_error": {
            "losses": apart(lambda r: [v["loss"] for v in r]),
            "logits": apart(lambda r: [r[0]["logits"]]),
            "grad": apart(lambda r: r[0]["grads"]),
            "after_1": apart(lambda r: r[0]["w"] + r[0]["gamma"] + r[0]["beta"]),
            "after_3": apart(lambda r: r[2]["w"] + r[2]["gamma"] + r[2]["beta"]),
        },
        "first": {
            "alpha": {n: flat(first["alpha"][k])[0] for k, n in enumerate(NAMES)},
            "moments": {n: {"mean": flat(first["moments"][k][0]), "var": flat(first["moments"][k][1])} for k, n in enumerate(NAMES)},
            "logits": flat(first["logits"]),
            "loss": float(f"{first['loss'].item():.10g}"),
            "grad": per_layer(g[:4], g[4:8], g[8:]),
        },
        "after_1": per_layer(first["w"], first["gamma"], first["beta"]),
        "after_3": per_layer(records[2]["w"], records[2]["gamma"], records[2]["beta"]),
    }
    text = re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda m: "[" + " ".join(m[1].split()) + "]", json.dumps(out, indent=1))
    with open(a.json, "w") as f:
        f.write(text + "\n")
    print(json.dumps({k: out[k] for k in ("losses", "margins", "f32_error")}))


if __name__ == "__main__":
    main()

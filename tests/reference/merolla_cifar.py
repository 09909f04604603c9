#!/usr/bin/env python3
"""Reference for the CIFAR-10 recipe of Merolla et al. 2016 (arXiv 1606.01981): PyTorch on the CPU, written from the recipe and sharing no code with the Rust program.

  merolla_cifar.py --name tr-sign-c --projection sign --width 0.125 --epochs 5 --train 10000 --seeds 1,2,3 --distort none,sign,round --data DIR --cache DIR --json OUT

One training step (Algorithm 1): project every weight tensor, forward, backward with respect to the projected weights, ADAM on the real-valued weights with those gradients, clip to [-c, c].
DIR of --data holds data_batch_1..5.bin and test_batch.bin (the official binary layout, perhaps in a folder cifar-10-batches-bin). --cache keeps the ZCA statistics.
--json keeps one entry per --name in the file OUT; the same name again replaces its entry. Needs numpy and torch.

Names of projections and distortions: none sign round power:B power:LO..HI stoch stochm[:G] stochm3[:G] addnorm:S multunif:G bwn. --except 0,-1 leaves the weights of the first and the
last layer real under all of them, as XNOR-Net does (Rastegari et al. 2016).
Everything random is drawn from generators seeded by the run's seed. A random projection is drawn anew for each minibatch in training, and once per distortion in testing:
the batch-norm moments are gathered through the same drawn weights that the test images then see.
"""
import argparse, json, math, os, re, sys, time
import numpy as np
import torch
import torch.nn.functional as F

BATCH = 50
BN_EPS = 1e-5


# ---- data -----------------------------------------------------------------------------------------------------------------------------------------------------

def read_cifar(folder):
    """Images as f32 0..255, channel-major, 3072 features; labels as int64. 50,000 training images in file order, then 10,000 test images."""
    inner = os.path.join(folder, "cifar-10-batches-bin")
    folder = inner if os.path.isdir(inner) else folder

    def one(name):
        rows = np.fromfile(os.path.join(folder, name), np.uint8).reshape(10000, 3073)
        return rows[:, 1:].astype(np.float32), rows[:, 0].astype(np.int64)

    parts = [one(f"data_batch_{i}.bin") for i in range(1, 6)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), *one("test_batch.bin")


def gcn(x, scale=55.0):
    """Global contrast normalisation: every image gets mean 0 and L2 norm `scale`."""
    x = x - x.mean(axis=1, keepdims=True)
    n = np.sqrt((x * x).sum(axis=1, keepdims=True)) / scale
    n[n < 1e-8] = 1
    return x / n


def zca_fit(x, bias=0.1):
    """Column mean and ZCA matrix in float64: P = V diag(eig^-1/2) V^T of the covariance of the centred rows plus bias * I."""
    mean = x.mean(axis=0, dtype=np.float64)
    c = np.zeros((x.shape[1], x.shape[1]))
    for i in range(0, len(x), 5000):
        d = x[i:i + 5000].astype(np.float64) - mean
        c += d.T @ d
    eig, v = np.linalg.eigh(c / len(x) + bias * np.eye(len(c)))
    return mean, (v / np.sqrt(eig)) @ v.T


def zca_apply(x, mean, p):
    out = np.empty(x.shape, np.float32)
    for i in range(0, len(x), 5000):
        out[i:i + 5000] = (x[i:i + 5000].astype(np.float64) - mean) @ p
    return out


def check_preprocessing():
    """The small golden of the recipe, in float64."""
    i, j = np.arange(6)[:, None], np.arange(5)[None, :]
    x = gcn(((37 * i * i + 91 * i * j + 53 * j + 11 * j * j) % 256).astype(np.float64))
    mean, p = zca_fit(x)
    y = (x - mean) @ p
    for got, want in [
        (x[0], [-27.20221334, -2.18868383, 31.42324644, -26.42054054, 24.38819127]),
        (p[0], [.74224918, .61493266, .62133473, .56768535, .61607574]),
        (y[0], [.26089329, -.60649285, 1.07061197, -1.34037358, .61536118]),
        (y[5], [.36169764, -1.0307942, .76538421, 1.21821187, -1.31449952]),
    ]:
        assert np.allclose(got, want, rtol=0, atol=2e-8), (got, want)


def load(data, cache, train):
    """GCN and ZCA (statistics of all 50,000 training images); the first `train` training images and all test images, as NCHW tensors."""
    check_preprocessing()
    xtr, ytr, xte, yte = read_cifar(data)
    xtr, xte = gcn(xtr), gcn(xte)
    path = os.path.join(cache, "zca-cifar10-gcn55-bias0.1.npz")
    if os.path.exists(path):
        with np.load(path) as z:
            mean, p = z["mean"], z["p"]
    else:
        mean, p = zca_fit(xtr)
        os.makedirs(cache, exist_ok=True)
        np.savez(path + ".tmp.npz", mean=mean, p=p)
        os.replace(path + ".tmp.npz", path)

    def tensors(x, y):
        t = torch.from_numpy(zca_apply(x, mean, p)).reshape(-1, 3, 32, 32)
        return t.contiguous(memory_format=torch.channels_last), torch.from_numpy(y)

    return *tensors(xtr[:train], ytr[:train]), *tensors(xte, yte)


# ---- projections (Table 1) ------------------------------------------------------------------------------------------------------------------------------------

def parse(text):
    """'power:0..2' -> ('power', (0.0, 2.0))"""
    name, _, rest = text.partition(":")
    args = tuple(float(v) for v in rest.split("..")) if rest else ()
    need = {"none": (0,), "sign": (0,), "round": (0,), "stoch": (0,), "power": (1, 2), "stochm": (0, 1), "stochm3": (0, 1), "addnorm": (1,), "multunif": (1,), "bwn": (0,)}
    if name not in need or len(args) not in need[name]:
        sys.exit(f"unknown projection '{text}': none sign round power:B power:LO..HI stoch stochm[:G] stochm3[:G] addnorm:S multunif:G bwn")
    return name, args or ((0.5,) if name in ("stochm", "stochm3") else ())


def project(weights, how, g, real=()):
    """The projected copies of all weight tensors but those numbered in `real`, which stay as they are; alpha is the largest magnitude of each tensor. `g` is the generator of the random ones."""
    name, args = how
    beta = args[0] if name == "power" else None
    if name == "power" and len(args) == 2:  # one beta for all layers, drawn anew at each call
        beta = args[0] + (args[1] - args[0]) * torch.rand((), generator=g).item()
    real = [k % len(weights) for k in real]
    return [w.clone() if k in real else one(w, w.abs().max(), name, args, beta, g) for k, w in enumerate(weights)]


def one(w, alpha, name, args, beta, g):
    def uniform(lo=0.0, hi=1.0):
        return lo + (hi - lo) * torch.rand(w.shape, generator=g)

    def sign(positive):
        return torch.where(positive, 1.0, -1.0)

    if name == "none":
        return w.clone()
    if name == "sign":
        return alpha * sign(w >= 0)
    if name == "bwn":  # the mean magnitude of each output channel, the first dimension
        return w.abs().mean(dim=tuple(range(1, w.dim())), keepdim=True) * sign(w >= 0)
    if name == "round":
        return torch.where(w.abs() < alpha / 2, torch.zeros(()), alpha * sign(w >= 0))
    if name == "power":
        return alpha * (w / alpha).abs().pow(beta) * sign(w >= 0)
    if name == "stoch":
        return alpha * sign(uniform() < (w / alpha + 1) / 2)
    if name in ("stochm", "stochm3"):
        p = w.abs() * uniform(args[0], 1 / args[0]) * sign(uniform() < (w / alpha + 1) / 2)
        if name == "stochm3":
            p = torch.where((w.abs() < alpha / 2) & (uniform() < 0.5), torch.zeros(()), p)
        return p
    if name == "addnorm":
        return w + args[0] * alpha * torch.randn(w.shape, generator=g)
    assert name == "multunif"
    return w * uniform(args[0], 1 / args[0])


# ---- network --------------------------------------------------------------------------------------------------------------------------------------------------

class Net:
    """conv-BN-ReLU, conv-MaxPool-BN-ReLU three times, FC-BN-ReLU, FC-BN. `weights` are the real-valued W; gamma and beta of each layer's BN are never projected."""

    def __init__(self, width, g):
        c = [round(v * width) for v in (128, 128, 256, 256, 512, 512)]
        fc = round(1024 * width)
        shapes = [(o, i, 3, 3) for i, o in zip([3] + c, c)] + [(fc, 16 * c[-1]), (10, fc)]
        self.weights, self.std = [], []
        for s in shapes:
            taps = math.prod(s[2:])
            fans = taps * s[1] + taps * s[0]
            bound = math.sqrt(6 / fans)
            self.weights.append((2 * torch.rand(s, generator=g) - 1) * bound)
            self.std.append(math.sqrt(2 / fans))
        self.gamma = [torch.ones(s[0], requires_grad=True) for s in shapes]
        self.beta = [torch.zeros(s[0], requires_grad=True) for s in shapes]

    def forward(self, x, p, moments=None, record=None):
        """Outputs for the weights `p`. With `moments` batch norm uses them, without it the batch's own mean and biased variance, which `record` then receives."""
        for k, w in enumerate(p):
            if w.dim() == 4:
                x = F.conv2d(x, w, padding=1)
                if k % 2:
                    x = F.max_pool2d(x, 2)
            else:
                x = F.linear(x.flatten(1), w)
            if record is not None:
                dims = [d for d in range(x.dim()) if d != 1]
                record.append((x.mean(dims), x.var(dims, unbiased=False)))
            mean, var = moments[k] if moments else (None, None)
            x = F.batch_norm(x, mean, var, self.gamma[k], self.beta[k], training=moments is None, eps=BN_EPS)
            if k + 1 < len(p):
                x = F.relu(x)
        return x


def hinge(o, y):
    t = 2 * F.one_hot(y, o.shape[1]).to(o.dtype) - 1
    return (1 - t * o).clamp(min=0).square().mean()


# ---- training and testing -------------------------------------------------------------------------------------------------------------------------------------

def train(net, x, y, how, real, clip, epochs, lr0, lr1, seed):
    order, draws = torch.Generator().manual_seed(1000 + seed), torch.Generator().manual_seed(2000 + seed)
    limits = [clip * s if clip else math.inf for s in net.std]
    opt = torch.optim.Adam(net.weights + net.gamma + net.beta, lr0, betas=(0.9, 0.999), eps=1e-8)
    losses, errors = [], []
    for e in range(epochs):
        t0 = time.time()
        for group in opt.param_groups:
            group["lr"] = lr0 * (lr1 / lr0) ** (e / epochs)
        loss_sum, wrong = 0.0, 0
        for idx in torch.randperm(len(x), generator=order).split(BATCH):
            p = [q.requires_grad_() for q in project(net.weights, how, draws, real)]
            o = net.forward(x[idx], p)
            loss = hinge(o, y[idx])
            opt.zero_grad()
            loss.backward()
            for w, q in zip(net.weights, p):
                w.grad = q.grad
            opt.step()
            for w, c in zip(net.weights, limits):
                w.clamp_(-c, c)
            loss_sum += loss.item()
            wrong += (o.argmax(1) != y[idx]).sum().item()
        losses.append(loss_sum / (len(x) // BATCH))
        errors.append(100 * wrong / len(x))
        print(f"  epoch {e + 1}/{epochs}: loss {losses[-1]:.5f}, training error {errors[-1]:.2f}%, {time.time() - t0:.1f} s", file=sys.stderr, flush=True)
    return losses, errors


@torch.no_grad()
def test_error(net, how, real, x, y, xte, yte, seed):
    """Per cent wrong on the test images under one distortion of the stored weights, with batch-norm moments re-computed on the training images in file order."""
    p = project(net.weights, how, torch.Generator().manual_seed(3000 + seed), real)
    batches = x.split(BATCH)
    total = None
    for b in batches:
        record = []
        net.forward(b, p, record=record)
        total = record if total is None else [(m + dm, v + dv) for (m, v), (dm, dv) in zip(total, record)]
    moments = [(m / len(batches), v / len(batches)) for m, v in total]
    wrong = sum((net.forward(b, p, moments).argmax(1) != t).sum().item() for b, t in zip(xte.split(500), yte.split(500)))
    return 100 * wrong / len(xte)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--name", help="key of this run in the JSON file (default: the projection)")
    ap.add_argument("--projection", default="sign")
    ap.add_argument("--except", dest="real", default="", help="numbers of layers that stay real, e.g. 0,-1")
    ap.add_argument("--clip", default="0.5", help="c = CLIP * std of the initial weights, or 'none'")
    ap.add_argument("--width", type=float, default=0.125)
    ap.add_argument("--epochs", type=int, default=5)
    ap.add_argument("--train", type=int, default=10000, help="the first N training images")
    ap.add_argument("--seeds", default="1,2,3")
    ap.add_argument("--distort", default="none,sign,round")
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--lr-end", type=float, default=2e-6)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--data", required=True)
    ap.add_argument("--cache", required=True)
    ap.add_argument("--json", required=True)
    a = ap.parse_args()
    how, distortions = parse(a.projection), {d: parse(d) for d in a.distort.split(",")}
    real = [int(k) for k in a.real.split(",") if k]
    clip = None if a.clip == "none" else float(a.clip)
    if not 0 < a.train <= 50000 or a.train % BATCH:
        sys.exit(f"--train must be a multiple of {BATCH} up to 50000")
    torch.set_num_threads(a.threads)
    torch.use_deterministic_algorithms(True)
    t0 = time.time()
    x, y, xte, yte = load(a.data, a.cache, a.train)
    print(f"data: {time.time() - t0:.1f} s", file=sys.stderr, flush=True)

    seeds = []
    for seed in (int(s) for s in a.seeds.split(",")):
        t0 = time.time()
        net = Net(a.width, torch.Generator().manual_seed(seed))
        losses, errors = train(net, x, y, how, real, clip, a.epochs, a.lr, a.lr_end, seed)
        result = {d: test_error(net, h, real, x, y, xte, yte, seed) for d, h in distortions.items()}
        print(f"seed {seed}: {result}, {time.time() - t0:.1f} s", file=sys.stderr, flush=True)
        seeds.append({"seed": seed, "test_error": result, "train_loss": [round(v, 6) for v in losses], "train_error": [round(v, 3) for v in errors]})

    def over(values):
        return {"mean": round(float(np.mean(values)), 4), "std": round(float(np.std(values, ddof=1)), 4) if len(values) > 1 else None}

    name = a.name or a.projection
    command = f"merolla_cifar.py --name {name} --projection {a.projection} --clip {a.clip} --width {a.width:g} --epochs {a.epochs} --train {a.train} --seeds {a.seeds} --distort {a.distort}"
    if real:
        command += f" --except {a.real}"
    if (a.lr, a.lr_end) != (3e-3, 2e-6):
        command += f" --lr {a.lr:g} --lr-end {a.lr_end:g}"
    entry = {"command": command + " --data DIR --cache DIR --json OUT", "torch": torch.__version__, "threads": a.threads, "weights": sum(w.numel() for w in net.weights),
             "clip": [round(clip * s, 8) for s in net.std] if clip else None, "test_error": {d: over([s["test_error"][d] for s in seeds]) for d in distortions},
             "final_train_loss": over([s["train_loss"][-1] for s in seeds]), "seeds": seeds}
    book = {}
    if os.path.exists(a.json):
        with open(a.json) as f:
            book = json.load(f)
    book[name] = entry
    text = re.sub(r"([\[{])\s+([^\[\]{}]*?)\s+([\]}])", lambda m: m[1] + " ".join(m[2].split()) + m[3], json.dumps(book, indent=1))
    with open(a.json, "w") as f:
        f.write(text + "\n")
    print(json.dumps({name: entry["test_error"]}))


if __name__ == "__main__":
    main()
